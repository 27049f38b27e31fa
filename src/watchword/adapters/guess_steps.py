"""The steps of a store that keeps wrong guesses for another one (``ports_limit.GuessStore``).

Not handled here: guesses at what this store keeps itself, counted in the step that evaluates them (``steps.py``).
"""

from __future__ import annotations

from typing import Protocol

from watchword.core import limit
from watchword.core.instant import Instant
from watchword.core.limit import Guesses, GuessLimits


class GuessTables(Protocol):
    """Buckets, read and written inside one transaction."""

    def guesses(self, key: bytes) -> Guesses:
        """A bucket of wrong guesses; untried where there is none."""
        ...

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        """Write a bucket of wrong guesses."""
        ...


def note_guess(
    tables: GuessTables,
    key: bytes,
    wrong: bool,  # noqa: FBT001 - passed by the store in order
    limits: GuessLimits,
    now: Instant,
) -> bool:
    """``GuessStore.note_guess``."""
    guesses = tables.guesses(key)
    if not wrong:
        if guesses.streak:
            tables.set_guesses(key, limit.note_right(guesses))
        return True
    tables.set_guesses(key, limit.note_wrong(guesses, limits, now))
    return limit.guess_wait(guesses.log, limits.budgets, now) == 0
