"""What is SQLite's own: the file, the disk, the lock, the batch (``adapters/sqlite``)."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.contract.stores import a_world, run
from tests.contract.test_verification_store import UNLIMITED
from tests.support.permissions import without_a_way_around_permissions
from tests.support.world import World, wrong
from watchword.adapters.sqlite import SqliteStore, checkpoint, scribe, verbs, writer
from watchword.adapters.sqlite import store as sqlite_store
from watchword.adapters.sqlite.database import begin_patiently, connect, prepare
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.verbs import verb_of
from watchword.core.app import App
from watchword.core.instant import DAY
from watchword.core.verification import Status
from watchword.errors import MismatchError, SettingsError, StoreError
from watchword.flows.purge import RETENTION

# Who writes may be a process of its own; what it keeps is the same.
whoever_writes = pytest.mark.parametrize("store", ["sqlite", "sqlite-scribe"])


def breaks(tables: SqliteTables) -> None:
    tables.beat()
    tables._execute("INSERT INTO apps VALUES (NULL, NULL, NULL, NULL)")


def buggy(tables: SqliteTables) -> None:
    tables.add_app(App(b"x" * 16, "Never", 0))
    raise ZeroDivisionError


def kept_safely(connection: apsw.Connection) -> tuple[str, int]:
    return connection.execute("PRAGMA journal_mode").get, connection.execute("PRAGMA synchronous").get


def fill_up(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1").fetchall()


def make_room(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1000000").fetchall()


@pytest.fixture(autouse=True)
def known_to_a_scribe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests ask for besides can be asked of a scribe, too."""
    more = [*verbs.VERBS]
    for work in (breaks, buggy, kept_safely, fill_up, make_room):
        more.append(verb_of(len(more), work, maintains=work not in {breaks, buggy}))
    monkeypatch.setattr(scribe, "VERBS", more)
    monkeypatch.setattr(sqlite_store, "BY_WORK", {verb.work: verb for verb in more})


def the_file(folder: Path) -> Path:
    return folder / "watchword.db"


