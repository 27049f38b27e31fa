"""Ports of limits: buckets as support sees them, guesses kept for another store, signals about numbers, work.

Promises and failure policy: as in ``ports.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from watchword.core.breaker import Line
from watchword.core.budget import Spent
from watchword.core.guard import Known
from watchword.core.instant import Instant
from watchword.core.limit import Arrivals, Guesses, GuessLimits
from watchword.core.work import WorkDone, WorkSet


class Buckets(NamedTuple):
    """What was found under keys of buckets, fresh ones included, and of the guard's rows those that there are."""

    sends: Mapping[bytes, Arrivals]
    guesses: Mapping[bytes, Guesses]
    guard: Mapping[bytes, Known | Line | Spent]


class BucketKeys(NamedTuple):
    """Keys of buckets, by their kind. A number's buckets of sends are in its row of the ``guard``."""

    sends: Sequence[bytes]
    guesses: Sequence[bytes]
    guard: Sequence[bytes]


class LimitStore(Protocol):
    """Buckets, seen by support."""

    async def buckets(self, keys: BucketKeys) -> Buckets:
        """Read them. Changes nothing."""
        ...

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:
        """Empty them in one step: sends and budgets of guesses are as new, and breakers of the guard are.

        When a number gave its last right code stays.

        A streak of wrong guesses stays: what closed a channel is opened by ``binding`` and by nobody's word. So does
        what was spent.
        """
        ...


class GuessStore(Protocol):
    """Wrong guesses by recipient, for a store of verifications that may forget what it holds (docs/adr/0025)."""

    async def guesses(self, key: bytes) -> Guesses:
        """What is kept of one bucket (``core.verification.guess_key``); untried where there is nothing."""
        ...

    async def note_guess(self, key: bytes, *, wrong: bool, limits: GuessLimits, now: Instant) -> bool:
        """Run ``core.limit.note_wrong`` or ``note_right`` on one bucket, in one step.

        False where a wrong one was beyond a budget: whoever evaluated it did not know of all that this store knows.
        """
        ...


class NumberSignals(Protocol):
    """Somebody who knows when a number came to another SIM or operator (NIST SP 800-63B-4 3.1.3.3)."""

    async def changed_lately(self, number: str) -> bool:
        """Whether it did so lately that whoever answers it may be somebody else.

        Raises:
            DeliveryError: it is not known.
        """
        ...


class Work(Protocol):
    """Pieces of work, and whether they were done. Keeps nothing."""

    def give(self, key: bytes, *, cost: int, until: Instant) -> WorkSet:
        """A new piece of work, signed with ``key``, that says itself until when it counts."""
        ...

    def is_done(self, key: bytes, done: WorkDone) -> bool:
        """Whether it was given under this very key, and done. When it was is not looked at."""
        ...
