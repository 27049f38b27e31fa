"""``python -m bench.scale [--quick]``: PostgreSQL measured, alone and under the service.

Writes a chapter of ``bench/SCALE.md``.

The server is the one that the tests run on, from a wheel, with ``fsync`` and full page writes on: every commit is on
disk before it is told. It, the service and the load share the cores of this machine, and what each took is stated.

Not handled here: SQLite and everything else (``__main__.py``).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import uvloop

from bench import machine
from bench.chapters import OUT, run, table
from bench.children import Running, load, server
from bench.rows import Row, Summary, summarise
from bench.store import RULES, TASKS, Case, cases
from tests.support.postgres import PostgresServer, a_server
from watchword.adapters import steps
from watchword.adapters.batch import Batcher
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.adapters.postgres.lane import SESSION, Call, Lane
from watchword.adapters.postgres.link import Link
from watchword.adapters.postgres.wants import call_of
from watchword.adapters.system import SystemClock
from watchword.core.verification import Expected

POOL = 16  # connections of the pool that stands for the usual way
WARM = 0.3
Ask = Any  # add and attempt, as both ways have them


class Plan(msgspec.Struct, frozen=True):
    """How much is measured."""

    rounds: int
    verifications: int
    seconds: float


FULL = Plan(rounds=5, verifications=20_000, seconds=3.0)
QUICK = Plan(rounds=1, verifications=2_000, seconds=0.7)


class Alone(msgspec.Struct, frozen=True):
    """One round of the store without HTTP."""

    rate: float  # operations a second
    own: float  # µs of our processor an operation
    theirs: float  # µs of the server's
    together: float  # calls a batch


class Pool:
    """The usual way: a transaction a call, each on the next connection of a pool; the statements are the same."""

    def __init__(self, address: PostgresAddress) -> None:
        self._links = [Link(address, SESSION) for _ in range(POOL)]
        batchers = [Batcher(Lane(link, writes=True).execute, most=1) for link in self._links]
        self._next: Iterator[Batcher[Call]] = cycle(batchers)

    async def add(self, case: Case, now: int) -> None:
        """``VerificationStore.add``, alone."""
        made = case.verification
        await next(self._next).submit(call_of(steps.add, (made, case.charges, RULES.guesses, None, now, None)))

    async def attempt(self, case: Case, now: int) -> None:
        """``VerificationStore.attempt``, alone."""
        made = case.verification
        asked = (made.app, made.id, 6, True, Expected(), RULES.guesses, now)
        await next(self._next).submit(call_of(steps.attempt, asked))

    async def aclose(self) -> None:
        """Take leave."""
        for link in self._links:
            await link.aclose()


class Batched:
    """Our way: the store as it is."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def add(self, case: Case, now: int) -> None:
        """``VerificationStore.add``."""
        await self._store.add(case.verification, charges=case.charges, guesses=RULES.guesses, idempotency=None, now=now)

    async def attempt(self, case: Case, now: int) -> None:
        """``VerificationStore.attempt``."""
        made = case.verification
        await self._store.attempt(
            *(made.app, made.id), digits=6, matches=True, expected=Expected(), guesses=RULES.guesses, now=now
        )


async def round_of(way: Pool | Batched, todo: Sequence[Case], pid: int) -> tuple[float, float, float]:
    """Operations a second, and µs of ours and the server's for each."""
    now, turn = SystemClock().now(), iter(todo)

    async def work() -> None:
        for case in turn:
            await way.add(case, now)
            await way.attempt(case, now)

    own, theirs, began = time.process_time(), machine.cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(TASKS)))
    elapsed, count = time.perf_counter() - began, 2 * len(todo)
    own, theirs = time.process_time() - own, machine.cpu_seconds(pid) - theirs
    return count / elapsed, own / count * 1e6, theirs / count * 1e6


