"""The steps of what support may see and empty (``ports_limit.py``)."""

from __future__ import annotations

from typing import Protocol

from watchword.adapters.guard_steps import GuardTables
from watchword.core import calm
from watchword.core.breaker import Line
from watchword.core.guard import Known
from watchword.core.instant import Instant
from watchword.core.limit import FRESH, Arrivals, Guesses
from watchword.ports_limit import BucketKeys, Buckets


class LimitTables(GuardTables, Protocol):
    """Buckets, read and written inside one transaction."""

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        """Write a send bucket."""
        ...

    def guesses(self, key: bytes) -> Guesses:
        """A bucket of wrong guesses; untried where there is none."""
        ...

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        """Write a bucket of wrong guesses."""
        ...


def buckets(tables: LimitTables, keys: BucketKeys) -> Buckets:
    """``LimitStore.buckets``."""
    return Buckets(
        {key: tables.arrivals(key) for key in keys.sends},
        {key: tables.guesses(key) for key in keys.guesses},
        tables.guard.look(keys.guard),
    )


def empty(tables: LimitTables, keys: BucketKeys, now: Instant) -> None:
    """``LimitStore.empty``."""
    found = buckets(tables, keys)
    for key, arrivals in found.sends.items():
        if arrivals != FRESH:
            tables.set_arrivals(key, FRESH)
    for key, guesses in found.guesses.items():
        if guesses.log:
            tables.set_guesses(key, Guesses((), guesses.streak))
    for key, row in found.guard.items():
        if isinstance(row, Line):
            tables.guard.put({key: calm.forgiven(row)}, now)
        elif isinstance(row, Known):
            tables.guard.put({key: Known(row.verified_at)}, now)
