"""The two ways of a batch: comparing what it read, and locking it (``adapters/postgres/lane.py``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
import pytest

from tests.adapters.test_postgres import a_world
from tests.contract.stores import run
from tests.support.postgres import PostgresServer, the_server
from tests.support.world import World
from watchword.adapters.postgres import PostgresStore, lane
from watchword.adapters.postgres.lane import Call
from watchword.adapters.postgres.tables import PostgresTables
from watchword.core.limit import Guesses
from watchword.core.verification import guess_key

# Whether a row is free, told by whoever would take it: "" where a batch has locked it.
FREE = "SELECT 1 FROM verifications FOR UPDATE SKIP LOCKED"

REPLAY = "INSERT INTO replays (key, verification, request) VALUES ('key', 'made', 'first')"


class Place(NamedTuple):
    """A database with one verification, and a lane that writes to it."""

    world: World
    server: PostgresServer
    database: str
    raw: bytes

    async def run(self, step: Callable[[PostgresTables], object]) -> object:
        assert isinstance(self.world.store, PostgresStore)
        return await self.world.store._pens.batchers[0].submit(Call(step))

    def sql(self, statement: str) -> str:
        """What another process does meanwhile."""
        return self.server.sql(statement, self.database)


@asynccontextmanager
async def a_place(options: str = "") -> AsyncIterator[Place]:
    server = the_server()
    database = server.database()
    async with a_world(server.url(database) + options) as world:
        raw, _ = await world.send()
        yield Place(world, server, database, raw)


def attempted(tables: PostgresTables, place: Place) -> int:
    """Count one more attempt; the number that was found."""
    found = tables.verifications.get(place.raw)
    assert found is not None
    tables.verifications.put(place.raw, msgspec.structs.replace(found, attempts=found.attempts + 1))
    return found.attempts


def test_a_row_that_changes_while_a_batch_decides_is_decided_about_again() -> None:
    async def journey() -> None:
        async with a_place() as place:
            seen: list[int] = []

            def step(tables: PostgresTables) -> None:
                seen.append(attempted(tables, place))
                if len(seen) == 1:
                    place.sql("UPDATE verifications SET attempts = 1")

            await place.run(step)
            assert ([0, 1], "2") == (seen, place.sql("SELECT attempts FROM verifications"))

    run(journey())


def test_a_row_that_is_only_looked_at_must_stay_as_it_is_until_the_batch_is_written() -> None:
    async def journey() -> None:
        async with a_place() as place:
            key = guess_key((await place.world.store.find(place.world.app.id, place.raw))[0])
            await place.run(lambda tables: tables.set_guesses(key, Guesses((1,), 1)))
            seen: list[int] = []

            def step(tables: PostgresTables) -> None:
                streak = tables.guesses(key).streak
                attempted(tables, place)
                seen.append(streak)
                if len(seen) == 1:
                    place.sql("UPDATE guess_buckets SET streak = 100")

            await place.run(step)
            assert ([1, 100], "1") == (seen, place.sql("SELECT attempts FROM verifications"))

    run(journey())


def test_a_batch_that_writes_nothing_has_seen_its_rows_at_one_moment() -> None:
    async def journey() -> None:
        async with a_place() as place:
            seen: list[int] = []

            def step(tables: PostgresTables) -> int:
                found = tables.verifications.get(place.raw)
                assert found is not None
                seen.append(found.attempts)
                if len(seen) == 1:
                    place.sql("UPDATE verifications SET attempts = 3")
                return found.attempts

            assert (3, [0, 3]) == (await place.run(step), seen)

    run(journey())


def test_a_row_that_appears_is_not_written_over() -> None:
    async def journey() -> None:
        async with a_place() as place:
            seen: list[int] = []

            def step(tables: PostgresTables) -> None:
                guesses = tables.guesses(b"key")
                seen.append(guesses.streak)
                tables.set_guesses(b"key", Guesses((), guesses.streak + 1))
                if len(seen) == 1:
                    place.sql("INSERT INTO guess_buckets VALUES ('key', '[]', 5)")

            await place.run(step)
            assert ([0, 5], "6") == (seen, place.sql("SELECT streak FROM guess_buckets"))

    run(journey())


def test_a_row_that_changed_is_not_removed_for_what_it_was() -> None:
    async def journey() -> None:
        async with a_place() as place:
            place.sql(REPLAY)
            seen: list[bytes] = []

            def step(tables: PostgresTables) -> None:
                row = tables.replays.get(b"key")
                assert row is not None
                seen.append(row.request)
                if row.request == b"first":
                    tables.replays.drop(b"key")
                if len(seen) == 1:
                    place.sql("UPDATE replays SET request = 'second'")

            await place.run(step)
            assert ([b"first", b"second"], "1") == (seen, place.sql("SELECT count(*) FROM replays"))

    run(journey())


def test_a_row_that_nobody_looked_at_is_removed_whatever_it_is() -> None:
    async def journey() -> None:
        async with a_place() as place:
            place.sql(REPLAY)

            def step(tables: PostgresTables) -> None:
                tables.replays.drop(b"key")
                tables.replays.drop(b"none")

            await place.run(step)
            assert "0" == place.sql("SELECT count(*) FROM replays")

    run(journey())


def test_a_batch_holds_nothing_until_it_clashes_and_then_batches_lock_for_a_while() -> None:
    async def journey() -> None:
        async with a_place() as place:
            free: list[bool] = []

            def step(tables: PostgresTables) -> None:
                attempts = attempted(tables, place)
                free.append(bool(place.sql(FREE)))
                if attempts == 1 and free[-1]:
                    place.sql("UPDATE verifications SET attempts = 2")

            for _ in range(lane.CAREFUL + 3):
                await place.run(step)
            # The second one clashes, and runs again at once.
            assert [True, True, False, *[False] * lane.CAREFUL, True] == free

    run(journey())


def test_behind_a_pooler_batches_lock_from_the_start() -> None:
    async def journey() -> None:
        async with a_place("&pgbouncer=true") as place:
            free: list[str] = []

            def step(tables: PostgresTables) -> None:
                attempted(tables, place)
                free.append(place.sql(FREE))

            await place.run(step)
            assert [""] == free

    run(journey())


@pytest.mark.parametrize("asks", ["a question", "a set that may be empty"])
def test_what_cannot_be_compared_runs_in_one_transaction(asks: str) -> None:
    async def journey() -> None:
        async with a_place() as place:
            free: list[str] = []

            def step(tables: PostgresTables) -> None:
                if asks == "a question":
                    tables.backlog(place.world.clock.now(), 1)
                else:
                    tables.authenticators.of(b"nobody")
                attempted(tables, place)
                free.append(place.sql(FREE))

            await place.run(step)
            assert ([""], "1") == (free, place.sql("SELECT attempts FROM verifications"))

    run(journey())


def test_a_connection_that_has_ended_is_replaced_and_nobody_hears_of_it() -> None:
    async def journey() -> None:
        async with a_place() as place:
            place.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'watchword'"
            )
            await place.run(lambda tables: attempted(tables, place))
            assert "1" == place.sql("SELECT attempts FROM verifications")

    run(journey())
