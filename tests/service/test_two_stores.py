"""PostgreSQL and Valkey together, killed in turns and at once, while people sign in, guess and read secrets.

Not handled here: either of them alone (``test_postgres.py``, ``test_valkey.py``), a process of ours that is killed.

What a restart of Valkey costs is a code that was out: whoever waits for it is told that there is none. Nothing else may
be lost, and nothing may count twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_races import app_id
from tests.service.test_relay import through
from tests.support.hosts import SOON, goes_on
from tests.support.postgres import PostgresServer, a_server
from tests.support.relays import Relay, recording_relay
from tests.support.secret import JWE, a_claim, a_secret
from tests.support.service import WIDE, Connection, Service, code_of, is_not_ready, is_ready, ready, running
from tests.support.tls import Authority
from tests.support.valkeys import Server
from tests.support.world import wrong
from watchword.core.policy import Rules

CONFIG = WIDE + '\n[secrets]\nsource_creates = ""\nsource_kib = ""\n'
PEOPLE = 4  # who sign in
READERS = 2
CEILING = Rules().guesses.ceiling  # wrong guesses in a row, over all verifications, after which nobody may guess
S = "/v1/secrets"
OVER = {"expired", "failed"}  # what a code is told whose row was lost with its server


@dataclass
class Crowd:
    """Everybody, and what they were told."""

    service: Service
    key: str
    app: bytes
    approved: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, str] = field(default_factory=dict)  # id → address, of those who never typed their code
    refused: Counter[str] = field(default_factory=Counter)
    secrets: list[tuple[str, int]] = field(default_factory=list)  # address and claim, of those that were read
    guessed: Counter[str] = field(default_factory=Counter)
    starts: int = 0  # of Valkey
    over: bool = False

    async def sign_in(self, name: str) -> None:
        """Sign in until it is over; every third never types the code."""
        number = 0
        with closing(Connection(self.service, self.key)) as connection:
            while not self.over:
                number += 1
                address = f"{name}.{number}@example.com"
                status, made = await connection.create(address)
                if self._is_refused(connection, status, made):
                    continue
                assert 201 == status, made
                if number % 3 == 0:
                    self.waiting[made["id"]] = address
                else:
                    await self._check(connection, made["id"])

    async def guess(self) -> None:
        """Type wrong codes of one person until nobody may any more, then of the next; who is closed stays closed.

        Guesses that were evaluated while PostgreSQL was away count in Valkey, and nobody was told of them. Once Valkey
        has started again they count no more.
        """
        closed: list[str] = []
        since = 0
        with closing(Connection(self.service, self.key)) as connection:
            while not self.over:
                victim = f"victim.{len(closed)}@example.com"
                if await self._guess_at(connection, victim):
                    closed.append(victim)
                    since = self.starts
                if closed:
                    status, made = await connection.create(closed[-1])
                    if status == 201:
                        assert self.guessed[closed[-1]] < CEILING
                        assert since < self.starts
                        closed.pop()  # to be guessed at again
                    else:
                        assert self._is_refused(connection, status, made) or "channel_closed" == made["code"], made

    async def _guess_at(self, connection: Connection, victim: str) -> bool:
        """Type wrong codes of one verification, and count those that were evaluated; whether the person is closed."""
        status, made = await connection.create(victim)
        if self._is_refused(connection, status, made):
            return False
        while status == 201 and not self.over:
            code = wrong(code_of(self.service.keyring(), self.app, made["id"]))
            again, answer = await connection.check(made["id"], code)
            assert 200 != again
            if self._is_refused(connection, again, answer) or answer.get("reason") != "mismatch":
                return False
            self.guessed[victim] += 1
        assert status == 201 or made["code"] == "channel_closed", made
        return status != 201

    async def read(self) -> None:
        """Share a secret, open it and say so, until it is over; whatever is refused is asked for again."""
        with closing(Connection(self.service, self.key)) as connection:
            while not self.over:
                status, made = await connection.ask("POST", S, a_secret())
                if self._is_refused(connection, status, made):
                    continue
                assert 201 == status, made
                address, claim = f"{S}/{made['id']}", secrets.randbelow(2**60) + 1
                status, granted, _ = await self._until_told(connection, f"{address}/claim", a_claim(claim))
                assert (200, JWE.decode()) == (status, granted["envelope"]["jwe"])
                acked = a_claim(claim) | {"outcome": "read"}
                status, answer, tries = await self._until_told(connection, f"{address}/ack", acked)
                # Of one that was refused nobody knows whether it was done.
                assert status == 200 or (status, tries > 1) == (410, True), answer
                self.secrets.append((address, claim))

    async def _until_told(self, connection: Connection, path: str, body: Mapping[str, Any]) -> tuple[int, Any, int]:
        tries = 1
        status, answer = await connection.ask("POST", path, body)
        while self._is_refused(connection, status, answer):
            tries += 1
            status, answer = await connection.ask("POST", path, body)
        return status, answer, tries

    async def _check(self, connection: Connection, raw: str) -> None:
        status, answer = await connection.check(raw, code_of(self.service.keyring(), self.app, raw))
        if status == 200:
            self.approved[raw] += 1
        elif not self._is_refused(connection, status, answer):
            assert status == 404 or answer["reason"] in OVER, answer

    def _is_refused(self, connection: Connection, status: int, answer: Any) -> bool:
        """Whether a store, or the cap on mail while one is away, was in the way; each says when to come back."""
        refused = status in {429, 503}
        if refused:
            assert b"\r\nretry-after: " in connection.heard.head.lower(), answer
            self.refused[answer["code"]] += 1
        return refused

    async def prove(self, server: PostgresServer, database: str, relay: Relay) -> None:
        """Compare what is there with what they were told."""
        assert self.refused.keys() <= {"store_unavailable", "overloaded", "rate_limited"}
        assert {1} == set(self.approved.values())
        with closing(Connection(self.service, self.key)) as connection:
            for raw in self.approved:
                status, answer = await connection.check(raw, code_of(self.service.keyring(), self.app, raw))
                assert status == 404 or answer["reason"] in {*OVER, "used"}, answer
            for address, claim in self.secrets:
                for number in (claim, claim + 1):
                    assert 410 == (await connection.ask("POST", f"{address}/claim", a_claim(number)))[0]
            awaited = [address for raw, address in self.waiting.items() if await self._still_out(connection, raw)]
        assert awaited
        await relay.until(lambda: set(awaited) <= {mail.recipient for mail in relay.messages})
        streak = await asyncio.to_thread(server.sql, "SELECT max(streak) FROM guess_buckets", database)
        assert 0 < max(self.guessed.values()) <= int(streak) <= CEILING

    async def _still_out(self, connection: Connection, raw: str) -> bool:
        """Whether a code that nobody typed is good still; otherwise its person is told so."""
        status, shown = await connection.ask("GET", f"/v1/verifications/{raw}")
        assert status == 404 or shown["status"] in {*OVER, "pending"}, shown
        return status == 200 and shown["status"] == "pending"


@asynccontextmanager
async def a_crowd(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Crowd]:
    """A service of two workers with everybody at it, until the block ends; it runs on until that is proved."""
    async with running(folder, workers=2, config=CONFIG, settings=settings) as service:
        key = (await asyncio.to_thread(service.command, "app", "create", "Siege")).decode().strip()
        listed = await asyncio.to_thread(service.command, "app", "list", "--json")
        yield Crowd(service, key, app_id(listed, "Siege"))
        assert "Traceback" not in service.log.read_text()


@asynccontextmanager
async def busy(crowd: Crowd) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(crowd.sign_in(f"p{number}")) for number in range(PEOPLE)]
    tasks += [asyncio.create_task(crowd.read()) for _ in range(READERS)]
    tasks.append(asyncio.create_task(crowd.guess()))
    yield
    crowd.over = True
    await asyncio.gather(*tasks)


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_whichever_store_is_killed_nothing_counts_twice_and_whatever_is_lost_is_told(tmp_path: Path) -> None:
    async def journey() -> None:
        server, authority = a_server(), Authority(tmp_path)
        database = server.database()
        with closing(Server("--appendonly", "yes")) as valkey:
            async with recording_relay(authority.valid(), login=("ours", "a-password")) as relay:
                settings = {
                    "WATCHWORD_STORE": server.url(database),
                    "WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{valkey.port}",
                    **through(relay, authority),
                }
                async with a_crowd(tmp_path, settings) as crowd:
                    async with busy(crowd):
                        for killed in ({"valkey"}, {"postgresql"}, {"valkey", "postgresql"}):
                            await goes_on(crowd)
                            await kill_and_start(crowd, server, valkey, killed)
                        await goes_on(crowd)
                    await crowd.prove(server, database, relay)
        server.stop()

    asyncio.run(journey())


async def kill_and_start(crowd: Crowd, server: PostgresServer, valkey: Server, killed: set[str]) -> None:
    """Kill some stores, see that this is told, start them again, and see that it is over."""
    before = crowd.refused["store_unavailable"]
    if "valkey" in killed:
        valkey.kill()
        crowd.starts += 1
    if "postgresql" in killed:
        await asyncio.to_thread(server.kill)
    heard = await ready(crowd.service, is_not_ready)
    assert "store_unavailable" == heard.document["code"]
    async with asyncio.timeout(SOON):
        while crowd.refused["store_unavailable"] == before:  # noqa: ASYNC110 - the crowd counts
            await asyncio.sleep(0.01)
    if "postgresql" in killed:
        await asyncio.to_thread(server.start)
    if "valkey" in killed:
        await asyncio.to_thread(valkey.start)
    await ready(crowd.service, is_ready, within=SOON)
