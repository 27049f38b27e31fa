"""Port of what support may see and empty: the buckets of one recipient. Promises: as in ``ports.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from watchword.core.instant import Instant
from watchword.core.limit import Arrivals, Guesses


class Buckets(NamedTuple):
    """What was found under keys of buckets, fresh ones included."""

    sends: Mapping[bytes, Arrivals]
    guesses: Mapping[bytes, Guesses]
    guard: Mapping[bytes, bytes]


class BucketKeys(NamedTuple):
    """Keys of buckets, by their kind."""

    sends: Sequence[bytes]
    guesses: Sequence[bytes]
    guard: Sequence[bytes]


class LimitStore(Protocol):
    """Buckets, seen by support."""

    async def buckets(self, keys: BucketKeys) -> Buckets:
        """Read them. Changes nothing."""
        ...

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:
        """Empty them in one step: sends and budgets of guesses are as new, and rows of the guard are.

        A streak of wrong guesses stays: what closed a channel is opened by ``binding`` and by nobody's word.
        """
        ...
