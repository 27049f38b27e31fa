"""What is measured: the order for one run of load, the figures of each of its phases, and medians of them.

Times of requests are milliseconds, everything else is seconds of wall clock or of CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec


class Job(msgspec.Struct, frozen=True):
    """What the load generator is told, on its standard input."""

    scenario: str
    port: int
    pid: int
    connections: int
    seconds: float
    warm: float = 0.0
    most: int = 0  # requests after which a phase ends early; 0 is no such number
    pause: float = 0.0  # seconds that each connection rests after an answer; 0 is a closed loop, as fast as it goes
    api_key: str = ""
    app: bytes = b""
    key_file: str = ""


class Row(msgspec.Struct, frozen=True):
    """One phase: so many requests in so many seconds, and what they cost each side."""

    scenario: str
    connections: int
    requests: int
    seconds: float
    p50: float
    p99: float
    server_cpu: float
    own_cpu: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def microseconds(self) -> float:
        """CPU of the server for one request."""
        return self.server_cpu / self.requests * 1e6

    @property
    def own_share(self) -> float:
        """How much of one core the generator took."""
        return self.own_cpu / self.seconds


class Summary(msgspec.Struct, frozen=True):
    """The medians of several rounds of one phase at one number of connections."""

    scenario: str
    connections: int
    rounds: int
    rate: float
    p50: float
    p99: float
    microseconds: float
    own_share: float

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Summary:
        """Take the medians, each figure by itself."""
        first = rows[0]
        return cls(
            first.scenario,
            first.connections,
            len(rows),
            median(row.rate for row in rows),
            median(row.p50 for row in rows),
            median(row.p99 for row in rows),
            median(row.microseconds for row in rows),
            median(row.own_share for row in rows),
        )


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """One summary for each scenario and number of connections, in the order they came in."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.scenario, row.connections), []).append(row)
    return [Summary.of(group) for group in groups.values()]


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of an ordered sequence lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
