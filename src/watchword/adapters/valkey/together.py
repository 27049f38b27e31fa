"""The two verbs that come with every login, over one server: one script, one round trip, one atomic step each.

They hold the rules of ``core/verification.py`` and ``core/limit.py`` a second time, in Lua. The contract suite, its
races and a property over both (``tests/adapters/valkey``) tell whether the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from watchword.adapters import steps
from watchword.adapters.valkey import making
from watchword.adapters.valkey.guesses import GuessBook, budgets, ceiling
from watchword.adapters.valkey.layout import GUESSES_LIE, PREFIX, bucket
from watchword.adapters.valkey.one import Wire
from watchword.adapters.valkey.row import letter, unpack_guesses, unpack_verification
from watchword.adapters.valkey.scripts import ADD, ATTEMPT
from watchword.adapters.valkey.sends import windows
from watchword.core import limit
from watchword.core.instant import Instant
from watchword.core.limit import UNTRIED, Charge, GuessLimits
from watchword.core.verification import Expected, Judgement, Outcome, Status, Verification, guess_key
from watchword.errors import StoreError, UnknownError
from watchword.ports import Added, Idempotency

OUTCOMES = {outcome.value.encode(): outcome for outcome in Outcome}


class Typed(NamedTuple):
    """What a check says, in the order in which scripts take it."""

    digits: int
    matches: int
    purpose: str
    address: bytes
    action: bytes
    grants: bytes

    @classmethod
    def of(
        cls,
        digits: int,
        matches: bool,  # noqa: FBT001 - a fact of the check
        expected: Expected,
        grants: Status = Status.APPROVED,
    ) -> Typed:
        """What a script is told; what is not there is empty, which nothing that is compared ever is."""
        purpose, address, action = expected.purpose or "", expected.address or b"", expected.action or b""
        return cls(digits, int(matches), purpose, address, action, letter(grants))


class Together:
    """``add`` and ``attempt`` where one script reaches everything."""

    def __init__(self, wire: Wire, book: GuessBook) -> None:
        self._wire = wire
        self._book = book

    async def add(
        self,
        verification: Verification,
        charges: Sequence[Charge],
        guesses: GuessLimits,
        idempotency: Idempotency | None,
        now: Instant,
    ) -> Added:
        # Before it is known whether Valkey has the bucket: most recipients come for the first time in an hour.
        kept = await self._book.kept(verification)
        keys = making.keys(self._wire.layout, verification, idempotency)
        term = self._wire.term(keys[0])
        answer = await self._wire.run(
            ADD,
            (*keys, bucket(guess_key(verification)), *(bucket(charge.key) for charge in charges)),
            *(now, *making.arguments(verification, idempotency, now, term)),
            *(ceiling(verification, guesses), kept, GUESSES_LIE),
            *_quiet(charges),
            *(number for charge in charges for number in windows(charge.rates)),
        )
        added = making.told(answer, verification, now, term)
        if added.replayed:
            return added
        after = zip(answer[1::2], answer[2::2], strict=True)
        return msgspec.structs.replace(
            added, left=limit.left([(each, charge.loud) for each, charge in zip(after, charges, strict=True)], now)
        )

    async def attempt(
        self, app: bytes, verification: bytes, typed: Typed, guesses: GuessLimits, now: Instant
    ) -> Judgement:
        key, kept = self._wire.layout.row(verification), b""
        for _ in range(2):
            term = self._wire.term(key)
            word, *found = await self._wire.run(
                ATTEMPT, (key,), now, app, *typed, guesses.ceiling, PREFIX, kept, GUESSES_LIE, *budgets(guesses)
            )
            if word == b"unknown":
                raise UnknownError
            wait, packed, held, noted = found
            judged = unpack_verification(packed, term)
            if word != b"cold":
                break
            kept = await self._book.kept(judged)
        else:
            raise StoreError("Valkey: a bucket of guesses is gone as soon as it is loaded")
        if word == b"codeless":
            steps.demand_code(judged)
        if noted:
            await self._book.note(judged, noted, guesses, now)
        return Judgement(OUTCOMES[word], judged, unpack_guesses(held) if held else UNTRIED, wait)


def _quiet(charges: Sequence[Charge]) -> tuple[int, int]:
    """Which bucket is quiet, counted from 1, and how many of its windows are not; at most one is."""
    return next(((number, len(charge.loud)) for number, charge in enumerate(charges, 1) if charge.quiet), (0, 0))
