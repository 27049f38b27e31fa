"""kill -9 of a service in the middle of a migration: the next one that starts migrates, serves, and has lost nothing.

The migration is that of a version to come (``tests/support/newer.py``), and the test holds the lock that it runs into
halfway. What a migration leaves that dies with its connection is told of the schema alone in
``tests/adapters/test_postgres.py``.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import apsw
import asyncpg
import pytest

from tests.support.newer import HALFWAY
from tests.support.postgres import the_server
from tests.support.service import Connection, Service, code_of
from watchword.core import ids

NEWER = (sys.executable, "-m", "tests.support.newer")
WITHIN = 120  # seconds, on any machine

# A service, and what stops it halfway for as long as it is held; it yields what tells that it is there.
Set = tuple[Service, Callable[[], AbstractAsyncContextManager[Callable[[], bool]]], Callable[[], int]]


def on_sqlite(folder: Path) -> Set:
    service = Service(folder)

    @asynccontextmanager
    async def stopping() -> AsyncIterator[Callable[[], bool]]:
        lock = folder / "stop"
        service.settings = {"STOP_AT": str(lock)}
        with lock.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield lambda: HALFWAY in service.log.read_text()

    def number() -> int:
        with closing(apsw.Connection(str(service.database))) as connection:
            return int(connection.execute("PRAGMA user_version").get)

    return service, stopping, number


def on_postgres(folder: Path) -> Set:
    server = the_server()
    database = server.database()
    service = Service(folder, settings={"WATCHWORD_STORE": server.url(database)})

    @asynccontextmanager
    async def stopping() -> AsyncIterator[Callable[[], bool]]:
        connection = await asyncpg.connect(server.plain(database))
        async with connection.transaction():
            await connection.execute("LOCK TABLE deliveries IN ACCESS SHARE MODE")
            waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'deliveries'::regclass AND NOT granted"
            yield lambda: server.sql(waiting, database) == "1"
        await connection.close()

    return service, stopping, lambda: int(server.sql("SELECT number FROM watchword_schema", database))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("on", [on_sqlite, on_postgres])
def test_a_service_that_is_killed_in_the_middle_of_a_migration_starts_again_and_has_lost_nothing(
    on: Callable[[Path], Set], tmp_path: Path
) -> None:
    async def journey() -> None:
        service, stopping, number = on(tmp_path)
        app = json.loads(service.command("app", "create", "Shop", "--json"))
        await service.start()
        connection = Connection(service, app["key"])
        _, made = await connection.create("ann@example.com")
        connection.close()
        service.kill()
        before = number()

        service.program = NEWER
        async with stopping() as is_halfway:
            starting = asyncio.create_task(service.start())
            async with asyncio.timeout(WITHIN):
                while not await asyncio.to_thread(is_halfway):
                    assert not starting.done()
                    await asyncio.sleep(0)
            service.kill()
            with pytest.raises(AssertionError, match="did not start"):
                await starting
            assert before == number()

        await service.start()
        try:
            assert before + 1 == number()
            connection = Connection(service, app["key"])
            code = code_of(service.keyring(), ids.from_text(ids.APP, app["id"]), made["id"])
            assert "approved" == (await connection.check(made["id"], code))[1]["status"]
            assert 201 == (await connection.create("bob@example.com"))[0]
            connection.close()
        finally:
            service.kill()

    asyncio.run(journey())
