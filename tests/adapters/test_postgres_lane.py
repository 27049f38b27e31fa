"""The two ways of a batch: comparing what it read, and locking it (``adapters/postgres/lane.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import asyncpg
import msgspec
import pytest

from tests.adapters.test_postgres import a_world
from tests.adapters.test_postgres_guard import waiting
from tests.contract.stores import run
from tests.contract.test_verification_store import UNLIMITED
from tests.support.line import a_line
from tests.support.postgres import PostgresServer, the_server, wait_for_locks
from tests.support.world import World, wrong
from watchword.adapters.postgres import PostgresAddress, PostgresStore, lane, link
from watchword.adapters.postgres.lane import SESSION, Call, Lane
from watchword.adapters.postgres.link import Link
from watchword.adapters.postgres.tables import PostgresTables
from watchword.core.limit import Charge, Guesses
from watchword.core.verification import Expected, guess_key
from watchword.errors import MismatchError, StoreError, UnknownError

# Whether a row is free, told by whoever would take it: "" where a batch has locked it.
FREE = "SELECT 1 FROM verifications FOR UPDATE SKIP LOCKED"

REPLAY = "INSERT INTO replays (key, verification, request) VALUES ('key', 'made', 'first')"


Seen = TypeVar("Seen")


class Place(NamedTuple):
    """A database with one verification and the code of it, and a lane that writes to it."""

    world: World
    server: PostgresServer
    database: str
    raw: bytes
    code: str

    @property
    def store(self) -> PostgresStore:
        assert isinstance(self.world.store, PostgresStore)
        return self.world.store

    async def run(self, step: Callable[[PostgresTables], object]) -> object:
        return await self.store._pens.batchers[0].submit(Call(step))

    async def run_beside(self, statement: str, step: Callable[[PostgresTables], Seen]) -> list[Seen]:
        """Run a step, the first time with a statement of another process after it; what it saw, each time."""
        seen: list[Seen] = []

        def seeing(tables: PostgresTables) -> Seen:
            seen.append(step(tables))
            if len(seen) == 1:
                self.sql(statement)
            return seen[-1]

        assert await self.run(seeing) == seen[-1]
        return seen

    async def connection(self) -> asyncpg.Connection:
        """The one that the lane has."""
        async with self.store._pens.links[0].connected() as connection:
            return connection

    def sql(self, statement: str) -> str:
        """What another process does meanwhile."""
        return self.server.sql(statement, self.database)


@asynccontextmanager
async def a_place(options: str = "") -> AsyncIterator[Place]:
    server = the_server()
    database = server.database()
    async with a_world(server.url(database) + options) as world:
        yield Place(world, server, database, *await world.send())


def journey(options: str = "") -> Callable[[Callable[[Place], Awaitable[None]]], Callable[[], None]]:
    """Run a test at a place."""

    def decorate(told: Callable[[Place], Awaitable[None]]) -> Callable[[], None]:
        async def at_a_place() -> None:
            async with a_place(options) as place:
                await told(place)

        def test() -> None:
            run(at_a_place())

        return test

    return decorate


def attempted(tables: PostgresTables, place: Place) -> int:
    """Count one more attempt; the number that was found."""
    found = tables.verifications.get(place.raw)
    assert found is not None
    tables.verifications.put(place.raw, msgspec.structs.replace(found, attempts=found.attempts + 1))
    return found.attempts


@journey()
async def test_a_row_that_changes_while_a_batch_decides_is_decided_about_again(place: Place) -> None:
    seen = await place.run_beside("UPDATE verifications SET attempts = 1", lambda tables: attempted(tables, place))
    assert ([0, 1], "2") == (seen, place.sql("SELECT attempts FROM verifications"))


@journey()
async def test_a_row_that_is_only_looked_at_must_stay_as_it_is_until_the_batch_is_written(place: Place) -> None:
    key = guess_key((await place.world.store.find(place.world.app.id, place.raw))[0])
    await place.run(lambda tables: tables.set_guesses(key, Guesses((1,), 1)))

    def step(tables: PostgresTables) -> int:
        streak = tables.guesses(key).streak
        attempted(tables, place)
        return streak

    seen = await place.run_beside("UPDATE guess_buckets SET streak = 100", step)
    assert ([1, 100], "1") == (seen, place.sql("SELECT attempts FROM verifications"))


@journey()
async def test_a_batch_that_writes_nothing_has_seen_its_rows_at_one_moment(place: Place) -> None:
    def step(tables: PostgresTables) -> int:
        found = tables.verifications.get(place.raw)
        assert found is not None
        return found.attempts

    assert [0, 3] == await place.run_beside("UPDATE verifications SET attempts = 3", step)


@journey()
async def test_a_row_that_appears_is_not_written_over(place: Place) -> None:
    def step(tables: PostgresTables) -> int:
        streak = tables.guesses(b"key").streak
        tables.set_guesses(b"key", Guesses((), streak + 1))
        return streak

    seen = await place.run_beside("INSERT INTO guess_buckets VALUES ('key', '[]', 5)", step)
    assert ([0, 5], "6") == (seen, place.sql("SELECT streak FROM guess_buckets"))


@journey()
async def test_a_row_that_changed_is_not_removed_for_what_it_was(place: Place) -> None:
    place.sql(REPLAY)

    def step(tables: PostgresTables) -> bytes:
        row = tables.replays.get(b"key")
        assert row is not None
        if row.request == b"first":
            tables.replays.drop(b"key")
        return row.request

    seen = await place.run_beside("UPDATE replays SET request = 'second'", step)
    assert ([b"first", b"second"], "1") == (seen, place.sql("SELECT count(*) FROM replays"))


@journey()
async def test_a_row_that_nobody_looked_at_is_removed_whatever_it_is(place: Place) -> None:
    place.sql(REPLAY)

    def step(tables: PostgresTables) -> None:
        tables.replays.drop(b"key")
        tables.replays.drop(b"none")

    await place.run(step)
    assert "0" == place.sql("SELECT count(*) FROM replays")


def test_a_batch_holds_nothing_until_it_clashes_and_then_batches_lock_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "CAREFUL", 3)

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


@journey("&pgbouncer=true")
async def test_behind_a_pooler_batches_lock_from_the_start(place: Place) -> None:
    free: list[str] = []

    def step(tables: PostgresTables) -> None:
        attempted(tables, place)
        free.append(place.sql(FREE))

    await place.run(step)
    assert [""] == free


@pytest.mark.parametrize("asks", ["a question", "a set that may be empty"])
def test_what_cannot_be_compared_runs_in_one_transaction(asks: str) -> None:
    async def journey() -> None:
        async with a_place() as place:
            free: list[str] = []

            def step(tables: PostgresTables) -> None:
                if asks == "a question" and not free:
                    tables.backlog(place.world.clock.now(), 1)
                elif not free:
                    tables.authenticators.of(b"nobody")
                attempted(tables, place)
                free.append(place.sql(FREE))

            await place.run(step)
            assert ([""], "1") == (free, place.sql("SELECT attempts FROM verifications"))
            await place.run(step)
            assert ["", ""] == free  # what it met, the next one need not meet again

    run(journey())


ENDING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'watchword'"
)


@journey()
async def test_a_connection_that_has_ended_is_replaced_and_nobody_hears_of_it(place: Place) -> None:
    place.sql(ENDING)
    await place.run(lambda tables: attempted(tables, place))
    assert "1" == place.sql("SELECT attempts FROM verifications")


@journey()
async def test_a_connection_that_ends_between_reading_and_writing_is_told_and_nothing_is_tried_again(
    place: Place,
) -> None:
    runs: list[int] = []

    def step(tables: PostgresTables) -> None:
        runs.append(attempted(tables, place))
        place.sql(ENDING)

    with pytest.raises(StoreError):
        await place.run(step)
    assert ([0], "0") == (runs, place.sql("SELECT attempts FROM verifications"))


def test_a_line_that_is_dead_costs_one_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    timeout, waits = asyncio.timeout, list[float | None]()

    def noted(delay: float | None) -> asyncio.Timeout:
        waits.append(delay)
        return timeout(delay)

    async def journey() -> None:
        server = the_server()
        async with a_line(server.port) as line:
            address = PostgresAddress.parse(server.url(None, line.port))
            to_server = Link(address, SESSION)
            comparing = Lane(to_server, writes=True)
            call = Call(lambda tables: tables.guesses(b"key"))
            async with to_server.connected():
                monkeypatch.setattr(link, "PATIENCE", 0.2)  # once it is connected, for which it has as long as ever
                line.die()
            monkeypatch.setattr(asyncio, "timeout", noted)
            (refused,) = await comparing.execute([call])
            assert isinstance(refused, StoreError)
            assert [0.2] == waits
            await to_server.aclose()

    run(journey())


def test_a_rollback_takes_nothing_of_what_the_session_was_told() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        server.sql(f"ALTER DATABASE {database} SET synchronous_commit = off")
        to_server = Link(PostgresAddress.parse(server.url(database)), SESSION)
        comparing = Lane(to_server, writes=True)
        comparing._careful = 1  # as after a clash: the first thing that is said on it is a transaction that locks

        def breaks(_: PostgresTables) -> None:
            raise RuntimeError

        (broken,) = await comparing.execute([Call(breaks)])
        assert isinstance(broken, StoreError)
        async with to_server.connected() as connection:
            names = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout")
            told = [await connection.fetchval(f"SHOW {name}") for name in names]
        assert ["on", "2s", "5s"] == told
        await to_server.aclose()

    run(journey())


@journey("&pgbouncer=true")
async def test_behind_a_pooler_no_session_is_told_anything(place: Place) -> None:
    assert "0" == await (await place.connection()).fetchval("SHOW lock_timeout")


@journey()
async def test_a_server_that_takes_no_writes_is_not_believed_that_something_is_unknown(place: Place) -> None:
    place.sql(f"ALTER DATABASE {place.database} SET default_transaction_read_only = on")
    place.sql(ENDING)
    unknown = place.raw[:-1] + bytes([place.raw[-1] ^ 1])
    with pytest.raises(StoreError):
        await place.world.check(unknown, place.code)
    place.server.sql(f"ALTER DATABASE {place.database} RESET default_transaction_read_only")
    with pytest.raises(UnknownError):
        await place.world.check(unknown, place.code)


@journey()
async def test_a_create_takes_two_round_trips_and_a_check_three(place: Place) -> None:
    connection = await place.connection()
    queries: list[str] = []
    connection.add_query_logger(lambda query: queries.append(query.query))
    await place.world.create("ben@example.com")
    created = len(queries)
    with pytest.raises(MismatchError):
        await place.world.check(place.raw, wrong(place.code))
    assert (2, 3) == (created, len(queries) - created)
    assert not [query for query in queries if "BEGIN" in query]


@journey()
async def test_two_batches_that_look_at_what_the_other_one_changes_do_not_wait_for_each_other(place: Place) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        wait_for_locks(monkeypatch)
        await crossed(place)


async def crossed(place: Place) -> None:
    """Each of two batches changes what the other one looks at, and both must wait for a third."""
    place.sql("INSERT INTO guess_buckets VALUES ('1', '[1]', 1), ('2', '[1]', 1), ('3', '[1]', 1)")
    address = PostgresAddress.parse(place.server.url(place.database))
    # Who waits for whom in a circle finds it out after the span of a lock, and then it is an error.
    place.sql(f"ALTER DATABASE {place.database} SET deadlock_timeout = '90s'")
    links = [Link(address, lane.SESSION) for _ in range(2)]
    first, second = [Lane(each, writes=True) for each in links]

    def step(looks: bytes, *changes: bytes) -> Callable[[PostgresTables], None]:
        def changed(tables: PostgresTables) -> None:
            tables.guesses(looks)
            for key in changes:
                tables.set_guesses(key, Guesses((1,), tables.guesses(key).streak + 1))

        return changed

    holder, seen = [await asyncpg.connect(place.server.plain(place.database)) for _ in range(2)]
    await holder.execute("BEGIN; SELECT FROM guess_buckets WHERE key = '2' FOR UPDATE")
    crossing = [asyncio.create_task(first.execute([Call(step(b"3", b"1", b"2"))]))]
    await waiting(seen, 1)
    crossing.append(asyncio.create_task(second.execute([Call(step(b"1", b"3"))])))
    await waiting(seen, 2)
    await holder.execute("ROLLBACK")
    assert [[None], [None]] == await asyncio.gather(*crossing)
    assert ["2", "2", "2"] == place.sql("SELECT streak FROM guess_buckets ORDER BY key").split()
    for connection in (holder, seen):
        await connection.close()
    for each in links:
        await each.aclose()


@journey("&pgbouncer=true")
async def test_a_batch_locks_table_by_table_whatever_its_calls_are(place: Place) -> None:
    made, _ = await place.store.find(place.world.app.id, place.raw)
    another = msgspec.structs.replace(made, id=made.id[:-1] + bytes([made.id[-1] ^ 1]))
    queries: list[str] = []
    (await place.connection()).add_query_logger(lambda query: queries.append(query.query))
    charges, guesses, now = [Charge(b"key", UNLIMITED.limits.source_sends)], UNLIMITED.guesses, made.created_at
    await asyncio.gather(
        place.store.add(another, charges=charges, guesses=guesses, idempotency=None, now=now),
        place.store.attempt(
            *(made.app, made.id), digits=6, matches=False, expected=Expected(), guesses=guesses, now=now
        ),
    )
    locked = [words[1] for words in (query.split(" FROM ") for query in queries) if "FOR UPDATE" in words[-1]]
    assert ["verifications", "guess_buckets", "send_buckets"] == [table.split()[0] for table in locked]


@journey()
async def test_what_every_login_asks_for_has_a_lane_of_its_own(place: Place) -> None:
    logins, rest = place.store._pens.batchers
    before = logins.operations, rest.operations
    await place.world.create("ben@example.com")
    await place.world.check(place.raw, place.code)
    assert (before[0] + 2, before[1]) == (logins.operations, rest.operations)
    await place.world.store.claim(now=place.world.clock.now(), lease=1, most=1)
    assert before[1] + 1 == rest.operations
