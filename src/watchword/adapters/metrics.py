"""Metrics: an audit that counts, and shows its counts to Prometheus, summed over all workers of one ``serve``.

What is counted while a request runs are plain integers. Each worker writes them once a second to a file of its own
in the directory that the workers share; whoever is asked adds the files up.

Not handled here: who may ask (``web/api/health.py``), when ``publish`` is called (``bootstrap``).

Rules:

* a counter never goes backwards within one ``serve``: whoever is asked publishes its own counts first, files are
  replaced whole, and the file of a worker that died stays;
* gauges are those of workers that live;
* label values come from small fixed sets; whatever would grow beyond them is counted as ``other``.
"""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from watchword.adapters.batch import ENDS
from watchword.ports import Facts

if TYPE_CHECKING:
    # Imported where it is used: half a megabyte of code that a process needs only once somebody scrapes it.
    from prometheus_client.core import Metric

BUCKETS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)  # milliseconds
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MOST = 2_000  # label sets a metric
OTHER = "other"

_SUFFIX = ".counts"

Labels = TypeVar("Labels", bound=tuple[str, ...])


class Counts(msgspec.Struct, array_like=True):
    """What one worker counted. A histogram is its buckets, then the sum in milliseconds."""

    pid: int
    requests: dict[tuple[str, str, str], int] = msgspec.field(default_factory=dict)
    seconds: dict[str, list[float]] = msgspec.field(default_factory=dict)
    verifications: dict[tuple[str, str, str, str], int] = msgspec.field(default_factory=dict)
    deliveries: dict[tuple[str, str, str], int] = msgspec.field(default_factory=dict)
    events: dict[str, int] = msgspec.field(default_factory=dict)
    store: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    outbox_due: int = 0
    outbox_age: int = 0
    guard: dict[tuple[str, str, str], int] = msgspec.field(default_factory=dict)


