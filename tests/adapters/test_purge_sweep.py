"""Buckets of sends that limit nothing leave in one pass a round, however many they are; those that do stay."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.contract.stores import run
from tests.support.postgres import the_server
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.adapters.postgres.link import connect
from watchword.adapters.sqlite import SqliteStore
from watchword.core.instant import Instant

NOW: Instant = 1_795_000_000_000
BUCKETS = 5_000  # of which every fifth still limits something
STEP = 100
LIVE = BUCKETS // 5


def rows() -> list[tuple[bytes, Instant, Instant]]:
    return [(b"s%08d" % number, NOW - 5, NOW if number % 5 else NOW + 60_000) for number in range(BUCKETS)]


async def purged(store: SqliteStore | PostgresStore, now: Instant) -> tuple[int, int]:
    """How many steps found something, and how many rows went."""
    steps = total = 0
    while gone := await store.purge(made_before=0, now=now, step=STEP):
        steps, total = steps + 1, total + gone
    return steps, total


def test_a_file_is_gone_through_once_a_round(tmp_path: Path) -> None:
    async def journey() -> None:
        store = SqliteStore(tmp_path / "watchword.db")
        await store.open()
        with closing(sqlite3.connect(tmp_path / "watchword.db")) as other, other:
            other.executemany("INSERT INTO send_buckets VALUES (?, ?, ?)", rows())
        assert ((BUCKETS - LIVE) // STEP, BUCKETS - LIVE) == await purged(store, NOW)
        assert (0, 0) == await purged(store, NOW)
        assert LIVE == (await purged(store, NOW + 60_000))[1]
        await store.aclose()

    run(journey())


def test_a_server_is_gone_through_once_a_round_and_what_somebody_holds_is_left() -> None:
    async def journey() -> None:
        address = PostgresAddress.parse(the_server().url())
        store = PostgresStore(address)
        await store.open()
        other = await connect(address)
        await other.copy_records_to_table("send_buckets", records=rows())
        async with other.transaction():
            await other.execute("SELECT FROM send_buckets WHERE key = $1 FOR UPDATE", rows()[1][0])
            steps, gone = await purged(store, NOW)
            assert BUCKETS - LIVE - 1 == gone
            assert 1 < steps <= gone // STEP
            assert (0, 0) == await purged(store, NOW)
        assert LIVE + 1 == (await purged(store, NOW + 60_000))[1]
        await other.close()
        await store.aclose()

    run(journey())
