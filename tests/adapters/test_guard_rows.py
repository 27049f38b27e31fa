"""Rows of the guard that a batch holds until it commits: none is lost, and none is left over."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from tests.contract.stores import a_world, run
from tests.contract.test_guard_store import text
from tests.support.postgres import the_server
from tests.support.sms import ANN, WIDE_OPEN, ceiling, with_sms
from tests.support.world import START, a_keyring
from watchword.adapters.guard_rows import GuardRow, HeldRows, fresh, idle_at
from watchword.adapters.postgres import PostgresAddress, schema
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.core import ids, recipient
from watchword.core.breaker import BLOCKS, REMEMBERED, Line, send
from watchword.core.budget import Budget, Spent, spend
from watchword.core.calm import FRESH_RANGE
from watchword.core.guard import TRUST, Joint, Known, joint_keys, keys_of
from watchword.core.instant import DAY, HOUR, Instant
from watchword.core.limit import FRESH, Rate
from watchword.core.number import read_number
from watchword.errors import StoreError
from watchword.flows.guard import traits_of
from watchword.flows.verification import Verifications


class Shelf:
    """Rows as a store keeps them, and how often each was asked for."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.asked: Counter[bytes] = Counter()
        self.idle: dict[bytes, Instant] = {}

    def read(self, keys: Any) -> list[bytes | None]:
        self.asked.update(keys)
        return [self.rows.get(key) for key in keys]

    def write(self, rows: Any) -> None:
        written: list[GuardRow] = list(rows)
        self.rows.update((key, state) for key, state, _ in written)
        self.idle.update((key, until) for key, _, until in written)


def test_every_key_tells_what_its_row_is() -> None:
    ring, number = a_keyring(), read_number(ANN)
    own, near, wide = keys_of(traits_of(ring, number, recipient.lookup(ring, "sms", number.e164)))
    country, app, everybody = joint_keys(number.country, bytes(ids.SIZE))
    assert own.startswith(wide)
    assert [Known, Line, Line, Line, Spent, Spent] == [
        type(fresh(key)) for key in (own, near, wide, country, app, everybody)
    ]
    assert fresh(wide) is FRESH_RANGE


@pytest.mark.parametrize(
    ("known", "at"),
    [
        (Known(), 0),
        (Known(START), START + TRUST),
        (Known(START, ((START + 100 * DAY, 0), (0, 0))), START + 100 * DAY),
        (Known(0, ((5, 9), (7, 3))), 9),
        (Known(0, ((0, 0), (7, 3))), 7),
    ],
)
def test_a_number_is_kept_while_it_is_trusted_and_while_it_pays(known: Known, at: Instant) -> None:
    assert at == idle_at(known, HOUR)