@whoever_writes
def test_every_commit_is_synced_to_disk(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            assert isinstance(world.store, SqliteStore)
            assert await world.store._maintain(kept_safely) == ("wal", 2)  # 2 is FULL

    run(journey())


def test_the_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("sqlite", tmp_path / "new"):
            assert stat.S_IMODE(the_file(tmp_path / "new").stat().st_mode) == 0o600
            assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700

    run(journey())


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("sqlite", tmp_path) as world:
            raw, code = await world.send()
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
            app = world.app
        again = World(SqliteStore(the_file(tmp_path)))
        await again.store.open()
        again.app = app
        shown = await again.verifications.get(app, raw)
        assert (shown.verification.attempts, shown.deliveries[0].transport) == (1, "T1")
        assert (await again.check(raw, code)).status is Status.APPROVED
        await again.store.aclose()

    run(journey())


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("sqlite", tmp_path):
            pass
        connection = apsw.Connection(str(the_file(tmp_path)))
        connection.execute("PRAGMA user_version = 999")
        connection.close()
        with pytest.raises(SettingsError, match="newer version"):
            await SqliteStore(the_file(tmp_path)).open()

    run(journey())


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    async def journey() -> None:
        stores = [SqliteStore(the_file(tmp_path)) for _ in range(8)]
        await asyncio.gather(*(store.open() for store in stores))
        for store in stores:
            await store.ping()
            await store.aclose()

    run(journey())


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    the_file(tmp_path).write_bytes(b"this is no database, it is a letter to my aunt" * 100)
    with pytest.raises(StoreError):
        asyncio.run(SqliteStore(the_file(tmp_path)).open())


def test_a_folder_that_cannot_be_written_is_a_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as refused:
        asyncio.run(SqliteStore(tmp_path / "file" / "watchword.db").open())
    assert refused.value.setting == "WATCHWORD_STORE"


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("mode", [0o400, 0o022])  # nobody may write it; everybody but its owner
def test_a_file_that_may_not_be_written_is_refused_and_left_as_it_is(tmp_path: Path, suffix: str, mode: int) -> None:
    database = the_file(tmp_path)
    prepare(database)
    unwritable = database.with_name(database.name + suffix)
    unwritable.touch()
    unwritable.chmod(mode)
    before = sorted(tmp_path.iterdir())
    script = "import sys; from pathlib import Path; from watchword.adapters.sqlite.database import prepare; "
    script += "prepare(Path(sys.argv[1]))"
    command = [*without_a_way_around_permissions(), sys.executable, "-c", script, str(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"SettingsError: WATCHWORD_STORE: {unwritable} cannot be written: Permission denied." in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_nobody_may_write_is_refused_to_root_as_well(tmp_path: Path) -> None:
    prepare(the_file(tmp_path))
    the_file(tmp_path).chmod(0o400)
    with pytest.raises(SettingsError, match="cannot be written") as refused:
        prepare(the_file(tmp_path))
    assert refused.value.setting == "WATCHWORD_STORE"
    the_file(tmp_path).chmod(0o600)
    prepare(the_file(tmp_path))


def test_a_connection_that_cannot_be_set_up_is_closed(tmp_path: Path) -> None:
    the_file(tmp_path).write_bytes(b"this is no database, it is a letter to my aunt" * 100)
    with pytest.raises(apsw.NotADBError) as kept:  # and with it the frame that held the connection
        connect(the_file(tmp_path))
    still_open = [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert the_file(tmp_path) not in still_open
    assert kept.value.__traceback__ is not None


@whoever_writes
def test_a_step_that_breaks_harms_no_neighbour_in_its_batch(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            kept = world.store
            assert isinstance(kept, SqliteStore)
            before = kept.facts()["sqlite"]["batches"]
            results = await asyncio.gather(
                *(world.create(f"a{number}@example.com") for number in range(5)),
                kept._submit(breaks),
                *(world.create(f"b{number}@example.com") for number in range(5)),
                return_exceptions=True,
            )
            most = {"sqlite": 1, "sqlite-scribe": 3}[store]  # to a scribe the first leaves at once, and eight more
            assert 1 <= kept.facts()["sqlite"]["batches"] - before <= most
            assert [isinstance(result, StoreError) for result in results] == [number == 5 for number in range(11)]
            assert await kept.backlog(now=world.clock.now()) == 10

    run(journey())


def test_a_batch_makes_no_cursor(tmp_path: Path) -> None:
    """Else its commit's is freed beside a statement of another thread, and the connection keeps it for good."""
    prepare(the_file(tmp_path))
    connection = connect(the_file(tmp_path))
    owner = writer.Writer(connection, the_file(tmp_path))
    made = []

    def counted(of: apsw.Connection) -> apsw.Cursor:
        made.append(of)
        return apsw.Cursor(of)

    connection.cursor_factory = counted

    async def journey() -> None:
        for together in (1, 2, 3):
            await owner.begin()
            assert await owner.execute([(SqliteTables.beat, ())] * together) == [None] * together

    run(journey())
    owner.close()
    assert not made


@whoever_writes
def test_a_bug_in_a_step_is_a_store_error_and_writes_nothing(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            assert isinstance(world.store, SqliteStore)
            with pytest.raises(StoreError):
                await world.store._submit(buggy)
            assert [app.name for app, _ in await world.store.apps()] == ["Acme"]

    run(journey())


def locking(file: Path) -> apsw.Connection:
    """Another process's connection that writes, as soon as a checkpoint that is under way lets it."""
    other = apsw.Connection(str(file))
    other.set_busy_timeout(60_000)
    other.execute("BEGIN IMMEDIATE")
    return other


@whoever_writes
def test_a_file_locked_for_too_long_is_unavailable_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    monkeypatch.setattr(writer, "LESS_PATIENCE", 0.05)

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            other = locking(the_file(tmp_path))
            with pytest.raises(StoreError, match="locked"):
                await world.check(raw, code)
            with pytest.raises(StoreError):
                await world.store.ping()
            other.execute("ROLLBACK")
            other.close()
            await world.store.ping()
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())


@whoever_writes
def test_a_locked_file_fails_everybody_who_waits_at_once_and_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 1.0)  # in which all fifty have come, also where a thread of its own writes
    waits: list[float] = []

    def begin(connection: apsw.Connection, patience: float) -> None:
        waits.append(patience)
        begin_patiently(connection, patience)

    monkeypatch.setattr(writer, "begin_patiently", begin)

    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            other = locking(the_file(tmp_path))
            creating = [world.create(f"user{number}@example.com") for number in range(50)]
            answers = await asyncio.gather(*creating, return_exceptions=True)
            other.execute("ROLLBACK")
            other.close()
            assert {type(answer) for answer in answers} == {StoreError}
            assert len(waits) == 1
            assert await world.store.backlog(now=world.clock.now()) == 0

    run(journey())


@whoever_writes
def test_a_writer_waits_for_another_process_that_is_quick(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            other = locking(the_file(tmp_path))
            creating = asyncio.ensure_future(world.create())
            await asyncio.to_thread(other.execute, "ROLLBACK")
            other.close()
            assert (await creating).status is Status.PENDING

    run(journey())


@whoever_writes
def test_a_full_disk_is_unavailable_and_loses_nothing(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            assert isinstance(world.store, SqliteStore)
            raw, code = await world.send()

            await world.store._maintain(fill_up)
            failed: set[str] = set()
            for number in range(400):
                try:
                    await world.create(f"user{number}@example.com")
                except StoreError as error:
                    failed.add(error.detail)
            assert failed == {"SQLite: database or disk is full"}
            await world.store._maintain(make_room)
            assert (await world.create("late@example.com")).status is Status.PENDING
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())


@whoever_writes
def test_a_file_that_was_taken_away_takes_nothing_more(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            the_file(tmp_path).unlink()
            with pytest.raises(StoreError, match="taken away"):
                await world.create()
            with pytest.raises(StoreError):
                await world.store.ping()

    run(journey())


def test_a_corrupt_file_is_unavailable_and_readiness_says_so(tmp_path: Path) -> None:
    async def journey() -> None:
        prepare(the_file(tmp_path))
        schema = the_file(tmp_path).stat().st_size // 4096  # pages that must be read to open it
        async with a_world("sqlite", tmp_path, UNLIMITED) as world:
            for number in range(300):
                await world.create(f"user{number}@example.com")
            app = world.app
        with the_file(tmp_path).open("r+b") as file:
            for page in range(schema, the_file(tmp_path).stat().st_size // 4096):
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
        broken = World(SqliteStore(the_file(tmp_path)), UNLIMITED)
        broken.app = app
        await broken.store.open()
        with pytest.raises(StoreError):
            await broken.store.ping()
        with pytest.raises(StoreError):
            await broken.create()
        await broken.store.aclose()

    run(journey())


@whoever_writes
def test_a_store_that_has_nothing_to_do_keeps_nothing_in_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """What was erased, ciphertext above all, would stay there."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.01)
    log = the_file(tmp_path).with_name("watchword.db-wal")

    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world, asyncio.timeout(60):
            await asyncio.gather(*(world.create(f"user{number}@example.com") for number in range(20)))
            while log.stat().st_size:  # noqa: ASYNC110 - it is what the file's own clock empties
                await asyncio.sleep(0.01)

    run(journey())


@whoever_writes
def test_a_purge_gives_rows_and_file_back(tmp_path: Path, store: str) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            assert isinstance(world.store, SqliteStore)
            await world.store._checkpointer.read(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
            baseline = the_file(tmp_path).stat().st_size
            for batch in range(20):
                await asyncio.gather(*(world.create(f"user{batch}-{n}@example.com") for n in range(100)))
            world.clock.move(RETENTION + DAY)
            await world.purge.once()
            await world.store._checkpointer.read(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
            assert the_file(tmp_path).stat().st_size <= baseline + 64 * 1024
            for table in ("verifications", "deliveries", "send_buckets", "guess_buckets"):
                assert world.store._reader.execute(f"SELECT count(*) FROM {table}").get == 0  # noqa: S608

    run(journey())


def test_no_table_holds_a_code_a_watchword_or_an_address(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("sqlite", tmp_path) as world:
            raw, code = await world.send("canary.person@example.com", digits=10, idempotency_key="canary-key")
            await world.check(raw, code)
            sign, countersign = (await world.verifications.get(world.app, raw)).watchword.split()
            key = world.key
        secrets.extend((code, "canary.person", "canary-key", key, sign, countersign))

    secrets: list[str] = []
    run(journey())
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secrets
    for secret in secrets:
        assert secret.encode() not in everything
