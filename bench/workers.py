"""``python -m bench.workers [--quick]``: one worker of ``watchword serve`` on one core against two on two.

One worker is held to the first core, and the load generator to the second. Two workers have both, and so has the
generator: this machine has no third one. What each side took of the cores is stated, and what follows from it for
workers with cores of their own. Writes a chapter of ``bench/SCALE.md``.

Not handled here: many hosts, which share nothing but the store.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from bench import machine
from bench.chapters import OUT, busy, run, table
from bench.children import call
from bench.footprint import WATCHWORD
from bench.rows import Job, Row
from bench.worker import CONFIG
from tests.support.postgres import a_server
from tests.support.valkeys import Server
from watchword.core import ids

CONNECTIONS = 64
WARM = 0.5
PATIENCE = 30.0  # seconds for a service to leave
CORES = sorted(os.sched_getaffinity(0))[:2]


class Plan(msgspec.Struct, frozen=True):
    """How often, and for how long."""

    rounds: int
    seconds: float


FULL = Plan(rounds=5, seconds=3.0)
QUICK = Plan(rounds=1, seconds=0.5)


class Figures(msgspec.Struct, frozen=True):
    """One round: requests a second, processor time of the workers for one, and cores that each side took."""

    rate: float
    microseconds: float
    workers: float
    generator: float


class Compared(msgspec.Struct, frozen=True):
    """One store: rounds with one worker and with two."""

    store: str
    one: list[Figures]
    two: list[Figures]


class Served(msgspec.Struct, frozen=True):
    """A service, and what the generator must know of it."""

    pid: int
    port: int
    key: str
    app: bytes
    folder: Path

    def cpu(self) -> float:
        """What its processes have used so far. A worker that is gone would be missing; none goes here."""
        return machine.cpu_seconds(self.pid)


@contextmanager
def serving(folder: Path, workers: int, stores: dict[str, str]) -> Iterator[Served]:
    """``watchword serve`` with so many workers on as many cores, without a courier."""
    folder.mkdir()
    environment = _environment(folder, stores)
    create = [str(WATCHWORD), "app", "create", "Bench", "--json"]
    made = json.loads(subprocess.run(create, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    command = [str(WATCHWORD), "serve", "--json", "--no-courier", "--bind", "127.0.0.1:0", "--workers", str(workers)]
    with (folder / "serve.log").open("wb") as log:
        everything = os.sched_getaffinity(0)
        os.sched_setaffinity(0, CORES[:workers])  # its processes inherit that, and it looks at how many cores it has
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
        os.sched_setaffinity(0, everything)
    try:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
        served = Served(process.pid, port, made["key"], ids.from_text(ids.APP, made["id"]), folder)
        yield served
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def _environment(folder: Path, stores: dict[str, str]) -> dict[str, str]:
    config = folder / "watchword.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")} | {
        "WATCHWORD_CONFIG": str(config),
        "WATCHWORD_DATA": str(folder),
        "WATCHWORD_SMTP": "smtps://nobody:nothing@localhost:1",
        "WATCHWORD_MAIL_FROM": "Bench <codes@bench.example.org>",
        **stores,
    }


def load(served: Served, plan: Plan, cores: Sequence[int]) -> Figures:
    """One round of the mixed load from a generator on these cores."""
    job = Job(
        scenario="mixed",
        port=served.port,
        pid=served.pid,
        connections=CONNECTIONS,
        seconds=plan.seconds,
        api_key=served.key,
        app=served.app,
        key_file=str(served.folder / "keys.json"),
    )
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # which its child takes over
    try:
        call("bench.generator", msgspec.json.encode(msgspec.structs.replace(job, seconds=WARM)))
        before, began = served.cpu(), time.perf_counter()
        (row,) = msgspec.json.decode(call("bench.generator", msgspec.json.encode(job)), type=list[Row])
        used, elapsed = served.cpu() - before, time.perf_counter() - began
    finally:
        os.sched_setaffinity(0, own)
    # The generator's own start is in the time between the two looks, and workers do nothing meanwhile.
    return Figures(row.rate, used / row.requests * 1e6, used / row.seconds, row.own_cpu / min(elapsed, row.seconds))


def compare(plan: Plan, folder: Path, store: str) -> Compared:
    """One store, with one worker and with two in turns."""
    one: list[Figures] = []
    two: list[Figures] = []
    with ExitStack() as stack:
        single, double = (
            stack.enter_context(serving(folder / name, workers, _stores(stack, store)))
            for name, workers in (("one", 1), ("two", 2))
        )
        for _ in range(plan.rounds):
            one.append(load(single, plan, CORES[-1:]))
            two.append(load(double, plan, CORES))
    return Compared(store, one, two)


def _stores(stack: ExitStack, store: str) -> dict[str, str]:
    if store == "PostgreSQL":
        database = a_server("fsync=on", "full_page_writes=on")
        stack.callback(database.stop)
        return {"WATCHWORD_STORE": database.url()}
    if store == "Valkey":
        return {"WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{stack.enter_context(closing(Server())).port}"}
    return {}


STORES = ("SQLite", "PostgreSQL", "Valkey")


def page(plan: Plan, command: str, described: Sequence[tuple[str, str]], compared: Sequence[Compared]) -> str:
    """The chapter."""
    head = ("Store", "Workers", "Requests/s", "CPU µs of the workers", "Cores the workers took",
            "Cores the generator took", "Two against one", "the same by CPU alone")  # fmt: skip
    lines = [
        "## Two workers against one",
        f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}, medians of {plan.rounds} rounds in turns.",
        table(("Machine", ""), described),
        *busy(machine.load_average()),
        (
            f"create + check over {CONNECTIONS} connections. One worker has the first core, and so no scribe, and the "
            "generator the second; two workers share both with the generator and with the database, because there is "
            "no third core. So the rates say what two cores do in all. *By CPU alone* is what the workers' own "
            "processor time for a request allows where they have two cores to themselves: twice one worker's µs by two "
            "workers' µs. "
            "Demanded: 1.5."
        ),
        table(head, [row for each in compared for row in _rows(each)]),
    ]
    return "\n\n".join(lines) + "\n"


def _rows(each: Compared) -> Iterator[tuple[str, ...]]:
    ratio = median(two.rate / one.rate for one, two in zip(each.one, each.two, strict=True))
    alone = median(2 * one.microseconds / two.microseconds for one, two in zip(each.one, each.two, strict=True))
    for name, rounds in (("1", each.one), ("2", each.two)):
        rate, micro, workers, generator = (
            median(getattr(figures, field) for figures in rounds) for field in Figures.__struct_fields__
        )
        last = (f"{ratio:.2f}", f"{alone:.2f}") if rounds is each.two else ("", "")
        yield each.store, name, f"{rate:,.0f}", f"{micro:.0f}", f"{workers:.2f}", f"{generator:.2f}", *last


def written(quick: bool, command: str, described: list[tuple[str, str]]) -> str:  # noqa: FBT001 - as run() has it
    """Measure; the chapter."""
    plan, compared = QUICK if quick else FULL, []
    for store in STORES:
        with tempfile.TemporaryDirectory(dir=OUT) as scratch:
            compared.append(compare(plan, Path(scratch), store))
    return page(plan, command, described, compared)


if __name__ == "__main__":
    run("workers", "workers", sys.argv[1:], written)
