"""kill -9 at random moments under load, fifty times.

This proves what a crash of the process does. It does not prove power loss: the kernel keeps what was written.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.service.test_races import app_id
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
from watchword.flows.courier import LEASE, Courier
from watchword.flows.keys import Keys

KILLS = 50
CLIENTS = 8
SENDER = "codes@ours.example"


@dataclass
class Ledger:
    """What the clients were told, over all starts."""

    made: dict[str, str] = field(default_factory=dict)  # id → address
    approved: Counter[str] = field(default_factory=Counter)
    unanswered: set[str] = field(default_factory=set)  # checks whose answer never came


async def load(service: Service, key: str, keyring: Keyring, app: bytes, ledger: Ledger, name: str) -> None:
    """Create and check until the service goes away."""
    connection = Connection(service, key)
    number = 0
    try:
        while True:
            number += 1
            address = f"{name}.{number}@example.com"
            status, made = await connection.create(address)
            assert status == 201, made
            ledger.made[made["id"]] = address
            if number % 3:  # a third is left unchecked, so that the outbox has something to deliver at the end
                ledger.unanswered.add(made["id"])
                status, answer = await connection.check(made["id"], code_of(keyring, app, made["id"]))
                assert status == 200, answer
                ledger.unanswered.discard(made["id"])
                ledger.approved[made["id"]] += 1
    except (ConnectionError, OSError):
        connection.close()


async def the_rest(service: Service, relay: Relay, authority: Authority) -> SqliteStore:
    """Deliver what is left, with a clock that is past every lease a dead courier held."""
    store = SqliteStore(service.folder / "data" / "watchword.db")
    await store.open()
    clock = FrozenClock(SystemClock().now() + LEASE)
    smtp = SmtpRelay(SmtpAddress.parse(relay.url()), tls=client_tls(authority.ca_file))
    post = Post(Letters(MailFrom.parse(SENDER), Catalogues.load()), smtp)
    await Courier(store, post, Keys(service.keyring, clock), clock, LoadedDice(), Journal()).drain()
    await smtp.aclose()
    return store


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("heavy")
def test_nothing_that_was_answered_is_lost_and_no_code_counts_twice(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        moments = random.Random(2026)
        ledger = Ledger()
        async with recording_relay(authority.valid()) as relay:
            settings = {
                "WATCHWORD_SMTP": relay.url(),
                "WATCHWORD_SMTP_CA": str(authority.ca_file),
                "WATCHWORD_MAIL_FROM": SENDER,
            }
            service = Service(tmp_path, settings=settings)
            key = service.command("app", "create", "Kill").decode().strip()
            app = app_id(service.command("app", "list", "--json"), "Kill")
            for start in range(KILLS):
                await service.start()
                clients = [
                    asyncio.create_task(load(service, key, service.keyring(), app, ledger, f"s{start}c{client}"))
                    for client in range(CLIENTS)
                ]
                await asyncio.sleep(moments.uniform(0.02, 0.4))  # the random moment is what is tested
                service.kill()
                await asyncio.gather(*clients)
            store = await the_rest(service, relay, authority)
            await prove(store, app, ledger, relay)
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
    assert len(ledger.made) > KILLS
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