def test_a_row_is_read_once_and_written_at_the_end() -> None:
    shelf = Shelf()
    rows = HeldRows(shelf.read, shelf.write)
    for _ in range(3):
        (line,) = rows.get([b"cDE"])
        rows.put({b"cDE": send(line, HOUR, broad=True)}, HOUR)
    assert not shelf.rows
    rows.flush()
    rows.forget()
    assert Counter({b"cDE": 1}) == shelf.asked
    (line,) = rows.get([b"cDE"])
    assert ((HOUR // 300_000, 3, 0),) == line.hour


def test_what_is_forgotten_before_it_is_written_never_was() -> None:
    shelf = Shelf()
    rows = HeldRows(shelf.read, shelf.write)
    rows.put({b"$*": Spent()}, HOUR)
    rows.forget()
    rows.flush()
    assert not shelf.rows


KEYS = joint_keys("DE", b"a")


def kept(shelf: Shelf, version: list[int]) -> HeldRows:
    """Rows after a transaction in which a send was counted."""
    rows = HeldRows(shelf.read, shelf.write, lambda: version[0])
    rows.put_joint(KEYS, msgspec.structs.replace(rows.joint(KEYS), sends=1, price=7), HOUR)
    rows.flush()
    rows.keep()
    return rows


def test_what_all_sends_touch_is_read_once_while_nobody_else_writes() -> None:
    shelf = Shelf()
    rows = kept(shelf, [1])
    for _ in range(3):
        assert 7 == rows.joint(KEYS).price
        rows.keep()
    assert Counter(KEYS) == shelf.asked


def test_it_is_kept_where_a_row_of_it_was_asked_for_between() -> None:
    shelf = Shelf()
    rows = kept(shelf, [1])
    (country,) = rows.get([b"cDE"])
    rows.keep()
    assert country is rows.joint(KEYS).country
    assert Counter(KEYS) == shelf.asked


def test_it_is_read_anew_once_others_have_written() -> None:
    shelf, version = Shelf(), [1]
    rows = kept(shelf, version)
    version[0] = 2
    assert 0 == rows.joint(KEYS).price
    rows.keep()
    version[0] = 3
    rows.get([b"$*"])
    assert Counter({**dict.fromkeys(KEYS, 2), b"$*": 3}) == shelf.asked


def test_it_is_read_anew_after_a_transaction_that_failed() -> None:
    shelf = Shelf()
    rows = kept(shelf, [1])
    rows.put_joint(KEYS, rows.joint(KEYS), HOUR)
    rows.forget()
    assert 0 == rows.joint(KEYS).price


def test_two_in_turns_within_a_transaction_lose_nothing() -> None:
    rows, others = HeldRows(Shelf().read, Shelf().write), joint_keys("LT", b"b")
    for keys in (KEYS, others, KEYS, others):
        joint = rows.joint(keys)
        price = spend(joint.everybody, Budget(), 1, HOUR) or pytest.fail("it has no ceiling")
        rows.put_joint(keys, Joint(joint.country, joint.app, price), HOUR)
    (everybody,) = rows.get([b"$*"])
    assert 4 == everybody.added + everybody.hour[0][1]


def test_two_connections_that_send_in_turns_spend_no_more_than_a_budget(tmp_path: Path) -> None:
    async def journey() -> None:
        rules = with_sms(guard=ceiling(5 * 80_000), limits=WIDE_OPEN)
        async with a_world("sqlite", tmp_path, rules) as world:
            other = SqliteStore(tmp_path / "watchword.db")
            await other.open()
            flows = [
                world.verifications,
                Verifications(other, world.keys, world.clock, world.dice, world.journal, rules),
            ]
            told = []
            for number in range(8):
                world.verifications = flows[number % 2]
                told.append(await text(world, 100_003 * number))
            await other.aclose()
            assert ["sent"] * 5 + ["budget"] * 3 == told

    run(journey())


def test_a_row_is_kept_for_as_long_as_from_the_last_moment_of_its_transaction_and_of_no_other() -> None:
    shelf = Shelf()
    rows = HeldRows(shelf.read, shelf.write)
    for moment in (HOUR, 3 * HOUR, 2 * HOUR):
        rows.put({b"$*": Spent()}, moment)
    rows.flush()
    assert {b"$*": idle_at(Spent(), 3 * HOUR)} == shelf.idle
    rows.put({b"$*": Spent()}, 2 * HOUR)
    rows.flush()
    assert {b"$*": idle_at(Spent(), 2 * HOUR)} == shelf.idle


def test_what_was_put_is_seen_before_it_is_written() -> None:
    rows = HeldRows(Shelf().read, Shelf().write)
    rows.put({b"3near": Line(level=2)}, HOUR)
    assert {b"3near": Line(level=2)} == rows.look([b"3near", b"4wide"])
    assert [Line(level=2), FRESH_RANGE] == rows.get([b"3near", b"4wide"])


def test_a_batch_spends_no_more_than_a_budget_across_slots() -> None:
    budget, spent = Budget(hour=20), Spent()
    for now in range(HOUR, HOUR + 20 * 7_000, 7_000):
        spent = spend(spent, budget, 1, now) or pytest.fail("it was refused too soon")
    assert spend(spent, budget, 1, HOUR + 21 * 7_000) is None
    assert spend(spent, Budget(hour=21), 1, HOUR + 21 * 7_000)  # room was found for another budget


def test_a_batch_that_fails_leaves_nothing_of_the_guard_to_the_next(tmp_path: Path) -> None:
    def breaks(_: SqliteTables) -> None:
        raise apsw.IOError

    async def journey() -> None:
        async with a_world("sqlite", tmp_path, with_sms(guard=ceiling(3 * 80_000), limits=WIDE_OPEN)) as world:
            assert isinstance(world.store, SqliteStore)
            asked = [text(world, 100_003 * number) for number in range(5)]
            # All of it in one batch, which is rolled back, and then each by itself.
            told = await asyncio.gather(*asked, world.store._submit(breaks), return_exceptions=True)
            assert isinstance(told.pop(), StoreError)
            assert Counter({"sent": 3, "budget": 2}) == Counter(told)

    run(journey())


def test_a_range_is_kept_for_as_long_as_any_of_its_blocks_is_blocked_or_remembered() -> None:
    blocked = Line(until=HOUR + BLOCKS[-1], level=4, paid=FRESH)
    counted = Line(((1, 1, 0),), ((1, 1, 0),), paid=FRESH)
    assert HOUR + BLOCKS[-1] + REMEMBERED == idle_at(blocked, HOUR) <= idle_at(counted, HOUR)
    assert HOUR + REMEMBERED == idle_at(FRESH_RANGE, HOUR)


@pytest.mark.parametrize("kept", [True, False])
def test_a_blocks_bucket_that_lay_apart_from_its_row_still_counts(tmp_path: Path, *, kept: bool) -> None:
    async def journey() -> None:
        rules = with_sms(limits=WIDE_OPEN._replace(block_sends=(Rate(2, 2 * DAY),)))  # no range is calm
        async with a_world("sqlite", tmp_path, rules) as world:
            assert ["sent", "sent"] == [await text(world, number) for number in range(2)]
            await world.store.aclose()
            as_it_was(tmp_path / "watchword.db", kept=kept)
            await world.store.open()
            assert "bucket" == await text(world, 3)

    run(journey())


def as_it_was(file: Path, *, kept: bool) -> None:
    """Bring a file back to the version before; where rows are not ``kept``, those of blocks were purged there."""
    connection = apsw.Connection(str(file))
    rows: Any = connection.execute("SELECT key, state FROM guard_rows").fetchall()
    for key, state in rows:
        figures: list[Any] = msgspec.msgpack.decode(state, type=list)
        width = 3 if key[:1] == b"$" else 9
        before = msgspec.msgpack.encode(figures[:width])
        connection.execute("UPDATE guard_rows SET state = ? WHERE key = ?", (before, key))
        if key[:1] == b"3":
            connection.execute("INSERT INTO send_buckets VALUES (?, ?, ?)", (b"B" + key[1:], *figures[width]))
            if not kept:
                connection.execute("DELETE FROM guard_rows WHERE key = ?", (key,))
    connection.execute("DROP TABLE key_mark")
    connection.execute("CREATE INDEX guard_rows_idle ON guard_rows (idle_at); PRAGMA user_version = 7")
    connection.close()


def test_on_postgres_too_a_bucket_whose_row_is_gone_gets_one() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        address = PostgresAddress.parse(server.url(database))
        before = [*takewhile(lambda script: "Buckets of blocks" not in script, schema.known_migrations())]
        await schema.bring_up_to_date(address, before)
        server.sql(r"INSERT INTO guard_rows VALUES ('\x3402', '\x90', 3)", database)
        buckets = r"('\x4201', 5, 7), ('\x5202', 9, 1), ('\x7203', 4, 4)"
        server.sql(f"INSERT INTO send_buckets (key, arrival, second) VALUES {buckets}", database)  # noqa: S608
        await schema.bring_up_to_date(address)
        rows = "SELECT encode(key, 'hex'), encode(state, 'hex'), idle_at FROM guard_rows ORDER BY key"
        assert ["3301|90|7", "3402|90|9"] == server.sql(rows, database).splitlines()

    run(journey())
