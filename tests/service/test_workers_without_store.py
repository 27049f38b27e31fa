"""Workers that start while a store is away: they answer, touch nothing, and serve when it is back and is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.service.test_races import app_id
from tests.service.test_workers import until
from tests.support.line import Line, a_line
from tests.support.postgres import PASSWORD, QUOTED, the_server
from tests.support.service import (
    UNHURRIED,
    Connection,
    Heard,
    Service,
    code_of,
    get,
    is_not_ready,
    is_ready,
    ready,
    running,
)
from tests.support.valkeys import Server, ServerCluster

WORKERS = 2
ANSWERED = 60.0  # seconds for new workers to answer, on a machine that has much else to do
BACK = 60.0  # seconds for them to serve once the store is back

Break = Callable[[Line], None]


@dataclass
class Site:
    """A service of several workers and an app of it."""

    service: Service
    app: bytes
    key: str

    async def create(self, to: str) -> tuple[Heard, str]:
        """Begin a verification; returns what was heard, and its id where there is one."""
        with closing(Connection(self.service, self.key)) as connection:
            _, answer = await connection.create(to)
            return connection.heard, answer.get("id", "")

    async def check(self, verification: str) -> Heard:
        """Check with the right code."""
        with closing(Connection(self.service, self.key)) as connection:
            await connection.check(verification, code_of(self.service.keyring(), self.app, verification))
            return connection.heard

    async def signs_in(self) -> None:
        """Somebody signs in, with nobody's help, once every worker has found the store again."""
        async with asyncio.timeout(BACK):
            made, verification = await self.create("back@example.com")
            while made.status == 503:
                made, verification = await self.create("back@example.com")
            assert 201 == made.status
            await self.is_approved(verification)
        await ready(self.service, is_ready, within=BACK)

    async def is_approved(self, verification: str) -> None:
        """Check until a worker answers that has found the store again."""
        heard = await self.check(verification)
        while heard.status == 503:
            heard = await self.check(verification)
        assert 200 == heard.status

    def kill_workers(self) -> set[int]:
        """Kill -9 all of them; returns who they were."""
        killed = self.service.worker_processes()
        assert WORKERS == len(killed)
        for process in killed:
            process.kill()
        psutil.wait_procs(killed, timeout=0)
        return {process.pid for process in killed}

    async def have_others(self, killed: set[int]) -> None:
        """New workers answer, and nobody waits for a store that may never come."""
        async with asyncio.timeout(ANSWERED):
            while True:
                with suppress(OSError, ValueError):  # a connection that a dying one had taken
                    if (await get(self.service, "/healthz")).status == 200:
                        break
        assert not killed & {process.pid for process in self.service.worker_processes()}


@asynccontextmanager
async def a_site(folder: Path, settings: Mapping[str, str], **how: Any) -> AsyncIterator[Site]:
    async with running(folder, workers=WORKERS, settings=settings, **how) as service:
        # On threads, because the line to the database may run in this very loop.
        key = (await asyncio.to_thread(service.command, "app", "create", "Site")).decode().strip()
        app = app_id(await asyncio.to_thread(service.command, "app", "list", "--json"), "Site")
        yield Site(service, app, key)
    log = service.log.read_text()
    assert PASSWORD not in log
    assert QUOTED not in log
    assert "Traceback" not in log


@asynccontextmanager
async def on_a_line(folder: Path, **how: Any) -> AsyncIterator[tuple[Site, Line, str]]:
    """A site whose database is reached over a line that can fail, and the name of the database."""
    server = the_server()
    database = server.database()
    async with (
        a_line(server.port) as line,
        a_site(folder, {"WATCHWORD_STORE": server.url(database, line.port)}, **how) as site,
    ):
        yield site, line, database


def says_when_to_come_back(heard: Heard) -> None:
    assert (503, "store_unavailable") == (heard.status, heard.document["code"])
    assert b"\r\nretry-after: 1\r\n" in heard.head.lower()


