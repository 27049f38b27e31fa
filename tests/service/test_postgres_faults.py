"""Several services on one PostgreSQL: a full disk, a failover, clocks that differ, an upgrade that rolls on."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_store_faults import a_small_disk, fill, tells_nothing
from tests.service.test_workers import until
from tests.support.hosts import CLIENTS, SOON, Clients, Hosts, clients, goes_on, two_hosts
from tests.support.postgres import PostgresServer, a_folder, a_server, a_standby, remove, the_binaries
from tests.support.service import Connection, code_of, get, is_ready, ready
from tests.support.world import wrong

MIB = 1_048_576
PAGE = 8_192
SMALL = "--wal-segsize=1"  # MiB: what the smallest disk holds several of
AHEAD = 60_000  # milliseconds between two clocks
MINUTES = 60_000
AT_ONCE = 8  # connections to each host
TRIALS = 10

NEWER = (sys.executable, "-m", "tests.support.newer")
TIGHT = """
[limits]
recipient_sends = ""
source_sends = ""
wrong_guesses = "7/h"
"""


# --- a full disk -------------------------------------------------------------------------------------


async def is_refused(crowd: Clients) -> None:
    """Wait until the clients meet the full disk, and tell what they and everybody else may see of it."""
    before = sum(crowd.refused.values())
    await until(lambda: sum(crowd.refused.values()) > before + CLIENTS)
    for service in crowd.hosts.services:
        assert 200 == (await get(service, "/healthz")).status
        tells_nothing((await get(service, "/readyz")).body)


async def works_again(crowd: Clients) -> None:
    for service in crowd.hosts.services:
        await ready(service, is_ready, within=SOON)
    await goes_on(crowd)


@asynccontextmanager
async def kept_up(server: PostgresServer) -> AsyncIterator[None]:
    """Start it whenever it has gone down, as its unit does: a log that cannot grow ends it, now or in a moment."""

    async def keep() -> None:
        while True:
            if server.has_ended():
                await asyncio.to_thread(server.start)
            await asyncio.sleep(0.1)

    keeping = asyncio.create_task(keep())
    yield
    keeping.cancel()


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
@pytest.mark.parametrize(("what", "size"), [("tables", MIB), ("log", PAGE)])
def test_while_no_file_of_the_database_can_grow_callers_are_refused_and_what_was_answered_is_kept(
    what: str, size: int, tmp_path: Path
) -> None:
    """To PostgreSQL a limit on the size of files is what a full disk is, but that the error has another name.

    Its tables can grow no more, and it serves what needs no space; or its log cannot, and it goes down.
    """

    async def journey() -> None:
        server = a_server(initial=[SMALL])
        async with two_hosts(tmp_path, server) as hosts, clients(hosts) as crowd:
            await goes_on(crowd)
            await asyncio.to_thread(server.limit_files, size)
            if what == "tables":
                await asyncio.to_thread(crowd_out, server, hosts.database)
            await is_refused(crowd)
            if what == "log":
                await until(server.has_ended)
                await asyncio.to_thread(server.start)
            else:
                await asyncio.to_thread(server.limit_files, -1)
            await works_again(crowd)
        server.stop()

    asyncio.run(journey())


def crowd_out(server: PostgresServer, database: str) -> None:
    """Fill the table that every new verification needs, up to what its file may be."""
    rows = (
        "INSERT INTO deliveries SELECT uuid_send(gen_random_uuid()), 0, 0, NULL, 'sent', 0, false, false, '', '', '' "
        "FROM generate_series(1, 1000)"
    )
    while not server.refuses(rows, database):
        pass


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_while_the_disk_of_the_database_is_full_callers_are_refused_and_what_was_answered_is_kept(
    tmp_path: Path,
) -> None:
    folder = a_folder()
    few = ("min_wal_size=2MB", "max_wal_size=4MB")
    server = PostgresServer(the_binaries(), folder / "data", few, (SMALL,))

    async def journey() -> None:
        async with two_hosts(tmp_path, server) as hosts, clients(hosts) as crowd:
            await goes_on(crowd)
            ballast = folder / "data" / "ballast"
            await asyncio.to_thread(fill, ballast)
            await is_refused(crowd)
            ballast.unlink()
            async with kept_up(server):
                await works_again(crowd)

    with a_small_disk(folder / "data", mebibytes=56):
        server.make()
        server.start()
        try:
            asyncio.run(journey())
        finally:
            server.stop()
    remove(server, folder)


# --- a failover --------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_when_a_standby_takes_over_nothing_that_was_answered_is_lost_and_the_services_find_it(tmp_path: Path) -> None:
    async def journey() -> None:
        primary = a_server()
        standby = await asyncio.to_thread(a_standby, primary)
        async with two_hosts(tmp_path, primary, [primary.port, standby.port]) as hosts, clients(hosts) as crowd:
            await goes_on(crowd)
            await asyncio.to_thread(primary.kill)
            await until(lambda: crowd.refused["store_unavailable"] > 0)
            await asyncio.to_thread(standby.sql, "SELECT pg_promote()")
            await works_again(crowd)
        standby.stop()

    asyncio.run(journey())


# --- clocks that differ ------------------------------------------------------------------------------


class Clocks:
    """Two hosts, the clock of the second a minute ahead, and hands for both."""

    def __init__(self, folder: Path) -> None:
        self.files = [folder / "first", folder / "second"]
        self.move(0)

    def move(self, by: int) -> None:
        """Let both be so many milliseconds ahead of the machine's, the second by a minute more."""
        for file, ahead in zip(self.files, (by, by + AHEAD), strict=True):
            new = file.with_suffix(".new")
            new.write_text(str(ahead))
            new.replace(file)  # at once: the service may be reading

    def program(self, number: int) -> tuple[str | Path, ...]:
        return (sys.executable, "-m", "tests.support.leaping", str(self.files[number]))


