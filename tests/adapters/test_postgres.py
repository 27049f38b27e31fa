"""What is PostgreSQL's own: the transaction, the schema, the line to the server (``adapters/postgres``)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import msgspec
import pytest

from tests.contract.stores import run
from tests.contract.test_verification_store import UNLIMITED
from tests.support.line import Line, a_line
from tests.support.postgres import PostgresServer, a_server, the_server, wait_for_locks
from tests.support.world import World, wrong
from watchword.adapters.postgres import PostgresAddress, PostgresStore, lane, link, schema
from watchword.adapters.postgres.lane import SESSION, WRITING, Call
from watchword.adapters.postgres.link import PATIENCE
from watchword.adapters.postgres.tables import PostgresTables
from watchword.core.instant import DAY
from watchword.core.verification import Status
from watchword.errors import MismatchError, OverloadedError, SettingsError, StoreError
from watchword.flows.purge import RETENTION

CROWD = 32
ADDITION = "ALTER TABLE verifications ADD COLUMN later text; CREATE TABLE later (id bytea PRIMARY KEY)"
REMOVAL = "UPDATE watchword_schema SET oldest = {number}; ALTER TABLE verifications DROP COLUMN decoy"


def at(url: str) -> PostgresStore:
    return PostgresStore(PostgresAddress.parse(url))


@asynccontextmanager
async def a_world(url: str | None = None, *, waiting: int = 10_000) -> AsyncIterator[World]:
    store = PostgresStore(PostgresAddress.parse(url or the_server().url()), waiting=waiting)
    world = World(store, UNLIMITED)
    await world.open()
    try:
        yield world
    finally:
        await store.aclose()


@asynccontextmanager
async def a_world_on_a_line(options: str = "") -> AsyncIterator[tuple[World, Line, PostgresServer, str]]:
    """A world whose store is reached over a line that can fail, and the database behind it."""
    server = the_server()
    database = server.database()
    async with a_line(server.port) as line, a_world(server.url(database, line.port) + options) as world:
        yield world, line, server, database


async def told(world: World, number: int) -> str:
    """What somebody is told who asks for a code."""
    try:
        await world.create(f"user{number}@example.com")
    except (StoreError, OverloadedError) as error:
        return type(error).__name__
    return "made"


def test_every_commit_is_on_disk_whatever_the_database_has_as_its_usual() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        server.sql(f"ALTER DATABASE {database} SET synchronous_commit = off")
        async with a_world(server.url(database)) as world:
            assert isinstance(world.store, PostgresStore)
            ask = Call(lambda tables: tables.asked.rows("SELECT current_setting('synchronous_commit')"))
            for lane in world.store._pens.batchers:
                ((setting,),) = await lane.submit(ask)
                assert "on" == setting

    run(journey())


def test_everything_is_there_after_the_server_was_killed() -> None:
    async def journey() -> None:
        server = a_server()
        url = server.url()
        async with a_world(url) as world:
            raw, code = await world.send()
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
            server.kill()
            with pytest.raises(StoreError):
                await world.check(raw, code)
            server.start()
            shown = await world.verifications.get(world.app, raw)
            assert (1, "T1") == (shown.verification.attempts, shown.deliveries[0].transport)
            assert Status.APPROVED is (await world.check(raw, code)).status
        server.stop()

    run(journey())


def test_one_call_that_cannot_be_written_harms_no_neighbour() -> None:
    async def journey() -> None:
        async with a_world() as world:
            made = [(await world.create(f"user{number}@example.com")).verification for number in range(3)]
            rows = [msgspec.structs.replace(row, id=row.id[:-1] + bytes([row.id[-1] ^ 1])) for row in made]
            rows[1] = msgspec.structs.replace(rows[1], locale="de\x00")  # no text of PostgreSQL's
            limits, now = UNLIMITED.guesses, world.clock.now()
            results = await asyncio.gather(
                *(world.store.add(row, charges=[], guesses=limits, idempotency=None, now=now) for row in rows),
                return_exceptions=True,
            )
            assert [False, True, False] == [isinstance(result, StoreError) for result in results]
            assert "\x00" not in str(results[1])
            assert [rows[0], rows[2]] == [(await world.store.find(rows[n].app, rows[n].id))[0] for n in (0, 2)]

    run(journey())


def test_a_row_that_appears_while_a_batch_decides_is_decided_about_again() -> None:
    async def journey() -> None:
        server = the_server()
        url = server.url()
        async with a_world(url) as world, a_world_beside(world, url) as other:
            raw, code = await world.send()
            second, _ = await world.send()
            # Neither process sees a bucket of wrong guesses, and both want to write the first.
            results = await asyncio.gather(
                *(each.check(row, wrong(code)) for each, row in ((world, raw), (other, second))),
                return_exceptions=True,
            )
            assert [MismatchError] * 2 == [type(result) for result in results]
            assert "2" == server.sql("SELECT streak FROM guess_buckets", url.rpartition("/")[2].partition("?")[0])

    run(journey())


@asynccontextmanager
async def a_world_beside(world: World, url: str) -> AsyncIterator[World]:
    """Another process with the same app on the same database."""
    other = World(at(url), UNLIMITED)
    await other.store.open()
    other.app, other.clock = world.app, world.clock
    try:
        yield other
    finally:
        await other.store.aclose()


# --- the schema --------------------------------------------------------------------------------------


def test_processes_that_start_together_migrate_once() -> None:
    async def journey() -> None:
        url = the_server().url()
        stores = [at(url) for _ in range(8)]
        await asyncio.gather(*(store.open() for store in stores))
        for store in stores:
            await store.ping()
            await store.aclose()

    run(journey())


def test_a_process_that_dies_in_a_migration_leaves_nothing_of_it() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        address = PostgresAddress.parse(server.url(database))
        scripts = [*schema.known_migrations(), "CREATE TABLE half (id bigint); SELECT pg_sleep(60)"]
        dying = asyncio.create_task(schema.bring_up_to_date(address, scripts))
        sleeping = f"FROM pg_stat_activity WHERE datname = '{database}' AND wait_event = 'PgSleep'"
        while not await asyncio.to_thread(server.sql, f"SELECT pid {sleeping}"):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0)
        server.sql(f"SELECT pg_terminate_backend(pid) {sleeping}")
        with pytest.raises(StoreError):
            await dying
        assert (0, schema.Schema(0, len(schema.known_migrations()))) == (
            int(server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database)),
            await schema.look_at_schema(address),
        )
        async with a_world(server.url(database)) as world:
            await world.store.ping()

    run(journey())


def test_an_old_process_serves_on_and_starts_again_beside_a_schema_that_only_adds() -> None:
    async def journey() -> None:
        url = the_server().url()
        async with a_world(url) as old:
            raw, code = await old.send()
            await schema.bring_up_to_date(PostgresAddress.parse(url), [*schema.known_migrations(), ADDITION])
            second, code_of_second = await old.send("ben@example.com")
            assert Status.APPROVED is (await old.check(raw, code)).status
            async with a_world_beside(old, url) as started_again:
                assert Status.APPROVED is (await started_again.check(second, code_of_second)).status

    run(journey())


def test_keys_are_tried_on_the_newest_address_that_is_sealed_in_it() -> None:
    async def journey() -> None:
        url = the_server().url()
        address = PostgresAddress.parse(url)
        nothing_yet = await schema.newest_sealed(address)
        async with a_world(url) as world:
            await world.send("ann@example.com")
            world.clock.move(1)
            await world.send("ben@example.com")
            sealed, bound_to = await schema.newest_sealed(address) or (b"", b"")
            assert (None, b"ben@example.com") == (nothing_yet, world.keys.ring.open(sealed, bound_to=bound_to))

    run(journey())


def test_a_schema_that_left_this_version_behind_is_refused() -> None:
    async def journey() -> None:
        url = the_server().url()
        known = schema.known_migrations()
        scripts = [*known, REMOVAL.format(number=len(known) + 1)]
        await schema.bring_up_to_date(PostgresAddress.parse(url), scripts)
        with pytest.raises(SettingsError, match="newer version") as refused:
            await at(url).open()
        assert "WATCHWORD_STORE" == refused.value.setting

    run(journey())


def test_who_only_serves_needs_no_right_to_make_tables() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        async with a_world(server.url(database)):
            pass
        server.sql("CREATE ROLE serving LOGIN PASSWORD 'serving'", database)
        server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO serving", database)
        url = f"postgresql://serving:serving@127.0.0.1:{server.port}/{database}?sslmode=disable"
        store = at(url)
        await store.open()
        await store.ping()
        await store.aclose()

    run(journey())


def test_a_purge_goes_on_until_nothing_is_left_and_leaves_what_somebody_holds() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        async with a_world(server.url(database)) as world:
            for number in range(20):
                await world.send(f"user{number}@example.com")
            world.clock.move(RETENTION + DAY)
            await world.purge.once()
            for table in ("verifications", "deliveries", "send_buckets", "guess_buckets", "replays"):
                assert "" == server.sql(f"TABLE {table}", database)

    run(journey())


# --- the line ----------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_without_repeating_it() -> None:
    url = the_server().url().replace("not%3A", "hunter2")
    with pytest.raises(StoreError, match="password authentication failed") as refused:
        asyncio.run(at(url).open())
    assert "hunter2" not in str(refused.value)


def test_a_line_that_is_cut_fails_what_is_under_way_at_once_and_mends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "PATIENCE", None)  # without end: who does not fail at once does not fail at all

    async def journey() -> None:
        async with a_world_on_a_line() as (world, line, _, _):
            assert "made" == await told(world, 0)
            line.cut()
            assert ["StoreError"] * CROWD == await asyncio.gather(*(told(world, number) for number in range(CROWD)))
            with pytest.raises(StoreError):
                await world.store.ping()
            line.mend()
            assert ["made"] * CROWD == await asyncio.gather(*(told(world, number) for number in range(CROWD)))
            await world.store.ping()

    run(journey())


def test_a_dead_line_costs_its_patience_once_and_a_full_queue_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    timeout, waits = asyncio.timeout, list[float | None]()

    def noted(delay: float | None) -> asyncio.Timeout:
        waits.append(delay)
        return timeout(delay)

    monkeypatch.setattr(asyncio, "timeout", noted)

    async def journey() -> None:
        server = the_server()
        async with a_line(server.port) as line, a_world(server.url(None, line.port), waiting=CROWD) as world:
            await world.create()
            line.die()
            waits.clear()
            answers = await asyncio.gather(*(told(world, number) for number in range(4 * CROWD)))
            assert {"StoreError", "OverloadedError"} == set(answers)
            assert "StoreError" == await told(world, 0)
            # Once, and not once for each: while it is dead, nobody waits as long again.
            assert 1 == waits.count(PATIENCE)
            line.mend()
            assert "made" == await told(world, 0)

    run(journey())


@pytest.mark.parametrize(
    ("options", "words"),
    [("", b"pending"), ("&pgbouncer=true", b"COMMIT")],
    ids=["what is written is told with its rows", "it locks, as behind a pooler, and says when it is over"],
)
def test_a_check_whose_answer_was_lost_at_the_commit_stands_once(options: str, words: bytes) -> None:
    async def journey() -> None:
        async with a_world_on_a_line(options) as (world, line, server, database):
            raw, code = await world.send()
            line.lose_answer_to(words)
            with pytest.raises(StoreError):
                await world.check(raw, wrong(code))
            assert 1 == line.lost
            shown = await world.verifications.get(world.app, raw)
            assert 1 == shown.verification.attempts
            assert "1" == server.sql("SELECT streak FROM guess_buckets", database)
            assert Status.APPROVED is (await world.check(raw, code)).status

    run(journey())


@pytest.mark.parametrize("options", ["", "&pgbouncer=true"])
def test_a_check_that_never_reached_its_commit_counts_nothing(options: str) -> None:
    async def journey() -> None:
        async with a_world_on_a_line(options) as (world, line, server, database):
            raw, code = await world.send()
            line.lose_answer_to(b"verifications t SET")
            with pytest.raises(StoreError):
                await world.check(raw, wrong(code))
            assert (1, "") == (line.lost, server.sql("SELECT streak FROM guess_buckets", database))
            assert 0 == (await world.verifications.get(world.app, raw)).verification.attempts

    run(journey())


def test_whoever_stops_in_the_middle_of_a_transaction_holds_his_rows_for_seconds_alone() -> None:
    async def journey() -> None:
        async with a_world_on_a_line() as (world, _, server, database):
            raw, code = await world.send()
            stopped = await asyncio.create_subprocess_exec(
                *(server.binaries / "psql", "-Xq", "-d", server.plain(database)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert stopped.stdin is not None
            assert stopped.stdout is not None
            stopped.stdin.write(f"{WRITING}; TABLE verifications FOR UPDATE;\n".encode())
            await stopped.stdout.readuntil(b"row)")
            assert "made" == await told(world, 1)  # another row is nobody's business
            refused = 0
            async with asyncio.timeout(60):  # two seconds each, of five, but for what a busy machine adds
                while await told_of(world, raw, code) == "StoreError":
                    refused += 1
            assert refused > 0
            stopped.kill()
            await stopped.wait()

    run(journey())


def test_while_somebody_holds_a_table_not_each_of_a_batch_waits_for_it_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_locks(monkeypatch, "20ms")
    patiently, tries = lane.Lane._patiently, list[int]()

    async def counted(self: lane.Lane, calls: Sequence[Call], most: int) -> list[object]:
        tries.append(most)
        return await patiently(self, calls, most)

    monkeypatch.setattr(lane.Lane, "_patiently", counted)

    async def journey() -> None:
        server = the_server()
        database = server.database()
        async with a_world(server.url(database)) as world:
            other = await asyncpg.connect(server.plain(database))
            await other.execute("BEGIN; LOCK TABLE verifications")
            tries.clear()
            assert ["StoreError"] * CROWD == await asyncio.gather(*(told(world, number) for number in range(CROWD)))
            assert tries.count(lane.ALONE) <= lane.STUCK * tries.count(lane.TOGETHER) < CROWD
            await other.close()
            assert ["made"] * CROWD == await asyncio.gather(*(told(world, number) for number in range(CROWD)))

    run(journey())


async def told_of(world: World, raw: bytes, code: str) -> str:
    try:
        await world.check(raw, code)
    except StoreError as error:
        return type(error).__name__
    return "checked"


def test_a_step_that_breaks_is_told_by_its_kind_alone() -> None:
    def breaks(_: PostgresTables) -> None:
        raise RuntimeError("with a secret in it")

    async def journey() -> None:
        async with a_world() as world:
            assert isinstance(world.store, PostgresStore)
            results = await asyncio.gather(world.store._submit(breaks), world.store.ping(), return_exceptions=True)
            assert isinstance(results[0], StoreError)
            assert ("a step failed: RuntimeError", None) == (results[0].detail, results[1])

    run(journey())


def test_every_row_is_found_by_an_index_however_young_its_table_is() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        async with a_world(server.url(database)):
            tables = PostgresTables()
            found = [
                (query, shelf.table)
                for shelf in tables.shelves
                for query in (
                    *(each + shelf.lock for each in (shelf.by_key, shelf.by_group) if each),
                    *(shelf._update, shelf._delete, shelf._remove, shelf._hold),
                )
            ]
            assert len(found) > 5 * len(tables.shelves)
            for begin in (WRITING, SESSION):
                for query, table in found:
                    told = re.sub(r"[$][0-9]+", "'{}'", query)
                    plan = server.sql(f"{begin}; EXPLAIN {told}", database)
                    assert "Index" in plan, table
                    assert "Seq Scan" not in plan, table

    run(journey())


def test_a_store_that_is_kept_shut_connects_to_nobody_and_says_why_until_it_is_opened() -> None:
    async def journey() -> None:
        server = the_server()
        async with a_line(server.port) as line:
            store = at(server.url(None, line.port))
            store.keep_shut("not looked at yet")
            for verb in (store.ping, store.apps, store.next_due):
                with pytest.raises(StoreError, match="not looked at yet"):
                    await verb()
            assert 0 == line.connections
            await store.open()
            await store.ping()
            await store.aclose()

    asyncio.run(journey())
