"""Services that are set up as on two hosts, over one PostgreSQL, and people who sign in on both whatever breaks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.service.test_races import app_id
from tests.support.postgres import PASSWORD, QUOTED, PostgresServer, the_server
from tests.support.service import WATCHWORD, WIDE, Connection, Service, code_of
from watchword.core.keyring import Keyring

CLIENTS = 6
SOON = 60.0  # seconds within which it must have recovered by itself, on a machine that has much else to do


@dataclass
class Hosts:
    """Services of two hosts: a folder each, one key file, one database."""

    server: PostgresServer
    services: list[Service]
    database: str
    app: bytes = b""
    key: str = ""

    @property
    def keyring(self) -> Keyring:
        return self.services[0].keyring()

    def connections(self, each: int) -> list[Connection]:
        return [Connection(service, self.key) for service in self.services for _ in range(each)]


@asynccontextmanager
async def two_hosts(
    folder: Path,
    server: PostgresServer | None = None,
    ports: Sequence[int] = (),
    workers: int = 1,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    programs: Sequence[Sequence[str | Path]] = ((WATCHWORD,), (WATCHWORD,)),
    config: str = WIDE,
) -> AsyncIterator[Hosts]:
    """Two services that are set up as on two hosts; ``ports``, where the server is not at its own or has standbys."""
    server = server or the_server()
    database = server.database()
    first, second = folder / "a", folder / "b"
    shared = {
        "WATCHWORD_STORE": server.url(database, *ports),
        "WATCHWORD_KEY_FILE": str(first / "data" / "keys.json"),
        **(settings or {}),
    }
    for each in (first, second):
        each.mkdir()
    made = [Service(first, workers, config, shared, options=options, program=programs[0])]
    made.append(Service(second, workers, config, shared, options=options, program=programs[1]))
    hosts = Hosts(server, made, database)
    try:
        await hosts.services[0].start()  # makes the key file, which the other one finds
        await hosts.services[1].start()
        # On threads, because the line to the database may run in this very loop.
        hosts.key = (await asyncio.to_thread(hosts.services[0].command, "app", "create", "Hosts")).decode().strip()
        hosts.app = app_id(await asyncio.to_thread(hosts.services[1].command, "app", "list", "--json"), "Hosts")
        yield hosts
    finally:
        for service in hosts.services:
            if service.process is not None:
                service.kill()
            log = service.log.read_text()
            assert PASSWORD not in log
            assert QUOTED not in log
            assert "Traceback" not in log


@dataclass
class Clients:
    """People who sign in again and again, on both hosts, and what they were told."""

    hosts: Hosts
    approved: Counter[str] = field(default_factory=Counter)
    made: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    over: bool = False

    async def run(self, name: str) -> None:
        """Sign in until it is over, whatever breaks meanwhile."""
        number, keyring = 0, self.hosts.keyring
        while not self.over:
            service = self.hosts.services[number % 2]
            with closing(Connection(service, self.hosts.key)) as connection:
                try:
                    while not self.over:
                        number += 1
                        await self._sign_in(connection, keyring, f"{name}.{number}@example.com")
                except OSError:
                    await asyncio.sleep(0.01)  # its process is just being replaced

    async def _sign_in(self, connection: Connection, keyring: Keyring, address: str) -> None:
        status, made = await connection.create(address)
        if self._is_refused(status, made):
            return
        assert status == 201, made
        self.made[made["id"]] = address
        code = code_of(keyring, self.hosts.app, made["id"])
        status, answer = await connection.check(made["id"], code)
        if not self._is_refused(status, answer):
            assert status == 200, answer
            self.approved[made["id"]] += 1

    def _is_refused(self, status: int, answer: Any) -> bool:
        if status == 503:
            self.refused[answer["code"]] += 1
        return status == 503

    async def prove(self) -> None:
        """Nobody was approved twice, and whatever anybody was told stands: no second check is approved."""
        assert {1} == set(self.approved.values())
        assert self.refused.keys() <= {"store_unavailable", "overloaded"}
        turn = iter(self.made)
        await asyncio.gather(*(self._prove(turn) for _ in range(3 * CLIENTS)))

    async def _prove(self, turn: Iterator[str]) -> None:
        keyring = self.hosts.keyring
        with closing(Connection(self.hosts.services[0], self.hosts.key)) as connection:
            for raw in turn:
                status, answer = await self._checked(connection, raw, code_of(keyring, self.hosts.app, raw))
                if self.approved[raw]:
                    assert (422, "used") == (status, answer["reason"])
                else:  # what was said to it was lost, and it was approved then or is now
                    assert status == 200 or answer["reason"] == "used"

    async def _checked(self, connection: Connection, raw: str, code: str) -> tuple[int, Any]:
        """What a check is told by a process that has its store again: others may have gone on before it."""
        async with asyncio.timeout(SOON):
            while self._is_refused(*(heard := await connection.check(raw, code))):  # noqa: ASYNC110 - it asks each time
                await asyncio.sleep(0.01)
        return heard


@asynccontextmanager
async def clients(hosts: Hosts) -> AsyncIterator[Clients]:
    """Clients that go on until the block ends, and then prove what they know."""
    crowd = Clients(hosts)
    tasks = [asyncio.create_task(crowd.run(f"c{number}")) for number in range(CLIENTS)]
    yield crowd
    crowd.over = True
    await asyncio.gather(*tasks)
    await crowd.prove()


class Approving(Protocol):
    """Whoever counts approvals."""

    approved: Counter[str]


async def goes_on(crowd: Approving, by: int = 20) -> None:
    """Wait until so many more were approved: it has recovered by itself."""
    before = sum(crowd.approved.values())
    async with asyncio.timeout(SOON):
        while sum(crowd.approved.values()) < before + by:  # noqa: ASYNC110 - the clients count
            await asyncio.sleep(0.01)