@dataclass
class Skewed:
    """The two hosts, a connection to the one that is behind and to the one that is ahead, and the loop they live on."""

    run: Callable[[Coroutine[Any, Any, None]], None]
    hosts: Hosts
    clocks: Clocks
    behind: Connection
    ahead: Connection

    async def made(self, by: Connection, address: str) -> tuple[str, str]:
        """A verification and its code."""
        status, answer = await by.create(address)
        assert 201 == status, answer
        return answer["id"], code_of(self.hosts.keyring, self.hosts.app, answer["id"])

    def has_sent_all(self) -> bool:
        """Whether no message waits for a courier any more."""
        waiting = "SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL"
        return self.hosts.server.sql(waiting, self.hosts.database) == "0"


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Skewed]:
    """One set-up for all of these tests; the clocks of both hosts only ever go forward."""
    folder = tmp_path_factory.mktemp("clocks")
    clocks = Clocks(folder)
    opening = two_hosts(folder, programs=[clocks.program(0), clocks.program(1)], config=TIGHT)
    with asyncio.Runner() as runner:

        async def opened() -> Hosts:
            return await opening.__aenter__()

        async def close() -> None:
            await opening.__aexit__(None, None, None)

        hosts = runner.run(opened())
        behind, ahead = hosts.connections(1)
        with closing(behind), closing(ahead):
            yield Skewed(runner.run, hosts, clocks, behind, ahead)
        runner.run(close())


@pytest.mark.xdist_group("heavy")
def test_hosts_whose_clocks_differ_by_a_minute_approve_once(skewed: Skewed) -> None:
    async def journey() -> None:
        connections = skewed.hosts.connections(AT_ONCE)
        for number in range(TRIALS):
            raw, code = await skewed.made((skewed.behind, skewed.ahead)[number % 2], f"user{number}@example.com")
            answers = await asyncio.gather(*(each.check(raw, code) for each in connections))
            assert {"approved": 1, "used": 2 * AT_ONCE - 1} == Counter(
                "approved" if status == 200 else answer["reason"] for status, answer in answers
            )
        for connection in connections:
            connection.close()

    skewed.run(journey())


@pytest.mark.xdist_group("heavy")
def test_a_guesser_gains_nothing_from_hosts_whose_clocks_differ(skewed: Skewed) -> None:
    async def journey() -> None:
        heard: Counter[str] = Counter()
        for number in range(4):  # 20 tries of codes, 7 wrong guesses an hour of a person
            raw, code = await skewed.made((skewed.behind, skewed.ahead)[number % 2], "victim@example.com")
            for each in (skewed.behind, skewed.ahead) * 3:
                status, answer = await each.check(raw, wrong(code))
                assert 200 != status
                heard[answer.get("reason", answer["code"])] += 1
        assert 7 == heard["mismatch"]

    skewed.run(journey())


@pytest.mark.xdist_group("heavy")
def test_a_code_is_over_on_each_host_by_its_own_clock_and_on_both_within_the_minute(skewed: Skewed) -> None:
    async def journey() -> None:
        clocks, behind, ahead = skewed.clocks, skewed.behind, skewed.ahead
        ann, ben, eve = [await skewed.made(behind, f"{name}@example.com") for name in ("ann", "ben", "eve")]
        await until(skewed.has_sent_all)  # or what is over fails, of which nothing was sent
        clocks.move(8 * MINUTES)  # of ten; so nine on the host that is ahead
        assert 200 == (await ahead.check(*ann))[0]
        clocks.move(9 * MINUTES)
        status, answer = await ahead.check(*ben)
        assert (422, "expired") == (status, answer["reason"])
        assert 200 == (await behind.check(*ben))[0]
        clocks.move(10 * MINUTES)
        for each in (behind, ahead):
            status, answer = await each.check(*eve)
            assert (422, "expired") == (status, answer["reason"])

    skewed.run(journey())


# --- an upgrade that rolls on ------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_the_next_version_migrates_and_serves_beside_this_one_and_the_way_back_is_open(tmp_path: Path) -> None:
    async def journey() -> None:
        async with two_hosts(tmp_path) as hosts, clients(hosts) as crowd:
            first, second = hosts.services
            await goes_on(crowd)
            assert 0 == await second.finish()
            second.program = NEWER
            await asyncio.to_thread(second.command, "migrate")
            await goes_on(crowd)  # this version alone, beside the schema of the next one
            await second.start()
            await goes_on(crowd)  # both
            assert 0 == await first.finish()
            await first.start()  # this version, once more
            await goes_on(crowd)
            assert "0" != hosts.server.sql("SELECT count(*) FROM verifications WHERE later = ''", hosts.database)

    asyncio.run(journey())
