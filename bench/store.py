"""The store alone against SQLite alone: the same work with and without our code around the statements.

Ours: 64 tasks, each an ``add`` and then an ``attempt``, through ``SqliteStore``: no HTTP, nothing derived or sealed.
Raw: the statements that this work comes to, recorded beforehand, stepped in a plain loop over the driver in
transactions of 64 operations. Both on a fresh file with ``synchronous=FULL``, in turns.

    python -m bench.store < order.json > rates.json
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
import uvloop

from watchword.adapters import steps
from watchword.adapters.sqlite.database import connect, prepare
from watchword.adapters.sqlite.store import SqliteStore
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.system import SystemClock
from watchword.core import ids
from watchword.core.limit import Charge
from watchword.core.policy import Rules
from watchword.core.verification import Expected, Verification

TASKS = 64
RULES = Rules()

Statement = tuple[str, Sequence[Any]]


class Order(msgspec.Struct, frozen=True):
    """How often, where, and with how many verifications a round."""

    rounds: int
    verifications: int
    folder: str


class Rates(msgspec.Struct, frozen=True):
    """Operations a second, round by round. A verification is two: it is made and it is checked."""

    ours: list[float]
    raw: list[float]
    statements: float  # an operation


class Case(msgspec.Struct, frozen=True):
    """One verification and the buckets it pays into."""

    verification: Verification
    charges: list[Charge]


class Recorder:
    """A connection that keeps what it is told to execute."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.cursor().execute
        self.changes = connection.changes
        self.operations: list[list[Statement]] = []

    def execute(self, statement: str, values: Sequence[Any] = ()) -> apsw.Cursor:
        """Keep it and execute it."""
        self.operations[-1].append((statement, values))
        return self._execute(statement, values)

    def cursor(self) -> Recorder:
        """As a connection does, whose cursor it is as well."""
        return self

    executemany = None  # no operation that is measured needs it


def cases(count: int) -> list[Case]:
    """Verifications as the flow would draw them."""
    now, app = SystemClock().now(), os.urandom(16)
    made = []
    for number in range(count):
        raw = ids.verification_id(now + number // 20, 1, os.urandom(ids.VERIFICATION_RANDOM))
        verification = Verification(
            *(raw, app, "email", "login", os.urandom(16), os.urandom(16), os.urandom(50), "de", 6, 5, 5),
            *(now, now + 600_000, now + 30_000),
        )
        buckets = (
            (b"r0" + verification.recipient, RULES.limits.recipient_sends),
            (b"s" + os.urandom(16), RULES.limits.source_sends),
        )
        made.append(Case(verification, [Charge(*bucket) for bucket in buckets]))
    return made


async def ours(path: Path, todo: Sequence[Case]) -> float:
    """Operations a second through the store."""
    store, now = SqliteStore(path), SystemClock().now()
    await store.open()
    turn = iter(todo)

    async def work() -> None:
        for case in turn:
            made = case.verification
            await store.add(made, charges=case.charges, guesses=RULES.guesses, idempotency=None, now=now)
            await store.attempt(
                *(made.app, made.id), digits=6, matches=True, expected=Expected(), guesses=RULES.guesses, now=now
            )

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(TASKS)))
    elapsed = time.perf_counter() - began
    await store.aclose()
    return 2 * len(todo) / elapsed


def record(path: Path, todo: Sequence[Case]) -> list[list[Statement]]:
    """The statements of the same work, operation by operation, in the order in which 64 tasks ask for them."""
    prepare(path)
    connection, now = connect(path), SystemClock().now()
    recorder = Recorder(connection)
    tables = SqliteTables(recorder)  # type: ignore[arg-type]
    for first in range(0, len(todo), TASKS):
        for case in todo[first : first + TASKS]:
            recorder.operations.append([])
            steps.add(tables, case.verification, case.charges, RULES.guesses, None, now)
        for case in todo[first : first + TASKS]:
            recorder.operations.append([])
            made = case.verification
            steps.attempt(tables, made.app, made.id, 6, True, Expected(), RULES.guesses, now)  # noqa: FBT003 - it matches
    connection.close()
    return recorder.operations


def raw(path: Path, operations: Sequence[Sequence[Statement]]) -> float:
    """Operations a second without any of our code."""
    prepare(path)
    connection = connect(path)
    execute = connection.cursor().execute
    began = time.perf_counter()
    for first in range(0, len(operations), TASKS):
        execute("BEGIN IMMEDIATE")
        for operation in operations[first : first + TASKS]:
            for statement, values in operation:
                execute(statement, values).fetchall()
        execute("COMMIT")
    elapsed = time.perf_counter() - began
    connection.close()
    return len(operations) / elapsed


def measure(order: Order) -> Rates:
    """Run all rounds, ours and raw in turns, each on a fresh file."""
    rates = Rates([], [], 0.0)
    with tempfile.TemporaryDirectory(dir=order.folder) as scratch:
        folder, todo = Path(scratch), cases(order.verifications)
        operations = record(folder / "recorded.db", todo)
        for number in range(order.rounds):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                rates.ours.append(runner.run(ours(folder / f"ours-{number}.db", todo)))
            rates.raw.append(raw(folder / f"raw-{number}.db", operations))
    return msgspec.structs.replace(rates, statements=sum(map(len, operations)) / len(operations))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))))
