"""The two verbs that come with every login, over a cluster, where no script reaches both the row and its buckets.

    check    read what never changes ─▶ reserve a unit of the budget ─▶ evaluate on the row ─▶ settle the unit
    create   look for the idempotency key ─▶ charge every bucket ─▶ write ─▶ give back where it was not written

Each arrow is a step that may be the last one: a process that dies leaves a unit that counts as a wrong guess, or a send
that was charged and not made. Neither helps whoever guesses or floods.

Rules: a guess is evaluated only after its unit was taken; whoever finds no room but for guesses under way looks again,
because they may return theirs; a verb that was begun is carried to its end, whoever waits for it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from watchword.adapters import steps
from watchword.adapters.valkey import making
from watchword.adapters.valkey.guesses import RIGHT, WRONG, GuessBook, budgets, ceiling
from watchword.adapters.valkey.layout import GUESSES_LIE, bucket
from watchword.adapters.valkey.one import Wire
from watchword.adapters.valkey.row import unpack_guesses, unpack_verification
from watchword.adapters.valkey.rows import Rows
from watchword.adapters.valkey.scripts import EVALUATE, LOOK, MAKE, RESERVE, SETTLE
from watchword.adapters.valkey.sends import Sends, is_quiet, left_of
from watchword.adapters.valkey.together import OUTCOMES, Typed
from watchword.core import verification as rules
from watchword.core.instant import SECOND, Instant
from watchword.core.limit import UNTRIED, Charge, GuessLimits
from watchword.core.verification import Judgement, Outcome, Verification, guess_key
from watchword.errors import ChannelClosedError, RateLimitedError, StoreError, UnavailableError, UnknownError
from watchword.ports import Added, Idempotency

_BUSY: Final = 12  # looks at a budget that guesses under way have used up, for about a tenth of a second
_PAUSE: Final = 0.001  # seconds, longer with each
_UNUSED: Final = b"unused"
_RIGHT: Final = frozenset({b"approved", b"confirmed"})

Result = TypeVar("Result")


class Apart:
    """``add`` and ``attempt`` in several steps."""

    def __init__(self, wire: Wire, book: GuessBook, sends: Sends) -> None:
        self._wire = wire
        self._book = book
        self._sends = sends
        self._rows = Rows(wire)
        self._under_way: set[asyncio.Task[Any]] = set()

    async def add(
        self,
        verification: Verification,
        charges: Sequence[Charge],
        guesses: GuessLimits,
        idempotency: Idempotency | None,
        now: Instant,
    ) -> Added:
        return await self._to_the_end(self._add(verification, charges, guesses, idempotency, now))

    async def attempt(
        self, app: bytes, verification: bytes, typed: Typed, guesses: GuessLimits, now: Instant
    ) -> Judgement:
        return await self._to_the_end(self._attempt(app, verification, typed, guesses, now))

    async def _to_the_end(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        finally:
            del task  # its failure passes here, and would hold itself until the collector comes

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

    async def _add(
        self,
        verification: Verification,
        charges: Sequence[Charge],
        guesses: GuessLimits,
        idempotency: Idempotency | None,
        now: Instant,
    ) -> Added:
        earlier = idempotency and await self._look(verification, idempotency, now)
        if earlier is not None:
            return earlier
        try:
            held = await self._book.of(verification)
            if verification.purpose != "binding" and held.streak >= guesses.ceiling:
                raise ChannelClosedError
            paid = await self._sends.charge(charges, verification.channel, now)
        except RateLimitedError:
            # Perhaps the same request, sent twice at once, has taken what there was, and is just being written.
            earlier = idempotency and await self._look_patiently(verification, idempotency, now)
            if earlier is None:
                raise
            return earlier
        keys = making.keys(self._wire.layout, verification, idempotency)
        term = self._wire.term(keys[0])
        if is_quiet(paid):
            verification = msgspec.structs.replace(verification, decoy=True)
        made = making.arguments(verification, idempotency, now, term)
        answer = await self._wire.run(MAKE, keys, now, *made)
        if answer[0] != b"made":
            await self._sends.give_back(paid, now)
            paid = ()
        added = making.told(answer, verification, now, term)
        return msgspec.structs.replace(added, left=left_of(paid, now), quiet=is_quiet(paid))

    async def _look(self, verification: Verification, idempotency: Idempotency, now: Instant) -> Added | None:
        """What was made under an idempotency key."""
        keys = making.keys(self._wire.layout, verification, idempotency)
        term = self._wire.term(keys[0])
        answer = await self._wire.run(LOOK, keys, now, *making.arguments(verification, idempotency, now, term))
        return None if answer is None else making.told(answer, verification, now, term)

    async def _look_patiently(self, verification: Verification, idempotency: Idempotency, now: Instant) -> Added | None:
        for number in range(_BUSY):
            earlier = await self._look(verification, idempotency, now)
            if earlier is not None:
                return earlier
            await asyncio.sleep(_PAUSE * number)
        return None

    async def _attempt(
        self, app: bytes, verification: bytes, typed: Typed, guesses: GuessLimits, now: Instant
    ) -> Judgement:
        for number in itertools.count():
            found = (await self._rows.read(app, verification)).verification
            steps.demand_code(found)
            ended = rules.over(found, now)
            if ended is not None:
                return Judgement(ended, found, UNTRIED)
            word, first, second, held = await self._reserve(found, guesses, now)
            if word == b"reserved":
                return await self._evaluate(found, typed, guesses, now, (first, second))
            if word != b"busy":
                return Judgement(OUTCOMES[word], found, unpack_guesses(held), first)
            if number >= _BUSY:  # whoever took them has died
                return Judgement(Outcome.LIMITED, found, unpack_guesses(held), first or SECOND)
            await asyncio.sleep(_PAUSE * number)
        raise AssertionError("counting does not end")

    async def _reserve(self, found: Verification, guesses: GuessLimits, now: Instant) -> Sequence[Any]:
        key, limits = bucket(guess_key(found)), budgets(guesses)
        kept = b""
        for _ in range(2):
            answer: Sequence[Any] = await self._wire.run(
                RESERVE, (key,), now, ceiling(found, guesses), kept, GUESSES_LIE, *limits
            )
            if answer[0] != b"cold":
                return answer
            kept = await self._book.kept(found)
        raise StoreError("Valkey: a bucket of guesses is gone as soon as it is loaded")

    async def _evaluate(
        self, found: Verification, typed: Typed, guesses: GuessLimits, now: Instant, reserved: tuple[int, int]
    ) -> Judgement:
        key = self._wire.layout.row(found.id)
        term = self._wire.term(key)
        word, *rest = await self._wire.run(EVALUATE, (key,), now, found.app, *typed)
        if word == b"unknown":  # it lapsed between the two looks
            await self._settle(found, _UNUSED, now, reserved)
            raise UnknownError
        packed, guessed = rest
        judged = unpack_verification(packed, term)
        became = WRONG if guessed else RIGHT if word in _RIGHT else _UNUSED
        if became == WRONG or (became == RIGHT and reserved[1]):
            await self._book.note(judged, became, guesses, now)
        held = await self._settle(found, became, now, reserved)
        return Judgement(OUTCOMES[word], judged, unpack_guesses(held) if held else UNTRIED)

    async def _settle(
        self, found: Verification, became: bytes, now: Instant, reserved: tuple[int, int]
    ) -> bytes | None:
        held: bytes | None = None
        with suppress(UnavailableError):  # a unit that nobody settles stays a wrong guess
            key = bucket(guess_key(found))
            held = await self._wire.run(SETTLE, (key,), now, became, *reserved, GUESSES_LIE)
        return held
