"""Wrong guesses: a bucket in Valkey to decide by, and the same in the durable store, so that nothing is forgotten.

Rules:

* a wrong guess is in the durable store before anybody hears that it was wrong;
* what lies in Valkey counts only under the term that it was loaded or written in; under another, and where it has
  lapsed, it is loaded again from the durable store before it decides anything;
* what ends a streak may be lost on its way to the durable store: a streak that is too long lets nobody guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from watchword.adapters.valkey.layout import GUESSES_LIE, bucket
from watchword.adapters.valkey.one import Wire
from watchword.adapters.valkey.row import pack_guesses, unpack_guesses
from watchword.adapters.valkey.scripts import FORGET, FORGIVE, PEEK
from watchword.core.instant import Instant
from watchword.core.limit import Guesses, GuessLimits
from watchword.core.verification import Verification, guess_key
from watchword.errors import StoreError, UnavailableError
from watchword.ports_limit import GuessStore

WRONG: Final = b"wrong"
RIGHT: Final = b"right"


@lru_cache
def budgets(limits: GuessLimits) -> Sequence[bytes]:
    """Count and span of each budget, as they are sent."""
    return [b"%d" % number for rate in limits.budgets for number in rate]


def ceiling(verification: Verification, limits: GuessLimits) -> int | str:
    """How long a streak may be; '' for a binding, which no streak keeps from being tried."""
    return "" if verification.purpose == "binding" else limits.ceiling


class GuessBook:
    """The buckets, here and there."""

    def __init__(self, wire: Wire, durable: GuessStore) -> None:
        self._wire = wire
        self._durable = durable

    async def kept(self, verification: Verification) -> bytes:
        """What the durable store has of a recipient, as scripts take it."""
        return pack_guesses(await self._durable.guesses(guess_key(verification)))

    async def of(self, verification: Verification) -> Guesses:
        """The bucket of a recipient, to be looked at. Where Valkey cannot tell, the durable store does."""
        key = bucket(guess_key(verification))
        try:
            packed = await self._wire.run(PEEK, (key,), b"", GUESSES_LIE)
            if packed is None:
                packed = await self._wire.run(PEEK, (key,), await self.kept(verification), GUESSES_LIE)
        except StoreError:
            return await self._durable.guesses(guess_key(verification))
        return unpack_guesses(packed)

    async def forgive(self, verification: Verification, limits: GuessLimits, now: Instant) -> None:
        """End a streak here and there. Where that fails, it stays: too long a streak lets nobody guess."""
        with suppress(UnavailableError):
            await self._wire.run(FORGIVE, (bucket(guess_key(verification)),), GUESSES_LIE)
        await self.note(verification, RIGHT, limits, now)

    async def note(self, verification: Verification, word: bytes, limits: GuessLimits, now: Instant) -> None:
        """Write to the durable store what became of a guess, before anybody hears of it.

        Raises:
            StoreError: a wrong guess could not be written; or the term has changed since it was evaluated, and the new
                one may have loaded the bucket without it; or it was beyond the budget that is kept there, because
                another master counts as well. Nobody hears then what became of it.
        """
        key = guess_key(verification)
        if word != WRONG:
            with suppress(UnavailableError):
                await self._durable.note_guess(key, wrong=False, limits=limits, now=now)
            return
        term = self._wire.term(bucket(key))
        if not await self._durable.note_guess(key, wrong=True, limits=limits, now=now):
            with suppress(UnavailableError):
                await self._wire.run(FORGET, (bucket(key),))  # to be loaded with what others have counted
            raise StoreError("Valkey: guesses were counted elsewhere, as if there were two masters")
        if self._wire.term(bucket(key)) != term:
            raise StoreError("Valkey: another term began while a guess was written down")
