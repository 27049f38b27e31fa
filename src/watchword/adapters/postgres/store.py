"""The store on PostgreSQL: every verb is a step, and steps travel in batches (``ports.Store``).

Not handled here: what a step does (``adapters/steps.py``), how rows are read, kept and written (``tables.py``,
``shelf.py``), how a batch becomes a transaction (``lane.py``), which lane writes what (``pens.py``), how another
process is asked for it (``adapters/scribe.py``). Any number of processes on any number of hosts may use the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from watchword.adapters import app_steps, device_steps, guess_steps, limit_steps, steps
from watchword.adapters.batch import Batcher, Counted, figures
from watchword.adapters.postgres.address import PostgresAddress
from watchword.adapters.postgres.authenticator import PostgresAuthenticators
from watchword.adapters.postgres.handover import PostgresHandovers
from watchword.adapters.postgres.lane import Lane
from watchword.adapters.postgres.link import Link
from watchword.adapters.postgres.notice import PostgresNotices
from watchword.adapters.postgres.pens import Pens
from watchword.adapters.postgres.purge import Sweep, purge
from watchword.adapters.postgres.schema import bring_up_to_date
from watchword.adapters.postgres.secret import PostgresSecrets
from watchword.adapters.postgres.tables import PostgresTables
from watchword.adapters.postgres.verbs import BY_WORK
from watchword.adapters.postgres.wants import call_of
from watchword.adapters.scribe import Scribe
from watchword.core.app import ApiKey, App
from watchword.core.delivery import Delivery, Due, Report, Settlement
from watchword.core.guard import Plan
from watchword.core.instant import Instant, Span
from watchword.core.limit import Charge, Guesses, GuessLimits
from watchword.core.verification import Expected, Judgement, Outcome, Verification
from watchword.errors import UnknownError
from watchword.ports import Added, Facts, Idempotency
from watchword.ports_limit import BucketKeys, Buckets

MOST_COUNTED = 10_000
HELD = 0.05  # seconds until a courier looks again, where others hold all that is due


class PostgresStore:
    """One PostgreSQL database.

    A ``scribe`` writes what is not bound to this process, for as long as it is there; the store lets go of it.
    """

    def __init__(self, address: PostgresAddress, *, waiting: int = 10_000, scribe: Scribe | None = None) -> None:
        self._address = address
        self._waiting = waiting
        self._scribe = scribe
        self._links: list[Link] = []
        self.secrets = PostgresSecrets(self._submit, self._look)
        self.authenticators = PostgresAuthenticators(self._submit, self._look)
        self.handovers = PostgresHandovers(self._submit, self._look)
        self.notices = PostgresNotices(self._submit, self._look)

    async def open(self) -> None:
        """Create or migrate the tables and connect.

        Raises:
            SettingsError, StoreError: see ``schema.bring_up_to_date``.
        """
        await bring_up_to_date(self._address)
        self._shut("")
        if self._scribe is not None:
            await self._scribe.open(BY_WORK[PostgresTables.look], waiting=self._waiting)

    def keep_shut(self, why: str) -> None:
        """Refuse every verb at once, as if the server were away, until it is opened. Not for a store with a scribe."""
        self._shut(why)

    def _shut(self, why: str) -> None:
        if not self._links:
            self._pens = Pens(self._address, waiting=self._waiting)
            looking, self._purging, self._sweep = Link(self._address), Link(self._address), Sweep()
            self._looks = Batcher(Lane(looking, writes=False).execute, waiting=self._waiting)
            self._links += (*self._pens.links, looking, self._purging)
        for link in self._links:
            link.shut = why

    async def aclose(self) -> None:
        """Finish what is queued, take leave."""
        await self._pens.drain()
        await self._looks.drain()
        if self._scribe is not None:
            await self._scribe.aclose()
        for link in self._links:
            await link.aclose()
        self._links.clear()

    async def ping(self) -> None:
        """Read, and write a heartbeat on the same path as everything else."""
        await self._look(PostgresTables.look)
        await self._submit(PostgresTables.beat)

    def facts(self) -> Facts:
        """Queue depth now; batches and operations since the start."""
        return {"postgresql": figures(*self._pens.batchers, self._looks, *self._scribes())}

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
        added: Added = await self._submit(steps.add, verification, charges, guesses, idempotency, now, plan)
        return added

    async def find(self, app: bytes, verification: bytes) -> tuple[Verification, Sequence[Delivery]]:
        def find(tables: PostgresTables) -> tuple[Verification, Sequence[Delivery]]:
            tables.outbox.want_groups(verification)
            found = tables.verification(app, verification)
            if found is None:
                raise UnknownError
            return found, tables.deliveries(verification)

        found: tuple[Verification, Sequence[Delivery]] = await self._look(find)
        return found

    async def look(self, verification: bytes) -> tuple[Verification, App]:
        found: tuple[Verification, App] | None = await self._look(PostgresTables.known, verification)
        if found is None:
            raise UnknownError
        return found

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
        judgement: Judgement = await self._submit(
            *(steps.attempt, app, verification, digits, matches, expected, guesses, now)
        )
        return judgement

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
        judgement: Judgement = await self._submit(
            *(steps.confirm_code, app, verification, digits, matches, guesses, now)
        )
        return judgement

    async def recognise(self, app: bytes, verification: bytes) -> Verification:
        recognised: Verification = await self._submit(device_steps.recognise, app, verification)
        return recognised

    async def confirm_word(
        self, app: bytes, verification: bytes, *, matches: bool, now: Instant
    ) -> tuple[Outcome, Verification]:
        confirmed: tuple[Outcome, Verification] = await self._submit(
            *(steps.confirm_word, app, verification, matches, now)
        )
        return confirmed

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
        judgement: Judgement = await self._submit(
            *(steps.exchange, app, verification, challenge, expected, handed_over, guesses, now)
        )
        return judgement

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
        resent: Added = await self._submit(steps.resend, app, verification, charges, schedule, guesses, now, plan)
        return resent

    async def cancel(self, app: bytes, verification: bytes, *, now: Instant) -> Verification:
        canceled: Verification = await self._submit(steps.cancel, app, verification, now)
        return canceled

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        # An empty outbox is looked at without a lock; couriers look once a second.
        if not await self._look(PostgresTables.backlog, now, 1):
            return ()
        taken: Sequence[Due] = await self._submit(steps.take_due, now, lease, most)
        if not taken:
            await asyncio.sleep(HELD)
        return taken

    async def settle(self, due: Due, settlement: Settlement) -> None:
        await self._submit(steps.settle_due, due, settlement)

    async def report(self, app: bytes, verification: bytes, number: int, report: Report, *, now: Instant) -> bool:
        noted: bool = await self._submit(steps.report, app, verification, number, report, now)
        return noted

    async def next_due(self) -> Instant | None:
        due: Instant | None = await self._look(PostgresTables.next_due)
        return due

    async def backlog(self, *, now: Instant) -> int:
        count: int = await self._look(PostgresTables.backlog, now, MOST_COUNTED)
        return count

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        found: Sequence[tuple[Verification, str, Delivery]] = await self._look(PostgresTables.recent, most)
        return found

    async def buckets(self, keys: BucketKeys) -> Buckets:
        found: Buckets = await self._look(limit_steps.buckets, keys)
        return found

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:
        await self._submit(limit_steps.empty, keys, now)

    async def guesses(self, key: bytes) -> Guesses:
        found: Guesses = await self._look(PostgresTables.guesses, key)
        return found

    async def note_guess(self, key: bytes, *, wrong: bool, limits: GuessLimits, now: Instant) -> bool:
        taken: bool = await self._submit(guess_steps.note_guess, key, wrong, limits, now)
        return taken

    async def app(self, app: bytes) -> App | None:
        found: App | None = await self._look(PostgresTables.app, app)
        return found

    async def add_app(self, app: App) -> None:
        await self._submit(app_steps.add_app, app)

    async def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        found: Sequence[tuple[App, Sequence[ApiKey]]] = await self._look(PostgresTables.apps)
        return found

    async def update_app(self, app: App) -> None:
        await self._submit(app_steps.update_app, app)

    async def add_key(self, key: ApiKey, *, replace: bool = False) -> None:
        await self._submit(app_steps.add_key, key, replace)

    async def revoke_key(self, app: bytes, hint: str) -> int:
        revoked: int = await self._submit(PostgresTables.remove_keys, app, hint)
        return revoked

    async def app_by_key(self, key_hash: bytes) -> App | None:
        found: App | None = await self._look(PostgresTables.app_by_key, key_hash)
        return found

    async def purge(self, *, made_before: Instant, now: Instant, step: int) -> int:
        return await purge(self._purging, self._sweep, made_before=made_before, now=now, most=step)

    def _scribes(self) -> tuple[Counted, ...]:
        return () if self._scribe is None else (self._scribe,)

    def _queue(self, step: Callable[..., Any], arguments: tuple[object, ...]) -> asyncio.Future[Any]:
        scribe = self._scribe
        if scribe is not None and scribe.is_there and (verb := BY_WORK.get(step)) is not None:
            return scribe.ask(verb, arguments)
        return self._pens.submit(step, arguments)

    async def _submit(self, step: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - any step, its own result
        return await self._queue(step, arguments)

    async def _look(self, step: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - as above
        return await self._looks.submit(call_of(step, arguments))
