"""A store in two halves (``ports.Store``): what is short-lived on a fast store, what must last on a durable one.

    fast        verifications by email, their outbox, buckets of their sends
    durable     apps and keys, secrets, authenticators, recovery codes, confirmed addresses, notices, wrong guesses,
                verifications by SMS

Messages that cost money are few, and what is counted about them must outlive any restart, so they lie in the durable
half as a whole. An id does not tell its channel: what is not in the fast half is looked for in the other one.

Not handled here: how either keeps its half; that wrong guesses reach the durable one before they are answered is the
fast store's own duty (``adapters/valkey/guesses.py``).

Rules:

* the durable half is opened first and closed last, because the fast one leans on it;
* while the fast half is known to be away, mail goes out all the same, up to a cap: the verification then lies in the
  durable half for good, and so does one from before there were two (docs/adr/0030). Its code is not looked at before
  the fast half is back, and what the fast half knows of its recipient's wrong guesses is loaded again around that;
* a courier that cannot reach one half still works off the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from watchword.adapters.meanwhile import AwayError, Meanwhile
from watchword.core.app import ApiKey, App
from watchword.core.delivery import Delivery, Due, Report, Settlement
from watchword.core.guard import Plan
from watchword.core.instant import Instant, Span
from watchword.core.limit import Charge, Guesses, GuessLimits
from watchword.core.verification import Expected, Judgement, Outcome, Verification, guess_key
from watchword.errors import UnavailableError, UnknownError
from watchword.ports import Added, Facts, FastStore, Idempotency, Store
from watchword.ports_limit import BucketKeys, Buckets

FAST_CHANNELS: Final = frozenset({"email"})
MOST_COUNTED: Final = 10_000

Result = TypeVar("Result")


class SplitStore:
    """Two stores that look like one. Every verb belongs to one of them as a whole."""

    def __init__(self, fast: FastStore, durable: Store, meanwhile: Meanwhile | None = None) -> None:
        self.meanwhile = meanwhile or Meanwhile()
        self._strayed: set[tuple[bytes, int]] = set()  # messages by mail that were claimed from the durable half
        self.fast = fast
        self.durable = durable
        self.secrets = durable.secrets
        self.authenticators = durable.authenticators
        self.handovers = durable.handovers
        self.notices = durable.notices

    async def open(self) -> None:
        """Open both, or none."""
        await self.durable.open()
        try:
            await self.fast.open()
        except BaseException:
            await self.durable.aclose()
            raise

    async def aclose(self) -> None:
        """Finish what is under way and let go."""
        await self.fast.aclose()
        await self.durable.aclose()

    async def ping(self) -> None:
        """Both can be read and written."""
        await self.durable.ping()
        await self.fast.ping()

    def facts(self) -> Facts:
        """The figures of each: a sum would hide which of the two is slow."""
        return {**self.fast.facts(), **self.durable.facts()}

    async def purge(self, *, made_before: Instant, now: Instant, step: int) -> int:
        """Purge the durable half. In the fast one everything has a lifetime and leaves by itself."""
        return await self.durable.purge(made_before=made_before, now=now, step=step)

    async def add(
        self,
        verification: Verification,
        *,
        charges: Sequence[Charge],
        guesses: GuessLimits,
        idempotency: Idempotency | None,
        now: Instant,
        plan: Plan | None = None,
    ) -> Added:
        try:
            return await self._of(verification).add(
                verification, charges=charges, guesses=guesses, idempotency=idempotency, now=now, plan=plan
            )
        except AwayError as error:
            self.meanwhile.charge(now, error)
        return await self.durable.add(verification, charges=(), guesses=guesses, idempotency=idempotency, now=now)

    async def find(self, app: bytes, verification: bytes) -> tuple[Verification, Sequence[Delivery]]:
        return await self._wherever(lambda half: half.find(app, verification))

    async def look(self, verification: bytes) -> tuple[Verification, App]:
        return await self._wherever(lambda half: half.look(verification))

    async def attempt(
        self,
        app: bytes,
        verification: bytes,
        *,
        digits: int,
        matches: bool,
        expected: Expected,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        def step(half: FastStore) -> Awaitable[Judgement]:
            return half.attempt(
                *(app, verification), digits=digits, matches=matches, expected=expected, guesses=guesses, now=now
            )

        return await self._judged(verification, step, now)

    async def confirm_code(
        self,
        app: bytes,
        verification: bytes,
        *,
        digits: int,
        matches: bool,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        def step(half: FastStore) -> Awaitable[Judgement]:
            return half.confirm_code(app, verification, digits=digits, matches=matches, guesses=guesses, now=now)

        return await self._judged(verification, step, now)

    async def recognise(self, app: bytes, verification: bytes) -> Verification:
        return await self._wherever(lambda half: half.recognise(app, verification))

    async def confirm_word(
        self, app: bytes, verification: bytes, *, matches: bool, now: Instant
    ) -> tuple[Outcome, Verification]:
        return await self._wherever(lambda half: half.confirm_word(app, verification, matches=matches, now=now))

    async def exchange(
        self,
        app: bytes,
        verification: bytes,
        *,
        challenge: bytes,
        expected: Expected,
        handed_over: bool,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        def step(half: FastStore) -> Awaitable[Judgement]:
            return half.exchange(
                *(app, verification),
                challenge=challenge,
                expected=expected,
                handed_over=handed_over,
                guesses=guesses,
                now=now,
            )

        return await self._judged(verification, step, now)

    async def resend(
        self,
        app: bytes,
        verification: bytes,
        *,
        charges: Sequence[Charge],
        schedule: tuple[Span, ...],
        guesses: GuessLimits,
        now: Instant,
        plan: Plan | None = None,
    ) -> Added:
        def step(half: FastStore) -> Awaitable[Added]:
            return half.resend(
                *(app, verification), charges=charges, schedule=schedule, guesses=guesses, now=now, plan=plan
            )

        # What costs money is never in the fast half, which refuses it without looking.
        return await (self._wherever(step) if plan is None else step(self.durable))

    async def cancel(self, app: bytes, verification: bytes, *, now: Instant) -> Verification:
        return await self._wherever(lambda half: half.cancel(app, verification, now=now))

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        trouble: UnavailableError | None = None
        taken: list[Due] = []
        for half in (self.fast, self.durable):
            try:
                if len(taken) < most:
                    claimed = await half.claim(now=now, lease=lease, most=most - len(taken))
                    taken += claimed
                    if half is self.durable:
                        self._strayed |= {_name(due) for due in claimed if due.verification.channel in FAST_CHANNELS}
            except UnavailableError as error:
                trouble = error
        if trouble is not None and not taken:
            raise trouble
        return taken

    async def settle(self, due: Due, settlement: Settlement) -> None:
        strayed = _name(due) in self._strayed
        # First: whoever claimed settles once, and where that fails another process may be the next to claim.
        self._strayed.discard(_name(due))
        await (self.durable if strayed else self._of(due.verification)).settle(due, settlement)

    async def report(self, app: bytes, verification: bytes, number: int, report: Report, *, now: Instant) -> bool:
        return await self.durable.report(app, verification, number, report, now=now)  # told of texts alone

    async def buckets(self, keys: BucketKeys) -> Buckets:
        fast, durable = await self.fast.buckets(keys), await self.durable.buckets(keys)
        # Sends are counted where the channel lies, and a key does not tell it: in the other half the bucket is fresh.
        return durable._replace(sends={key: max(fast.sends[key], durable.sends[key]) for key in keys.sends})

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:
        await self.durable.empty(keys, now=now)  # first: guesses that the fast half forgets are loaded from here
        await self.fast.empty(keys, now=now)

    async def next_due(self) -> Instant | None:
        try:
            found = [await self.durable.next_due(), await self.fast.next_due()]
        except AwayError:  # which those who claim hear of
            found = [await self.durable.next_due()]
        return min((due for due in found if due is not None), default=None)

    async def backlog(self, *, now: Instant) -> int:
        return min(MOST_COUNTED, await self.fast.backlog(now=now) + await self.durable.backlog(now=now))

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        found = [*await self.fast.recent(most), *await self.durable.recent(most)]
        return sorted(found, key=lambda sent: (sent[2].at, sent[2].verification, sent[2].number), reverse=True)[:most]

    async def guesses(self, key: bytes) -> Guesses:
        return await self.durable.guesses(key)

    async def note_guess(self, key: bytes, *, wrong: bool, limits: GuessLimits, now: Instant) -> bool:
        return await self.durable.note_guess(key, wrong=wrong, limits=limits, now=now)

    async def app(self, app: bytes) -> App | None:
        return await self.durable.app(app)

    async def add_app(self, app: App) -> None:
        await self.durable.add_app(app)

    async def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        return await self.durable.apps()

    async def update_app(self, app: App) -> None:
        await self.durable.update_app(app)

    async def add_key(self, key: ApiKey, *, replace: bool = False) -> None:
        await self.durable.add_key(key, replace=replace)

    async def revoke_key(self, app: bytes, hint: str) -> int:
        return await self.durable.revoke_key(app, hint)

    async def app_by_key(self, key_hash: bytes) -> App | None:
        return await self.durable.app_by_key(key_hash)

    async def _tied(self, judgement: Judgement, now: Instant) -> Judgement:
        """Tie the address of whoever was approved just now, before anybody hears of it.

        Fails closed: where the durable half is gone in between, nobody is told that it was approved, and the person
        asks for a new code.
        """
        verification = judgement.verification
        elsewhere = verification.subject is not None and verification.channel in FAST_CHANNELS
        if elsewhere and judgement.outcome is Outcome.APPROVED:
            await self.durable.notices.tie(verification, now=now)
        return judgement

    def _of(self, verification: Verification) -> FastStore:
        return self.fast if verification.channel in FAST_CHANNELS else self.durable

    async def _wherever(self, verb: Callable[[FastStore], Awaitable[Result]]) -> Result:
        """Have a verb done by the half that knows the verification. Neither changes anything where it knows it not."""
        try:
            return await verb(self.fast)
        except UnknownError:
            return await verb(self.durable)

    async def _judged(
        self, verification: bytes, step: Callable[[FastStore], Awaitable[Judgement]], now: Instant
    ) -> Judgement:
        """As ``_wherever``, for what counts wrong guesses or approves."""
        try:
            judgement = await step(self.fast)
        except UnknownError:
            found, _ = await self.durable.look(verification)
        else:
            return await self._tied(judgement, now)
        async with self._counted(found, now):
            return await step(self.durable)

    @asynccontextmanager
    async def _counted(self, verification: Verification, now: Instant) -> AsyncIterator[None]:
        """Have a code of the durable half looked at, whose recipient's wrong guesses the fast half may know as well.

        Raises:
            StoreError: the fast half is away, and nothing was looked at; or it went, and nobody hears what came of it.
        """
        if verification.channel not in FAST_CHANNELS:
            yield
            return
        bucket = BucketKeys((), (guess_key(verification),), ())
        await self.fast.empty(bucket, now=now)
        try:
            yield
        finally:
            await self.fast.empty(bucket, now=now)


def _name(due: Due) -> tuple[bytes, int]:
    return due.verification.id, due.number
