"""``python -m bench.aged [--quick]``: the same load on stores without a row, and on stores with eleven million.

Ten million verifications of the last forty hours that are finished, each with its delivery, and a million live ones of
the last minutes, with the buckets of their sends; a hundred thousand streaks of wrong guesses. Over SQLite and
PostgreSQL, two services each, one on an empty store and one on a full one, under load in turns; both purge as ever.

Rows are copies of one that the service itself has made, with ids, times and hashes of their own.

Not handled here: how fast an empty store is (``scale.py``, ``__main__.py``).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from bench.chapters import OUT, run, table
from bench.children import Running, load, server
from bench.footprint import TABLES
from bench.rows import Row
from tests.support.postgres import PostgresServer, a_server
from watchword.adapters.system import SystemClock
from watchword.core.instant import DAY, HOUR, MINUTE, Instant, Span

CONNECTIONS = 64
WARM = 0.5
SETTLE = 5.0  # seconds for what a full store does at its start, a purge above all
FINISHED_OVER: Span = 40 * HOUR  # none is old enough to be purged
LIVE_OVER: Span = 8 * MINUTE
STREAKS = 100  # one of so many finished ones left a streak of wrong guesses


class Plan(msgspec.Struct, frozen=True):
    """How much lies there, and how often it is looked at."""

    finished: int
    live: int
    rounds: int
    seconds: float


FULL = Plan(finished=10_000_000, live=1_000_000, rounds=7, seconds=3.0)
QUICK = Plan(finished=20_000, live=2_000, rounds=1, seconds=0.5)


class Aged(msgspec.Struct, frozen=True):
    """What came of one store: rounds without rows and with, and what the rows took."""

    store: str
    without: list[Row]
    filled: list[Row]
    rows: int
    gib: float
    seconds: float  # to fill it

    @property
    def shares(self) -> list[float]:
        """The rate with rows against that without, round by round."""
        return [full.rate / empty.rate for full, empty in zip(self.filled, self.without, strict=True)]


# What differs from the row that the service made; everything else of it is copied.
CHANGED = {
    "id": "{id}",
    "recipient": "{hash}",
    "address": "{hash}",
    "created_at": "{at}",
    "expires_at": "{at} + 86400000",  # a day, so that filling takes none of their life
    "resend_at": "{at} + 30000",
    "attempts": "0",
}
SENT = {
    "verification": "v.id",
    "at": "v.created_at",
    "due_at": "NULL",
    "status": "'sent'",
    "transport": "'T1'",
    "tries": "1",
}


class Words(msgspec.Struct, frozen=True):
    """What the two databases say differently."""

    numbers: str  # so many of them, in a column i
    whole: str  # i without a fraction, and wide enough
    raw: str  # an id that was made at a time
    digest: str  # as good as a keyed hash
    kind: str  # of a bucket, as bytes
    log: str  # of no wrong guess


SQLITE = Words(
    numbers="(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) n",
    whole="i",
    raw="raw_id({at})",
    digest="randomblob(16)",
    kind="CAST('{kind}' || hex(randomblob(8)) AS BLOB)",
    log="x''",
)
POSTGRES = Words(
    numbers="generate_series(1, {count}) n(i)",
    whole="i::bigint",
    raw="decode(lpad(to_hex({at}), 12, '0') || '01', 'hex') || substring(uuid_send(gen_random_uuid()) from 8 for 9)",
    digest="uuid_send(gen_random_uuid())",
    kind="'{kind}'::bytea || uuid_send(gen_random_uuid())",
    log="'[]'",
)
COUNTS = [f"SELECT count(*) FROM {table}" for table in TABLES]  # noqa: S608 - our own names
Columns = Callable[[str], Sequence[str]]


def statements(words: Words, columns: Columns, plan: Plan) -> Iterator[str]:
    """Statements that fill a store in which the service has made one verification."""
    now = SystemClock().now() - MINUTE  # the service's own row stays the newest: at its start it tries the key on that
    yield _verifications(words, columns, "'approved'", plan.finished, now, FINISHED_OVER)
    yield _verifications(words, columns, "'pending'", plan.live, now, LIVE_OVER)
    sent = ", ".join(SENT.get(name, f"made.{name}") for name in columns("deliveries"))
    yield (
        f"INSERT INTO deliveries SELECT {sent} FROM (SELECT * FROM deliveries LIMIT 1) made, verifications v "  # noqa: S608
        "WHERE v.id <> made.verification"
    )
    for kind in ("r0", "s"):
        key, numbers = words.kind.format(kind=kind), words.numbers.format(count=plan.live)
        yield f"INSERT INTO send_buckets SELECT {key}, {now + HOUR}, {now + DAY} FROM {numbers}"  # noqa: S608
    streaks = plan.finished // STREAKS
    numbers = words.numbers.format(count=streaks)
    yield f"INSERT INTO guess_buckets SELECT {words.digest}, {words.log}, 3, NULL FROM {numbers}"  # noqa: S608


def _verifications(words: Words, columns: Columns, status: str, count: int, now: Instant, over: Span) -> str:
    """So many of them, made evenly over a time until now."""
    at = f"({now - over} + {words.whole} * {over} / {count})"
    changed = {
        name: text.format(at=at, id=words.raw.format(at=at), hash=words.digest) for name, text in CHANGED.items()
    }
    values = ", ".join((changed | {"status": status}).get(name, f"made.{name}") for name in columns("verifications"))
    made = "(SELECT * FROM verifications ORDER BY id DESC LIMIT 1) made"
    return f"INSERT INTO verifications SELECT {values} FROM {made}, {words.numbers.format(count=count)}"  # noqa: S608


def fill_file(path: Path, plan: Plan) -> int:
    """Fill a file of SQLite; returns the rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        connection.create_function("raw_id", 1, lambda at: at.to_bytes(6) + b"\1" + os.urandom(9))

        def columns(table: str) -> list[str]:
            return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]

        for statement in statements(SQLITE, columns, plan):
            with connection:
                connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(connection.execute(query).fetchone()[0] for query in COUNTS)