class Metrics:
    """The counts of this worker (``ports.Audit``). ``directory`` is shared by the workers; None for one alone."""

    def __init__(self, store_facts: Callable[[], Facts], directory: Path | None = None) -> None:
        self.counts = Counts(os.getpid())
        self._store_facts = store_facts
        self._directory = directory
        self._file = _own_file(directory) if directory else None

    def record(self, event: str, /, **facts: object) -> None:
        """Count one event; about a microsecond."""
        self.note(event, facts)

    def note(self, event: str, facts: Mapping[str, object]) -> None:
        """As ``record``."""
        if event == "http.request":
            self._count_request(facts)
        elif event.startswith("verification."):
            known = facts.get
            labels = (event[13:], str(known("reason", "")), str(known("channel", "")), str(known("purpose", "")))
            _count(self.counts.verifications, labels, (OTHER, "", "", ""))
        elif event.startswith("delivery."):
            _count(self.counts.deliveries, (event[9:], _text(facts, "transport"), _text(facts, "reason")), (OTHER,) * 3)
        elif event in _DECISIONS:
            decided = (event[6:], _text(facts, "reason"), _text(facts, "country"))
            _count(self.counts.guard, decided, (OTHER,) * 3)
        else:
            events = self.counts.events
            events[event] = events.get(event, 0) + 1

    def note_backlog(self, due: int, age: int = 0) -> None:
        """Note how many messages were due a moment ago, and for how many milliseconds the first of them was."""
        self.counts.outbox_due, self.counts.outbox_age = due, age

    def publish(self) -> None:
        """Write the counts for the other workers. A full disk costs this worker's share of the sums, nothing else."""
        self.counts.store = {
            store: {name: float(figure) for name, figure in told.items()} for store, told in self._store_facts().items()
        }
        if self._file is None:
            return
        fresh = self._file.with_suffix(".new")
        with suppress(OSError):
            fresh.write_bytes(msgspec.msgpack.encode(self.counts))
            fresh.replace(self._file)

    @staticmethod
    def warm() -> None:
        """Import what ``render`` needs, on any thread, so that the first scrape holds nobody up."""
        import prometheus_client.core  # noqa: F401, PLC0415 (see above)

    def render(self) -> bytes:
        """All counts in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 (see above)

        self.publish()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Shown(self._everyone()))
        return generate_latest(registry)

    def _count_request(self, facts: Mapping[str, object]) -> None:
        counts = self.counts
        method, route, milliseconds = facts["method"], str(facts["route"]), facts["ms"]
        labels = (route, str(method) if method in METHODS else OTHER, str(facts["status"]))
        if labels not in counts.requests and len(counts.requests) >= MOST:
            route, labels = OTHER, (OTHER, OTHER, OTHER)
        counts.requests[labels] = counts.requests.get(labels, 0) + 1
        histogram = counts.seconds.get(route)
        if histogram is None:
            histogram = counts.seconds[route] = [0] * (len(BUCKETS) + 2)
        if isinstance(milliseconds, (int, float)):
            histogram[bisect_left(BUCKETS, milliseconds)] += 1
            histogram[-1] += milliseconds

    def _everyone(self) -> list[Counts]:
        if self._directory is None:
            return [self.counts]
        return [self.counts, *_others(self._directory, self._file)]


def _own_file(directory: Path) -> Path:
    """Claim a name of its own: a process number may come back while the counts of its first bearer still stand."""
    descriptor, name = tempfile.mkstemp(prefix="worker-", suffix=_SUFFIX, dir=directory)
    os.close(descriptor)
    return Path(name)


def _others(directory: Path, own: Path | None) -> Iterator[Counts]:
    for file in sorted(directory.glob(f"*{_SUFFIX}")):
        if file != own:
            with suppress(OSError, msgspec.MsgspecError):
                yield msgspec.msgpack.decode(file.read_bytes(), type=Counts)


def _text(facts: Mapping[str, object], name: str) -> str:
    return str(facts.get(name, ""))


def _count(counts: dict[Labels, int], labels: Labels, other: Labels) -> None:
    try:
        counts[labels] += 1  # nearly always: one lookup less than asking first
    except KeyError:
        labels = labels if len(counts) < MOST else other
        counts[labels] = counts.get(labels, 0) + 1


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Shown:
    """What Prometheus is shown: one scrape's sums."""

    def __init__(self, everyone: Iterable[Counts]) -> None:
        self._everyone = list(everyone)
        self._living = [counts for counts in self._everyone if _lives(counts.pid)]

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield self._counter("watchword_verifications", "Steps of verifications.", _VERIFICATION, "verifications")
        yield self._counter("watchword_deliveries", "What became of messages.", _DELIVERY, "deliveries")
        yield self._counter("watchword_guard_decisions", "What the guard decided.", _GUARD, "guard")
        yield self._counter("watchword_events", "Everything else that was audited.", ("event",), "events")
        yield from self._stores()
        yield from self._outbox()

    def _requests(self) -> Iterator[Metric]:
        from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 (see above)

        yield self._counter("watchword_http_requests", "Requests answered.", _REQUEST, "requests")
        shown = HistogramMetricFamily("watchword_http_request_seconds", "Time to answer.", labels=("route",))
        sums: dict[str, list[float]] = {}
        for counts in self._everyone:
            for route, histogram in counts.seconds.items():
                before = sums.get(route) or [0] * len(histogram)
                sums[route] = [one + other for one, other in zip(before, histogram, strict=True)]
        for route, histogram in sums.items():
            shown.add_metric((route,), _cumulated(histogram), histogram[-1] / 1_000)
        yield shown

    def _counter(self, name: str, text: str, labels: tuple[str, ...], which: str) -> Metric:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 (see above)

        shown = CounterMetricFamily(name, text, labels=labels)
        sums: dict[str | tuple[str, ...], int] = {}
        for counts in self._everyone:
            for key, count in getattr(counts, which).items():
                sums[key] = sums.get(key, 0) + count
        for key, count in sums.items():
            shown.add_metric((key,) if isinstance(key, str) else key, count)
        return shown

    def _stores(self) -> Iterator[Metric]:
        from prometheus_client.core import (  # noqa: PLC0415 (see above)
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        since, now = _by_store(self._everyone), _by_store(self._living)
        for name, text in _STORE_COUNTERS.items():
            counter = CounterMetricFamily(f"watchword_store_{name}", text, labels=_STORE)
            for store, figures in since.items():
                counter.add_metric((store,), figures[name])
            yield counter
        for name, text in _STORE_GAUGES.items():
            gauge = GaugeMetricFamily(f"watchword_store_{name}", text, labels=_STORE)
            for store, figures in now.items():
                gauge.add_metric((store,), figures[name])
            yield gauge
        shown = HistogramMetricFamily(
            "watchword_store_batch_seconds", "Time of one round trip to the store.", labels=_STORE
        )
        for store, figures in since.items():
            took = [figures[f"took_{place}"] for place in range(len(ENDS) + 2)]
            shown.add_metric((store,), _cumulated(took, ENDS), took[-1] / 1_000)
        yield shown

    def _outbox(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 (see above)

        living = self._living
        # All workers look at the same outbox, so the figures are one figure, seen at different moments.
        due = max((counts.outbox_due for counts in living), default=0)
        yield GaugeMetricFamily("watchword_outbox_due", "Messages due; counting stops at 10 000.", value=due)
        age = max((counts.outbox_age for counts in living), default=0) / 1_000
        yield GaugeMetricFamily(
            "watchword_outbox_age_seconds", "For how long the first of them has been due.", value=age
        )
        yield GaugeMetricFamily("watchword_workers", "Workers that live.", value=len(living))


_REQUEST = ("route", "method", "status")
_VERIFICATION = ("event", "reason", "channel", "purpose")
_GUARD = ("decision", "reason", "country")
_DECISIONS = frozenset({"guard.allowed", "guard.challenged", "guard.monitored", "guard.blocked", "guard.quieted"})
_DELIVERY = ("status", "transport", "reason")
_STORE = ("store",)
_STORE_COUNTERS = {"batches": "Round trips to the store.", "operations": "Operations they carried."}
_STORE_GAUGES = {"queue_depth": "Operations that wait for the next round trip."}


def _by_store(workers: Iterable[Counts]) -> dict[str, defaultdict[str, float]]:
    """What the workers' stores told, summed by its name under the name of each store."""
    sums: dict[str, defaultdict[str, float]] = {}
    for counts in workers:
        for store, figures in counts.store.items():
            of_this = sums.setdefault(store, defaultdict(float))
            for name, figure in figures.items():
                of_this[name] += figure
    return sums


def _cumulated(histogram: list[float], buckets: Sequence[float] = BUCKETS) -> list[tuple[str, float]]:
    ends = [*(str(end / 1_000) for end in buckets), "+Inf"]
    total = 0.0
    shown = []
    for end, count in zip(ends, histogram, strict=False):
        total += count
        shown.append((end, total))
    return shown