async def alone(plan: Plan, database: PostgresServer) -> tuple[list[Alone], list[Alone]]:
    """Both ways in turns, on one database."""
    assert database.process is not None
    address, pid = PostgresAddress.parse(database.url()), database.process.pid
    store = PostgresStore(address)
    await store.open()
    pool, batched = Pool(address), Batched(store)
    ours: list[Alone] = []
    usual: list[Alone] = []
    for way in (pool, batched):
        await round_of(way, cases(500), pid)  # connections are made, statements prepared
    for _ in range(plan.rounds):
        before = store.facts()["postgresql"]
        figures = await round_of(batched, cases(plan.verifications), pid)
        after = store.facts()["postgresql"]
        together = (after["operations"] - before["operations"]) / (after["batches"] - before["batches"])
        ours.append(Alone(*figures, together))
        usual.append(Alone(*await round_of(pool, cases(plan.verifications // 8), pid), 1.0))
    await pool.aclose()
    await store.aclose()
    return ours, usual


def loaded(plan: Plan, folder: Path, database: PostgresServer) -> tuple[list[Row], list[float]]:
    """R and the mixed load over 64 connections in turns, and what the server took of a core meanwhile."""
    assert database.process is not None
    pid = database.process.pid
    (folder / "service").mkdir()
    (folder / "service" / "store").write_text(database.url(), encoding="utf-8")
    rows: list[Row] = []
    shares: list[float] = []
    with server("watchword", folder / "service") as service, server("reference", folder / "reference") as plain:
        for _ in range(plan.rounds):
            rows += load(plain, "reference", TASKS, plan.seconds, warm=WARM)
            rows += _with_share(service, plan, pid, shares)
    return rows, shares


def _with_share(service: Running, plan: Plan, pid: int, shares: list[float]) -> list[Row]:
    before, began = machine.cpu_seconds(pid), time.perf_counter()
    rows = load(service, "mixed", TASKS, plan.seconds, warm=WARM)
    shares.append((machine.cpu_seconds(pid) - before) / (time.perf_counter() - began))
    return rows


def page(
    plan: Plan, command: str, described: Sequence[tuple[str, str]], ways: tuple[list[Alone], list[Alone]],
    under_load: tuple[list[Row], list[float]],
) -> str:  # fmt: skip
    """The page."""
    ours, usual = ways
    rows, shares = under_load
    summaries = summarise(rows)
    (plain,) = [each for each in summaries if each.scenario == "R"]
    times = median(one.rate / other.rate for one, other in zip(ours, usual, strict=True))
    of_r = [mine.rate / its.rate for its, mine in zip(rows[::2], rows[1::2], strict=True)]
    lines = [
        "## PostgreSQL",
        f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}, medians of {plan.rounds} rounds.",
        table(("Machine", ""), described),
        "### Against what was demanded",
        table(
            ("What", "Measured", "Demanded"),
            [
                ("create + check over 64 connections", f"{median(of_r):.2f} R ({min(of_r):.2f} to {max(of_r):.2f})",
                 "0.35 R, aim 0.5 R"),
                ("store alone against the same statements, one call a transaction, through a pool",
                 f"{times:.1f} times", "2 times"),
            ],
        ),
        "### Store alone",
        "64 tasks, each a create and then a check; `fsync`, full page writes and synchronous commits are on.",
        table(
            ("", "Operations/s", "Calls a batch", "Our CPU µs", "PostgreSQL's CPU µs"),
            [_way("`PostgresStore`", ours), _way(f"a transaction a call, pool of {POOL}", usual)],
        ),
        "### Requests",
        table(
            ("Load", "Requests/s", "p50 ms", "p99 ms", "Server CPU µs", "Generator's share", "PostgreSQL's share"),
            [_load(each, median(shares) if each is not plain else 0.0) for each in summaries],
        ),
        ("One worker with its scribe. With PostgreSQL and the generator they share the cores, and each waits for the "
        "others: on hosts of their own all would do more. Compare ratios within this page."),
    ]  # fmt: skip
    return "\n\n".join(lines) + "\n"


def _way(name: str, rounds: Sequence[Alone]) -> tuple[str, ...]:
    rate, own, theirs, together = (median(getattr(each, field) for each in rounds) for field in Alone.__struct_fields__)
    return (name, f"{rate:,.0f}", f"{together:.0f}", f"{own:.0f}", f"{theirs:.0f}")


def _load(each: Summary, share: float) -> tuple[str, ...]:
    figures = (f"{each.rate:,.0f}", f"{each.p50:.2f}", f"{each.p99:.2f}", f"{each.microseconds:.0f}")
    return (each.scenario, *figures, f"{each.own_share:.0%}", f"{share:.0%}" if share else "")


def written(quick: bool, command: str, described: list[tuple[str, str]]) -> str:  # noqa: FBT001 - as run() has it
    """Measure; the chapter."""
    plan = QUICK if quick else FULL
    database = a_server("fsync=on", "full_page_writes=on")
    described = [*described, ("PostgreSQL", database.sql("SHOW server_version"))]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ways = runner.run(alone(plan, database))
    with tempfile.TemporaryDirectory(dir=OUT) as scratch:
        under_load = loaded(plan, Path(scratch), database)
    database.stop()
    return page(plan, command, described, ways, under_load)


if __name__ == "__main__":
    run("scale", "postgresql", sys.argv[1:], written)