# --- PostgreSQL --------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.parametrize("breaks", [Line.cut, Line.die])
def test_workers_that_were_all_killed_while_postgresql_is_away_answer_and_serve_when_it_is_back(
    breaks: Break, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with on_a_line(tmp_path) as (site, line, _):
            breaks(line)
            killed = site.kill_workers()
            await site.have_others(killed)
            says_when_to_come_back((await site.create("early@example.com"))[0])
            heard = await get(site.service, "/readyz")
            says_when_to_come_back(heard)
            assert PASSWORD.encode() not in heard.body
            assert 200 == (await get(site.service, "/")).status
            await until(lambda: b'"store.awaited"' in site.service.log.read_bytes())
            line.mend()
            await site.signs_in()
            assert 0 == await site.service.finish()

    asyncio.run(journey())


def test_a_service_whose_workers_wait_for_postgresql_stops_when_it_is_told_to(tmp_path: Path) -> None:
    async def journey() -> None:
        async with on_a_line(tmp_path) as (site, line, _):
            line.cut()
            await site.have_others(site.kill_workers())
            assert 0 == await site.service.finish()

    asyncio.run(journey())


def test_a_worker_that_takes_the_place_of_another_while_all_is_well_refuses_nobody(tmp_path: Path) -> None:
    async def journey() -> None:
        async with on_a_line(tmp_path, program=UNHURRIED) as (site, _, _):
            await site.have_others(site.kill_workers())
            for number in range(20):
                assert 201 == (await site.create(f"n{number}@example.com"))[0].status
            assert b'"store.awaited"' not in site.service.log.read_bytes()
            assert 0 == await site.service.finish()

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        (
            "UPDATE key_mark SET mac = decode(reverse(encode(mac, 'hex')), 'hex')",
            "UPDATE key_mark SET mac = decode(reverse(encode(mac, 'hex')), 'hex')",
            b"is not the one that",
        ),
        (
            "UPDATE watchword_schema SET oldest = 9999",
            "UPDATE watchword_schema SET oldest = 0",
            b"was written by a newer version",
        ),
    ],
    ids=["other-keys", "newer-schema"],
)
def test_a_database_that_comes_back_as_one_that_workers_may_not_use_is_served_by_none(
    wrong: str, right: str, says: bytes, tmp_path: Path
) -> None:
    async def journey() -> None:
        heard: set[int] = set()

        async def keep_asking(site: Site) -> None:
            while True:
                with suppress(OSError, ValueError):
                    heard.add((await site.create("nobody@example.com"))[0].status)

        def failed(service: Service) -> list[bytes]:
            return [line for line in service.log.read_bytes().splitlines() if b'"worker.failed"' in line]

        async with on_a_line(tmp_path) as (site, line, database):
            line.cut()
            await site.have_others(site.kill_workers())
            await asyncio.to_thread(the_server().sql, wrong, database)
            asking = asyncio.create_task(keep_asking(site))
            line.mend()
            await until(lambda: len(failed(site.service)) > 2 * WORKERS)  # those that waited, and those after them
            assert all(says in line for line in failed(site.service))
            asking.cancel()
            assert heard == {503}
            rows = "SELECT count(*) FROM verifications"
            assert "0" == await asyncio.to_thread(the_server().sql, rows, database)
            await asyncio.to_thread(the_server().sql, right, database)
            await signs_in_in_the_end(site)
            assert 0 == await site.service.finish()

    asyncio.run(journey())


async def signs_in_in_the_end(site: Site) -> None:
    """Sign in where a worker that was slow to see what it may not use takes a connection along as it goes."""
    async with asyncio.timeout(BACK):
        while True:
            with suppress(ConnectionError, ValueError):
                await site.signs_in()
                return


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_service_that_is_started_while_its_store_is_away_says_so_and_ends(workers: int, tmp_path: Path) -> None:
    service = Service(tmp_path, settings={"WATCHWORD_STORE": the_server().url("d", 1)})
    done = service.run("serve", "--bind", "127.0.0.1:0", "--workers", str(workers))
    assert 0 != done.returncode
    assert b"PostgreSQL cannot be reached" in done.stderr
    assert b"" == done.stdout


# --- Valkey ------------------------------------------------------------------------------------------


@contextmanager
def one() -> Iterator[tuple[list[Server], dict[str, str]]]:
    """A server, and settings with the durable half in PostgreSQL."""
    server = Server()
    yield (
        [server],
        {"WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{server.port}", "WATCHWORD_STORE": the_server().url()},
    )
    server.close()


@contextmanager
def one_beside_a_file() -> Iterator[tuple[list[Server], dict[str, str]]]:
    server = Server()
    yield [server], {"WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{server.port}"}
    server.close()


@contextmanager
def a_cluster() -> Iterator[tuple[list[Server], dict[str, str]]]:
    cluster = ServerCluster()
    yield list(cluster.servers), {"WATCHWORD_FAST_STORE": cluster.url}
    cluster.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("valkey", "away", "back"),
    [
        (one, Server.kill, Server.start),
        (one_beside_a_file, Server.kill, Server.start),
        (a_cluster, Server.freeze, Server.thaw),  # started again, its servers would listen to each other elsewhere
    ],
    ids=["one", "one-beside-a-file", "a-cluster"],
)
def test_workers_that_were_all_killed_while_valkey_is_away_do_as_those_that_lost_it(
    valkey: Callable[[], AbstractContextManager[tuple[list[Server], dict[str, str]]]],
    away: Callable[[Server], None],
    back: Callable[[Server], None],
    tmp_path: Path,
) -> None:
    """Mail goes out, codes wait: docs/adr/0030."""

    async def journey() -> None:
        with valkey() as (servers, settings):
            async with a_site(tmp_path, settings) as site:
                for server in servers:
                    away(server)
                await site.have_others(site.kill_workers())
                says_when_to_come_back(await ready(site.service, is_not_ready))
                made, verification = await site.create("early@example.com")
                assert 201 == made.status
                says_when_to_come_back(await site.check(verification))
                for server in servers:
                    back(server)
                await site.signs_in()
                await site.is_approved(verification)
                assert 0 == await site.service.finish()

    asyncio.run(journey())
