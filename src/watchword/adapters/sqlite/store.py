"""The embedded store: every verb is a step, and steps travel in batches (``ports.Store``).

Not handled here: what a step does (``adapters/steps.py``), how rows are kept (``tables.py``), how a batch gets to
disk (``writer.py``), and how another process is asked for it (``adapters/scribe.py``). Any number of processes may
have the file open; SQLite's write lock makes them take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from watchword.adapters import app_steps, device_steps, guess_steps, limit_steps, steps
from watchword.adapters.batch import Batcher, figures
from watchword.adapters.scribe import Scribe
from watchword.adapters.sqlite.authenticator import SqliteAuthenticators
from watchword.adapters.sqlite.checkpoint import Checkpointer, write_back
from watchword.adapters.sqlite.database import connect, our_words, prepare
from watchword.adapters.sqlite.handover import SqliteHandovers
from watchword.adapters.sqlite.notice import SqliteNotices
from watchword.adapters.sqlite.purge import IDLE_GUARD, IDLE_SENDS, Sweep, give_back, let_go, remove, what_is_over
from watchword.adapters.sqlite.secret import SqliteSecrets
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.sqlite.verbs import BY_WORK
from watchword.adapters.sqlite.writer import Step, Writer
from watchword.core.app import ApiKey, App
from watchword.core.delivery import Delivery, Due, Report, Settlement
from watchword.core.guard import Plan
from watchword.core.instant import Instant, Span
from watchword.core.limit import Charge, Guesses, GuessLimits
from watchword.core.verification import Expected, Judgement, Outcome, Verification
from watchword.errors import UnknownError
from watchword.ports import Added, Facts, Idempotency
from watchword.ports_limit import BucketKeys, Buckets

Result = TypeVar("Result")

MOST_COUNTED = 10_000
MANY = 10_000  # rows of a purge after which memory is given back
GLANCE = 0.05  # seconds a read waits, on the event loop, where another process is just letting go of the file


class SqliteStore:
    """One SQLite file. Reads run on a connection of their own and never wait for the writer.

    A ``scribe`` writes what is not bound to this process, for as long as it is there; the store lets go of it.
    """

    def __init__(self, path: Path, *, waiting: int = 10_000, scribe: Scribe | None = None) -> None:
        self._path = path
        self._waiting = waiting
        self._scribe = scribe
        self._purged = 0  # since the last look that found nothing
        self._sends, self._guard = Sweep(IDLE_SENDS), Sweep(IDLE_GUARD)
        self.secrets = SqliteSecrets(self._submit, lambda: self._read)
        self.authenticators = SqliteAuthenticators(self._submit, lambda: self._read)
        self.handovers = SqliteHandovers(self._submit, lambda: self._read)
        self.notices = SqliteNotices(self._submit, lambda: self._read)

    async def open(self) -> None:
        """Create or migrate the file and connect.

        Raises:
            SettingsError, StoreError: see ``database.prepare``.
        """
        await asyncio.to_thread(prepare, self._path)
        with our_words():
            self._writer = Writer(connect(self._path, patience=0), self._path)  # the loop never waits for a lock
            self._reader = connect(self._path, patience=GLANCE)
            self._reader.execute("PRAGMA query_only = ON")
        self._read = SqliteTables(self._reader)
        self._batcher: Batcher[Step] = Batcher(self._writer.execute, begin=self._writer.begin, waiting=self._waiting)
        with our_words():
            self._checkpointer = Checkpointer(self._path, self._written, self._maintain)
        if self._scribe is not None:
            # A step would fail where the disk is full, and that keeps nobody from starting.
            await self._scribe.open(BY_WORK[write_back], waiting=self._waiting)
        self._checkpointer.start()

    async def aclose(self) -> None:
        """Finish what is queued, write the log back into the file, let go."""
        await self._batcher.drain()
        await self._checkpointer.stop()
        self._reader.close()
        self._writer.close()
        if self._scribe is not None:
            await self._scribe.aclose()

    async def ping(self) -> None:
        """Read, and write a heartbeat on the same path as everything else."""
        with our_words():
            self._read.look()
        await self._submit(SqliteTables.beat)

    def facts(self) -> Facts:
        """Queue depth now; batches and operations since the start."""
        return {"sqlite": figures(*self._pens())}

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
        added: Added = await self._queue(steps.add, verification, charges, guesses, idempotency, now, plan)
        return added

    async def find(self, app: bytes, verification: bytes) -> tuple[Verification, Sequence[Delivery]]:
        with our_words(), self._one_view():
            found = self._read.verification(app, verification)
            if found is None:
                raise UnknownError
            return found, self._read.deliveries(verification)

    async def look(self, verification: bytes) -> tuple[Verification, App]:
        with our_words():
            found = self._read.known(verification)
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
        judgement: Judgement = await self._queue(
            steps.attempt, app, verification, digits, matches, expected, guesses, now
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
        judged: Judgement = await self._submit(steps.confirm_code, app, verification, digits, matches, guesses, now)
        return judged

    async def recognise(self, app: bytes, verification: bytes) -> Verification:
        recognised: Verification = await self._submit(device_steps.recognise, app, verification)
        return recognised

    async def confirm_word(
        self, app: bytes, verification: bytes, *, matches: bool, now: Instant
    ) -> tuple[Outcome, Verification]:
        confirmed: tuple[Outcome, Verification] = await self._submit(
            steps.confirm_word, app, verification, matches, now
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
        judged: Judgement = await self._submit(
            steps.exchange, app, verification, challenge, expected, handed_over, guesses, now
        )
        return judged

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
        # An empty outbox is looked at without the write lock; couriers look once a second.
        with our_words():
            if not self._read.backlog(now, 1):
                return ()
        taken: Sequence[Due] = await self._submit(steps.take_due, now, lease, most)
        return taken

    async def settle(self, due: Due, settlement: Settlement) -> None:
        await self._submit(steps.settle_due, due, settlement)

    async def report(self, app: bytes, verification: bytes, number: int, report: Report, *, now: Instant) -> bool:
        noted: bool = await self._submit(steps.report, app, verification, number, report, now)
        return noted

    async def next_due(self) -> Instant | None:
        with our_words():
            return self._read.next_due()

    async def backlog(self, *, now: Instant) -> int:
        with our_words():
            return self._read.backlog(now, MOST_COUNTED)

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        with our_words():
            return self._read.recent(most)

    async def buckets(self, keys: BucketKeys) -> Buckets:
        with our_words(), self._one_view():
            return limit_steps.buckets(self._read, keys)

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:
        await self._submit(limit_steps.empty, keys, now)

    async def guesses(self, key: bytes) -> Guesses:
        with our_words():
            return self._read.guesses(key)

    async def note_guess(self, key: bytes, *, wrong: bool, limits: GuessLimits, now: Instant) -> bool:
        taken: bool = await self._submit(guess_steps.note_guess, key, wrong, limits, now)
        return taken

    async def app(self, app: bytes) -> App | None:
        with our_words():
            return self._read.app(app)

    async def add_app(self, app: App) -> None:
        await self._submit(app_steps.add_app, app)

    async def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        with our_words():
            return self._read.apps()

    async def update_app(self, app: App) -> None:
        await self._submit(app_steps.update_app, app)

    async def add_key(self, key: ApiKey, *, replace: bool = False) -> None:
        await self._submit(app_steps.add_key, key, replace)

    async def revoke_key(self, app: bytes, hint: str) -> int:
        revoked: int = await self._submit(SqliteTables.remove_keys, app, hint)
        return revoked

    async def app_by_key(self, key_hash: bytes) -> App | None:
        with our_words():
            return self._read.app_by_key(key_hash)

    async def purge(self, *, made_before: Instant, now: Instant, step: int) -> int:
        # Looking for what is over may read a whole table; it happens on a thread and without the write lock.
        search = partial(
            what_is_over, sends=self._sends, guard=self._guard, made_before=made_before, now=now, most=step
        )
        over = await self._checkpointer.read(search)
        if over.rows:
            await self._submit(remove, over, now)
        await self._maintain(give_back)
        self._purged += over.rows
        if not over.rows:
            if self._purged > MANY:
                await self._maintain(let_go)
            self._purged = 0
        return over.rows

    @contextmanager
    def _one_view(self) -> Iterator[None]:
        """Read several rows as they were at one moment."""
        self._reader.execute("BEGIN")
        try:
            yield
        finally:
            self._reader.execute("COMMIT")

    def _pens(self) -> Sequence[Batcher[Step] | Scribe]:
        return (self._batcher,) if self._scribe is None else (self._batcher, self._scribe)

    def _written(self) -> int:
        return sum(pen.batches for pen in self._pens())

    def _queue(self, work: Callable[..., Any], *arguments: object) -> asyncio.Future[Any]:
        scribe = self._scribe
        if scribe is not None and scribe.is_there and (verb := BY_WORK.get(work)) is not None:
            return scribe.ask(verb, arguments)
        return self._batcher.submit((work, arguments))

    async def _maintain(self, work: Callable[[apsw.Connection], Result]) -> Result:
        scribe = self._scribe
        if scribe is None or not scribe.is_there:
            return await self._writer.maintain(work)
        done: Result = await scribe.ask(BY_WORK[work], ())
        return done

    async def _submit(self, work: Any, *arguments: object) -> Any:  # noqa: ANN401 - any step, its own result
        return await self._queue(work, *arguments)