def fill_server(database: PostgresServer, name: str, plan: Plan) -> int:
    """Fill a database of PostgreSQL; returns the rows."""

    def columns(table: str) -> list[str]:
        query = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"  # noqa: S608
        return database.sql(query, name).split()

    for statement in statements(POSTGRES, columns, plan):
        database.sql(statement, name)
    database.sql("VACUUM (ANALYZE)", name)  # as autovacuum has, by the time that so much is there
    database.sql("CHECKPOINT", name)
    return sum(int(database.sql(query, name)) for query in COUNTS)


@contextmanager
def on_sqlite(plan: Plan, folder: Path) -> Iterator[tuple[Running, Running, int, float, float]]:
    """A service on an empty file, and one on a full one."""
    full = folder / "full"
    with server("watchword", full) as service:
        load(service, "mixed", 1, 10, most=2)
    began = time.perf_counter()
    rows = fill_file(full / "watchword.db", plan)
    took, size = time.perf_counter() - began, (full / "watchword.db").stat().st_size
    with server("watchword", folder / "empty") as empty, server("watchword", full) as service:
        yield empty, service, rows, size / 2**30, took


@contextmanager
def on_postgres(plan: Plan, folder: Path) -> Iterator[tuple[Running, Running, int, float, float]]:
    """A service on an empty database, and one on a full one of the same server."""
    database = a_server("fsync=on", "full_page_writes=on", "max_wal_size=4GB")
    names = [database.database() for _ in range(2)]
    for place, name in zip(("empty", "full"), names, strict=True):
        (folder / place).mkdir()
        (folder / place / "store").write_text(database.url(name), encoding="utf-8")
    try:
        with server("watchword", folder / "full") as service:
            load(service, "mixed", 1, 10, most=2)
        began = time.perf_counter()
        rows = fill_server(database, names[1], plan)
        took = time.perf_counter() - began
        size = int(database.sql("SELECT pg_database_size(current_database())", names[1]))
        with server("watchword", folder / "empty") as empty, server("watchword", folder / "full") as service:
            yield empty, service, rows, size / 2**30, took
    finally:
        database.stop()
        shutil.rmtree(database.folder)


WAYS = {"SQLite": on_sqlite, "PostgreSQL": on_postgres}


def measure(plan: Plan, folder: Path, way: str) -> Aged:
    """Fill one kind of store and load it, in turns with an empty one."""
    without: list[Row] = []
    filled: list[Row] = []
    with ExitStack() as stack:
        empty, full, rows, gib, took = stack.enter_context(WAYS[way](plan, folder))
        print(f"aged: {way} has {rows:,} rows, {gib:.1f} GiB, in {took:.0f} s", file=sys.stderr, flush=True)
        time.sleep(SETTLE if plan is FULL else 0)
        for number in range(plan.rounds):
            turns = [(empty, without), (full, filled)]
            for service, rounds in turns if number % 2 else reversed(turns):
                rounds.extend(load(service, "mixed", CONNECTIONS, plan.seconds, warm=WARM))
    return Aged(way, without, filled, rows, gib, took)


def page(plan: Plan, command: str, described: Sequence[tuple[str, str]], aged: Sequence[Aged]) -> str:
    """The chapter."""
    lines = [
        "## With eleven million verifications in the store",
        (
            f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}, medians of {plan.rounds} rounds in turns: "
            f"{plan.finished:,} verifications of {FINISHED_OVER // HOUR} hours that are over, with their deliveries; "
            f"{plan.live:,} live ones with the buckets of their sends; {plan.finished // STREAKS:,} streaks of wrong "
            f"guesses. create + check over {CONNECTIONS} connections, one worker, which purges as ever."
        ),
        table(("Machine", ""), described),
        table(
            ("Store", "Rows", "Holds", "Filled in", "Empty, requests/s", "Full, requests/s", "Full against empty",
             "Demanded", "p99 ms, empty", "p99 ms, full", "CPU µs, empty", "CPU µs, full"),
            [_row(each) for each in aged],
        ),
    ]  # fmt: skip
    return "\n\n".join(lines) + "\n"


def _row(each: Aged) -> tuple[str, ...]:
    def of(rows: Sequence[Row], name: str) -> float:
        return float(median(getattr(row, name) for row in rows))

    shares = each.shares
    return (
        *(each.store, f"{each.rows:,}", f"{each.gib:.1f} GiB", f"{each.seconds:.0f} s"),
        *(f"{of(each.without, 'rate'):,.0f}", f"{of(each.filled, 'rate'):,.0f}"),
        *(f"{median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})", "0.8"),
        *(f"{of(each.without, 'p99'):.1f}", f"{of(each.filled, 'p99'):.1f}"),
        *(f"{of(each.without, 'microseconds'):.0f}", f"{of(each.filled, 'microseconds'):.0f}"),
    )


def written(quick: bool, command: str, described: list[tuple[str, str]]) -> str:  # noqa: FBT001 - as run() has it
    """Measure; the chapter."""
    plan, aged = QUICK if quick else FULL, []
    for way in WAYS:
        with tempfile.TemporaryDirectory(dir=OUT) as scratch:
            aged.append(measure(plan, Path(scratch), way))
    return page(plan, command, described, aged)


if __name__ == "__main__":
    run("aged", "aged", sys.argv[1:], written)
