"""The guard's rows where two transactions of PostgreSQL want the same ones."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.contract.stores import run
from tests.contract.test_guard_store import text
from tests.support.postgres import the_server, wait_for_locks
from tests.support.sms import WIDE_OPEN, with_sms
from tests.support.world import World
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.core import breaker
from watchword.core.delivery import DeliveryStatus, Settlement
from watchword.core.guard import read_traits
from watchword.core.instant import MINUTE

OTHER = 1_500  # numbers on, it is another block
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def waiting(connection: asyncpg.Connection, many: int) -> None:
    """Come back when so many wait for a lock."""
    async with asyncio.timeout(60):
        while await connection.fetchval(WAITING) < many:
            pass


def test_a_failure_while_its_range_becomes_counted_is_taken_back_in_its_block_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait_for_locks(monkeypatch)

    async def journey() -> None:
        server = the_server()
        database = server.database()
        address = PostgresAddress.parse(server.url(database))
        world, another = World(PostgresStore(address), with_sms(limits=WIDE_OPEN)), PostgresStore(address)
        await world.open()
        await another.open()
        for number in (0, 1, 2, OTHER, OTHER + 1):
            assert await text(world, number) == "sent"
        dues = await world.store.claim(now=world.clock.now(), lease=MINUTE, most=breaker.NEIGHBOURS)
        (due,) = [due for due in dues if read_traits(due.verification.traits).tail == 0]
        holder, seen = [await asyncpg.connect(server.plain(database)) for _ in range(2)]
        await holder.execute("BEGIN; SELECT FROM guard_rows WHERE substr(key, 1, 1) = '4' FOR UPDATE")
        sixth = asyncio.create_task(text(world, OTHER + 2))
        await waiting(seen, 1)
        failed = asyncio.create_task(
            another.settle(due, Settlement(DeliveryStatus.FAILED, world.clock.now(), "", "refused"))
        )
        await waiting(seen, 2)
        await holder.execute("ROLLBACK")
        assert await sixth == "sent"
        await failed
        for connection in (holder, seen):
            await connection.close()
        # Two of the first block are out still, so that the fourth of these makes it six.
        assert [await text(world, number) for number in (3, 4, 5, 6, 7)] == ["sent"] * 4 + ["neighbours"]
        for store in (world.store, another):
            await store.aclose()

    run(journey())
