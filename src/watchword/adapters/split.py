"""A store in two halves (``ports.Store``): what is short-lived on a fast store, what must last on a durable one.

    fast        verifications, their outbox, buckets of sends
    durable     apps and keys, secrets, authenticators, recovery codes, confirmed addresses, notices, wrong guesses

Not handled here: how either keeps its half; that wrong guesses reach the durable one before they are answered is the
fast store's own duty (``adapters/valkey/guesses.py``).

Rule: the durable half is opened first and closed last, because the fast one leans on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchword.core.app import ApiKey, App
from watchword.core.instant import Instant
from watchword.core.limit import Guesses, GuessLimits
from watchword.core.verification import Expected, Judgement, Outcome
from watchword.ports import FastStore, Store


class SplitStore:
    """Two stores that look like one. Every verb belongs to one of them as a whole."""

    def __init__(self, fast: FastStore, durable: Store) -> None:
        self.fast = fast
        self.durable = durable
        self.secrets = durable.secrets
        self.authenticators = durable.authenticators
        self.handovers = durable.handovers
        self.notices = durable.notices
        self.add = fast.add
        self.find = fast.find
        self.look = fast.look
        self.confirm_code = fast.confirm_code
        self.confirm_word = fast.confirm_word
        self.resend = fast.resend
        self.cancel = fast.cancel
        self.claim = fast.claim
        self.settle = fast.settle
        self.next_due = fast.next_due
        self.backlog = fast.backlog
        self.recent = fast.recent

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
        judgement = await self.fast.attempt(
            app, verification, digits=digits, matches=matches, expected=expected, guesses=guesses, now=now
        )
        return await self._tied(judgement, now)

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
        judgement = await self.fast.exchange(
            app,
            verification,
            challenge=challenge,
            expected=expected,
            handed_over=handed_over,
            guesses=guesses,
            now=now,
        )
        return await self._tied(judgement, now)

    async def _tied(self, judgement: Judgement, now: Instant) -> Judgement:
        """Tie the address of whoever was approved just now, before anybody hears of it.

        Fails closed: where the durable half is gone in between, nobody is told that it was approved, and the person
        asks for a new code.
        """
        approved = judgement.outcome is Outcome.APPROVED
        if approved and judgement.verification.subject is not None:
            await self.durable.notices.tie(judgement.verification, now=now)
        return judgement

    async def ping(self) -> None:
        """Both can be read and written."""
        await self.durable.ping()
        await self.fast.ping()

    def facts(self) -> Mapping[str, float]:
        """The figures of both together: neither is what the other waits for."""
        fast, durable = self.fast.facts(), self.durable.facts()
        return {name: fast.get(name, 0) + durable.get(name, 0) for name in {*fast, *durable}}

    async def purge(self, *, made_before: Instant, now: Instant, step: int) -> int:
        """Purge the durable half. In the fast one everything has a lifetime and leaves by itself."""
        return await self.durable.purge(made_before=made_before, now=now, step=step)

    async def guesses(self, key: bytes) -> Guesses:
        return await self.durable.guesses(key)

    async def note_guess(self, key: bytes, *, wrong: bool, limits: GuessLimits, now: Instant) -> None:
        await self.durable.note_guess(key, wrong=wrong, limits=limits, now=now)

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
