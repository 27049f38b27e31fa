"""kill -9 at random moments under load, fifty times: all processes of a service, or one worker of two.

This proves what a crash of the process does. It does not prove power loss: the kernel keeps what was written.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.service.test_races import app_id
from tests.support.hostile_relays import Deed, Script, scripted_relay
from tests.support.relays import Relay, recording_relay
from tests.support.service import Connection, Service, code_of
from tests.support.tls import Authority
from tests.support.world import FrozenClock, Journal, LoadedDice
from watchword.adapters.catalogue import Catalogues
from watchword.adapters.letter import Letters, MailFrom
from watchword.adapters.post import Post
from watchword.adapters.smtp import SmtpAddress, SmtpRelay, client_tls
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.system import SystemClock
from watchword.core import ids
from watchword.core.delivery import POSSIBLE_DUPLICATE, DeliveryStatus
from watchword.core.keyring import Keyring
from watchword.core.policy import Rules
from watchword.core.verification import Expected, Outcome, Status, Verification
from watchword.flows.courier import Courier
from watchword.flows.delivering import LEASE
from watchword.flows.keys import Keys

ALONE = 33  # kills of a service of one process
TOGETHER = 4  # kills of a service of two workers and their supervisor
WORKERS = 3  # kills of one worker of two, in each of those; with the last one of all: fifty
MADE = 1_000  # verifications at least, for which a slow machine is killed once more, later
CLIENTS = 8
AT_ONCE = 8  # what a courier holds, unless it is told otherwise
QUEUED = 5 * AT_ONCE
SENDER = "codes@ours.example"


@dataclass
class Ledger:
    """What the clients were told, over all starts."""

    made: dict[str, str] = field(default_factory=dict)  # id → address
    approved: Counter[str] = field(default_factory=Counter)
    unanswered: set[str] = field(default_factory=set)  # checks whose answer never came


@dataclass
class Siege:
    """A service that is killed again and again, and what its clients know."""

    service: Service
    authority: Authority
    key: str
    app: bytes
    ledger: Ledger = field(default_factory=Ledger)
    moments: random.Random = field(default_factory=lambda: random.Random(2026))
    clients: int = 0

    @classmethod
    def of(cls, folder: Path) -> Siege:
        service = Service(folder)
        key = service.command("app", "create", "Kill").decode().strip()
        return cls(service, Authority(folder), key, app_id(service.command("app", "list", "--json"), "Kill"))

    def send_through(self, relay: Relay) -> None:
        self.service.settings = {
            "WATCHWORD_SMTP": relay.url(),
            "WATCHWORD_SMTP_CA": str(self.authority.ca_file),
            "WATCHWORD_MAIL_FROM": SENDER,
        }

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Start, create and check until the block ends, and kill: all of it, or all but the scribe of one worker."""
        await self.service.start()
        clients = [asyncio.create_task(self._client(self.service.keyring())) for _ in range(CLIENTS)]
        yield
        if self.service.workers == 1 and self.moments.random() < 0.5:
            self.service.kill_first()
        else:
            self.service.kill()
        await asyncio.gather(*clients)

    async def a_moment(self) -> None:
        await asyncio.sleep(self.moments.uniform(0.02, 0.4))  # the random moment is what is tested

    async def lose_a_worker(self) -> None:
        """Kill one worker of two; its supervisor starts another."""
        self.moments.choice(self.service.worker_processes()).kill()
        await until(lambda: len(self.service.worker_processes()) == 2)

    async def _client(self, keyring: Keyring) -> None:
        self.clients += 1
        connection, name, number = Connection(self.service, self.key), f"c{self.clients}", 0
        while self.service.process is not None:  # after a worker went, go on with the other
            try:
                while True:
                    number += 1
                    await self._login(connection, keyring, f"{name}.{number}@example.com", checks=number % 3 != 0)
            except OSError:
                connection.close()

    async def _login(self, connection: Connection, keyring: Keyring, address: str, *, checks: bool) -> None:
        """A third is left unchecked, so that the outbox has something to deliver at the end."""
        ledger = self.ledger
        status, made = await connection.create(address)
        assert status == 201, made
        ledger.made[made["id"]] = address
        if checks:
            ledger.unanswered.add(made["id"])
            status, answer = await connection.check(made["id"], code_of(keyring, self.app, made["id"]))
            assert status == 200, answer
            ledger.unanswered.discard(made["id"])
            ledger.approved[made["id"]] += 1

    async def clear(self) -> None:
        """Let a service send what nobody holds."""
        await self.service.start()
        await until(lambda: not self.unsent(held=False))
        assert await self.service.finish() == 0

    async def leave_messages(self) -> None:
        """Die once more, with messages that a courier holds and more that none does."""
        script = Script({".": Deed.HANG})
        async with scripted_relay(self.authority.valid(), script, implicit=True) as silent:
            self.send_through(silent)
            await self.service.start()
            connection = Connection(self.service, self.key)
            for number in range(QUEUED):
                _, made = await connection.create(f"left.{number}@example.com")
                self.ledger.made[made["id"]] = f"left.{number}@example.com"
            await silent.until(lambda: silent.verbs.count(".") == AT_ONCE)
            connection.close()
            self.service.kill()

    def unsent(self, *, held: bool) -> set[str]:
        """The messages in the outbox that a courier held, or that none did."""
        query = "SELECT verification FROM deliveries WHERE due_at IS NOT NULL AND handed_over = ?"
        with closing(sqlite3.connect(self.service.database)) as connection:
            return {ids.to_text(ids.VERIFICATION, raw) for (raw,) in connection.execute(query, (held,))}

    async def the_next_service(self, relay: Relay) -> set[str]:
        """Whoever starts next sends at once what nobody held, and leaves to a courier that may live what it held.

        Returns what is left.
        """
        free, held = self.unsent(held=False), self.unsent(held=True)
        last = {text for text, address in self.ledger.made.items() if address.startswith("left.")}
        # Where the siege took longer than a lease, the silent relay was given some of its messages instead of these.
        assert len(free & last) + len(held & last) == QUEUED
        assert len(held) >= AT_ONCE
        self.send_through(relay)
        before = len(relay.messages)
        await self.clear()
        left = self.unsent(held=True)
        assert left <= held
        assert held & last <= left
        mails = Counter(message.recipient for message in relay.messages[before:])
        assert {mails[self.ledger.made[text]] for text in free & last} == {1}
        return left & last

    async def the_rest(self, relay: Relay) -> SqliteStore:
        """Deliver what is left, with a clock that is past every lease a dead courier held."""
        store = SqliteStore(self.service.database)
        await store.open()
        clock = FrozenClock(SystemClock().now() + LEASE)
        smtp = SmtpRelay(SmtpAddress.parse(relay.url()), tls=client_tls(self.authority.ca_file))
        post = Post(Letters(MailFrom.parse(SENDER), Catalogues.load()), smtp)
        await Courier(store, post, Keys(self.service.keyring, clock), clock, LoadedDice(), Journal()).drain()
        await smtp.aclose()
        return store


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another process does, of which nobody here is told."""
    async with asyncio.timeout(60):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("heavy")
def test_nothing_that_was_answered_is_lost_and_no_code_counts_twice(tmp_path: Path) -> None:
    async def journey() -> None:
        siege = Siege.of(tmp_path)
        async with recording_relay(siege.authority.valid()) as relay:
            siege.send_through(relay)
            for _ in range(ALONE):
                async with siege.load():
                    await siege.a_moment()
            siege.service.workers = 2
            for _ in range(TOGETHER):
                async with siege.load():
                    for _ in range(WORKERS):
                        await siege.a_moment()
                        await siege.lose_a_worker()
                    await siege.a_moment()
            siege.service.workers = 1
            if len(siege.ledger.made) <= MADE:
                async with siege.load():
                    await until(lambda: len(siege.ledger.made) > MADE)
            await siege.clear()  # else a silent relay would be given what is oldest, which its clients may not know
            await siege.leave_messages()
            left = await siege.the_next_service(relay)
            store = await siege.the_rest(relay)
            assert siege.unsent(held=True) == set()
            await prove(store, siege.app, siege.ledger, relay)
            await prove_repeats(store, siege.app, left)
            await store.aclose()

    asyncio.run(journey())


async def again(store: SqliteStore, verification: Verification) -> Outcome:
    """What a right code would get once more."""
    judgement = await store.attempt(
        verification.app,
        verification.id,
        digits=verification.digits,
        matches=True,
        expected=Expected(),
        guesses=Rules().guesses,
        now=SystemClock().now(),
    )
    return judgement.outcome


async def prove(store: SqliteStore, app: bytes, ledger: Ledger, relay: Relay) -> None:
    """Compare what is there with what the clients were told."""
    assert len(ledger.made) > MADE
    assert set(ledger.approved.values()) == {1}
    mails = Counter(message.recipient for message in relay.messages)
    for text, address in ledger.made.items():
        found, (delivery,) = await store.find(app, ids.from_text(ids.VERIFICATION, text))
        if text in ledger.approved:
            assert found.status is Status.APPROVED
            assert await again(store, found) is Outcome.USED
        elif text not in ledger.unanswered:
            assert found.status is Status.PENDING
            assert delivery.status is DeliveryStatus.SENT
            assert mails[address] >= 1
        if mails[address] > 1:
            assert delivery.reason == POSSIBLE_DUPLICATE


async def prove_repeats(store: SqliteStore, app: bytes, left: set[str]) -> None:
    """What a relay may have had before its courier died says so."""
    for text in left:
        _, (delivery,) = await store.find(app, ids.from_text(ids.VERIFICATION, text))
        assert (delivery.status, delivery.reason) == (DeliveryStatus.SENT, POSSIBLE_DUPLICATE)
