"""The short-lived half of a store: verifications, the outbox and buckets of sends, in Valkey or a Valkey Cluster.

Not handled here: apps, secrets and authenticators, which must last (``adapters/split.py`` puts both halves together).

What each loss of Valkey means is told in docs/how-to/use-valkey.md. In short: people ask for a new code, nobody is
approved twice, and no wrong guess that was answered is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from watchword.adapters import device_steps, steps
from watchword.adapters.meanwhile import Meanwhile
from watchword.adapters.valkey.address import ValkeyAddress
from watchword.adapters.valkey.apart import Apart
from watchword.adapters.valkey.cluster import Cluster
from watchword.adapters.valkey.guesses import GuessBook
from watchword.adapters.valkey.layout import bucket
from watchword.adapters.valkey.link import FastServer
from watchword.adapters.valkey.one import OneServer, Wire
from watchword.adapters.valkey.outbox import Outbox
from watchword.adapters.valkey.rows import Rows
from watchword.adapters.valkey.scripts import FORGET
from watchword.adapters.valkey.sends import Sends, is_quiet, left_of
from watchword.adapters.valkey.tables import RecordTables
from watchword.adapters.valkey.together import Together, Typed
from watchword.core.app import App
from watchword.core.delivery import Delivery, Due, Report, Settlement
from watchword.core.guard import Plan
from watchword.core.instant import Instant, Span
from watchword.core.limit import Charge, GuessLimits
from watchword.core.verification import Expected, Judgement, Outcome, Status, Verification
from watchword.errors import OverloadedError, RefusedError, StoreError, UnknownError
from watchword.ports import Added, Facts, Idempotency
from watchword.ports_limit import BucketKeys, Buckets, GuessStore


class Durable(GuessStore, Protocol):
    """What is asked of the durable half."""

    async def app(self, app: bytes) -> App | None:
        """An app by its id."""
        ...


class ValkeyStore:
    """Verifications and their outbox (``ports.FastStore``)."""

    def __init__(
        self,
        address: ValkeyAddress,
        durable: Durable,
        *,
        waiting: int = 10_000,
        meanwhile: Meanwhile | None = None,
        patient: bool = False,
    ) -> None:
        self._durable = durable
        self._patient = patient
        self._wire: Wire = (
            Cluster(address.servers, address.tls, waiting)
            if address.cluster
            else OneServer(address.servers[0], address.tls, waiting)
        )
        self._book = GuessBook(self._wire, durable)
        self._sends = Sends(self._wire, meanwhile or Meanwhile())
        self._rows = Rows(self._wire)
        self._outbox = Outbox(self._wire, self._rows, durable.app)
        self._hot = Apart(self._wire, self._book, self._sends) if address.cluster else Together(self._wire, self._book)

    async def open(self) -> None:
        """Connect. A ``patient`` store that cannot is away, as one that was lost, until it can.

        Raises:
            StoreError: it cannot be reached, or does not let us in.
        """
        await self._wire.open(patient=self._patient)

    async def aclose(self) -> None:
        """Let go."""
        await self._wire.aclose()

    async def ping(self) -> None:
        """Write a heartbeat."""
        await self._wire.ping()

    async def servers(self) -> Sequence[FastServer]:
        """How every server that has keys of ours is set up, for an operator."""
        return await self._wire.servers()

    def facts(self) -> Facts:
        """Calls under way now; writes, calls and how long answers took since the start, as ``batch.figures``."""
        links = [*self._wire.links()]
        took = zip(*(link.tally.took for link in links), strict=True)
        told = {f"took_{place}": sum(parts) for place, parts in enumerate(took)} | {
            "queue_depth": sum(link.depth for link in links),
            "batches": sum(link.tally.batches for link in links),
            "operations": sum(link.tally.operations for link in links),
        }
        return {"valkey": told}

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
        _refuse_texts(plan)
        added = await self._hot.add(verification, charges, guesses, idempotency, now)
        self._outbox.hint(verification.id)
        return added

    async def find(self, app: bytes, verification: bytes) -> tuple[Verification, Sequence[Delivery]]:
        record = await self._rows.read(app, verification)
        return record.verification, record.deliveries

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
        return await self._hot.attempt(app, verification, Typed.of(digits, matches, expected), guesses, now)

    async def look(self, verification: bytes) -> tuple[Verification, App]:
        record = await self._rows.find(verification)
        app = None if record is None else await self._durable.app(record.verification.app)
        if record is None or app is None:
            raise UnknownError
        return record.verification, app

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
        typed = Typed.of(digits, matches, Expected(), Status.CONFIRMED)
        return await self._hot.attempt(app, verification, typed, guesses, now)

    async def recognise(self, app: bytes, verification: bytes) -> Verification:
        record = await self._rows.read(app, verification)
        recognised = await self._rows.change(record, lambda tables: device_steps.recognise(tables, app, verification))
        if recognised is None:
            raise UnknownError
        return recognised

    async def confirm_word(
        self, app: bytes, verification: bytes, *, matches: bool, now: Instant
    ) -> tuple[Outcome, Verification]:
        record = await self._rows.read(app, verification)
        confirmed = await self._rows.change(
            record, lambda tables: steps.confirm_word(tables, app, verification, matches, now)
        )
        if confirmed is None:
            raise UnknownError
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
        record = await self._rows.read(app, verification)
        held = await self._book.of(record.verification)
        judged = await self._rows.change(
            record,
            lambda tables: steps.exchange(tables, app, verification, challenge, expected, handed_over, guesses, now),
            held,
        )
        if judged is None:
            raise UnknownError
        if judged.outcome is Outcome.APPROVED and held.streak:
            await self._book.forgive(judged.verification, guesses, now)
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
        _refuse_texts(plan)

        def step(tables: Any, *, quiet: bool = False) -> Added:  # noqa: ANN401 - as many rows as the step asks for
            # Without its charges, which lie elsewhere: they are charged after it may be sent, and before it is.
            return steps.resend(tables, app, verification, (), schedule, guesses, now, quiet=quiet)

        record = await self._rows.read(app, verification)
        held = await self._book.of(record.verification)
        resent = step(RecordTables(record, held))
        paid = await self._sends.charge(charges, resent.verification.channel, now)
        try:
            written = await self._rows.change(record, partial(step, quiet=is_quiet(paid)), held)
        except (RefusedError, OverloadedError):  # whatever else it is, it may have been written
            await self._sends.give_back(paid, now)
            raise
        if written is None:
            raise UnknownError
        self._outbox.hint(verification)
        return msgspec.structs.replace(written, left=left_of(paid, now), quiet=is_quiet(paid))

    async def cancel(self, app: bytes, verification: bytes, *, now: Instant) -> Verification:
        record = await self._rows.read(app, verification)
        canceled = await self._rows.change(record, lambda tables: steps.cancel(tables, app, verification, now))
        if canceled is None:
            raise UnknownError
        return canceled

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        return await self._outbox.claim(now, lease, most)

    async def settle(self, due: Due, settlement: Settlement) -> None:
        await self._outbox.settle(due, settlement)

    async def report(self, app: bytes, verification: bytes, number: int, report: Report, *, now: Instant) -> bool:
        record = await self._rows.read(app, verification)
        noted = await self._rows.change(
            record, lambda tables: steps.report(tables, app, verification, number, report, now)
        )
        return bool(noted)

    async def buckets(self, keys: BucketKeys) -> Buckets:
        """Those of sends. Of guesses the durable half knows as much, and there is no guard here."""
        return Buckets({key: await self._sends.read(key) for key in keys.sends}, {}, {})

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:  # noqa: ARG002 - the port's word
        """Forget them, one after the other: they may lie on different servers."""
        for key in (*keys.sends, *keys.guesses):
            await self._wire.run(FORGET, (bucket(key),))

    async def next_due(self) -> Instant | None:
        return await self._outbox.next_due()

    async def backlog(self, *, now: Instant) -> int:
        return await self._outbox.backlog(now)

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        return await self._outbox.recent(most)


def _refuse_texts(plan: Plan | None) -> None:
    """Refuse what costs money: its counters must not be forgotten, and a split store keeps it in its other half."""
    if plan is not None:
        raise StoreError("Texts are kept in a store that lasts.")
