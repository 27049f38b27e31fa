"""Time as the core sees it: integer milliseconds.

Ids carry milliseconds, rows hold them and limits are computed in them, so they are the one unit inside.
RFC 3339 texts and ``datetime`` exist at the edges only (docs/adr/0002-instants-are-milliseconds.md).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

Instant = int
Span = int

SECOND: Span = 1_000
MINUTE: Span = 60 * SECOND
HOUR: Span = 60 * MINUTE
DAY: Span = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(instant: Instant) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds, ``2026-11-23T14:02:11.000Z``."""
    second, rest = divmod(instant, SECOND)
    return _whole(second) + _RESTS[rest]


_RESTS = [f".{rest:03d}Z" for rest in range(SECOND)]


@lru_cache(maxsize=512)  # busy seconds are written thousands of times, in answers and in the log; then nobody asks
def _whole(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat(timespec="milliseconds")[:-10]


def rfc3339_of(time: datetime) -> str:
    """The same of an aware ``datetime``, as clients have it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_until(instant: Instant, now: Instant) -> int:
    """Whole seconds from ``now`` to ``instant``, rounded up and never negative."""
    return max(0, -(-(instant - now) // SECOND))
