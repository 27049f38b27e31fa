"""``python -m bench.soak [--minutes 30]``: hours in little; writes ``bench/SOAK.md``, and fails if memory is not flat.

``watchword serve`` itself on SQLite, with its courier and a relay over TLS, under a load that it can bear for ever:
codes, links, secrets and authenticators at once, each connection resting between its requests. After every minute is
written down what the process holds: memory, open files, threads, what waits, and what lies in the tables.

Not handled here: how much it could do (``__main__.py``), rows by the million (``aged.py``).

Rules:

* rows stay for two days, so tables grow for as long as this runs; nothing else may;
* what is judged is memory of the process's own: pages of files are the system's, which takes them back at will;
* caches are filled first. SQLite keeps up to 8 MiB of pages for the writing connection, and forgets them whenever the
  log begins afresh: how many there were at most would creep up for hours, with each busier second. So rows lie there
  from the beginning, and while it warms up a reader keeps the log from beginning afresh.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import httpx
import msgspec
import psutil

from bench import aged, machine
from bench.children import call
from bench.courier import sink
from bench.footprint import TABLES, WATCHWORD
from bench.links import REDIRECT
from bench.rows import Job, Row
from bench.worker import CONFIG
from watchword.core import ids

HERE = Path(__file__).parent
EVERY_TABLE = (*TABLES, "secrets", "authenticators")
LOADS = {"mixed": 16, "secrets": 4, "links": 4, "authenticator": 4}  # connections
PATIENCE = 30.0  # seconds for a service to leave

# What may be more at the end than at the beginning: allocators keep pages, and a look may meet an open connection.
MIB_MORE = 1.0
FILES_MORE = 8
DUE_MORE = 1_000


class Plan(msgspec.Struct, frozen=True):
    """How long: so many rounds of so many seconds, or of so many requests of each kind, whichever ends first."""

    rounds: int
    seconds: float = 60.0
    most: int = 0
    pause: float = 0.05  # seconds: 320 requests a second of codes, and 80 of each other kind
    mib_more: float = MIB_MORE
    filled: int = 50_000  # finished verifications that lie there from the beginning, with what belongs to them


class Sample(msgspec.Struct, frozen=True):
    """What there is after a round."""

    requests: int
    rate: float
    p99: float
    own: float
    resident: float
    files: int
    threads: int
    queue: int
    due: int
    rows: int
    file: float


class Soaked(msgspec.Struct, frozen=True):
    """A service under load: where it is and who may ask it."""

    pid: int
    port: int
    key: str
    app: bytes
    folder: Path


@contextmanager
def serving(folder: Path) -> Iterator[Soaked]:
    """``watchword serve`` with a relay of its own."""
    with sink(folder) as relay, (folder / "serve.log").open("wb") as log:
        assert relay.stdout is not None
        environment = _environment(folder, int(relay.stdout.readline()))
        app = json.loads(_run(environment, "app", "create", "Soak", "--json", "--redirect-uri", REDIRECT))
        command = [str(WATCHWORD), "serve", "--json", "--bind", "127.0.0.1:0"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
        try:
            assert process.stdout is not None
            port = int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
            yield Soaked(process.pid, port, app["key"], ids.from_text(ids.APP, app["id"]), folder)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def _environment(folder: Path, relay: int) -> dict[str, str]:
    config = folder / "watchword.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")} | {
        "WATCHWORD_CONFIG": str(config),
        "WATCHWORD_DATA": str(folder),
        "WATCHWORD_SMTP": f"smtps://localhost:{relay}",
        "WATCHWORD_SMTP_CA": str(folder / "ca.pem"),
        "WATCHWORD_MAIL_FROM": "Soak <codes@bench.example.org>",
    }


def _run(environment: dict[str, str], *words: str) -> bytes:
    return subprocess.run([WATCHWORD, *words], env=environment, stdout=subprocess.PIPE, check=True).stdout


def soak(plan: Plan, soaked: Soaked) -> Iterator[Sample]:
    """Round after round, and what is there after each."""
    _load(Plan(1, most=2), soaked, "mixed", 1)  # the row that those are copies of
    aged.fill_file(soaked.folder / "watchword.db", aged.Plan(plan.filled, plan.filled // 10, rounds=0, seconds=0))
    for number in range(plan.rounds):
        with _log_goes_on(soaked) if number < warming(plan.rounds) else nullcontext():
            rows = _round(plan, soaked)
        yield _look(soaked, rows)


def warming(rounds: int) -> int:
    """How many of so many rounds fill what may be filled, and are not judged."""
    return max(1, rounds // 5)


@contextmanager
def _log_goes_on(soaked: Soaked) -> Iterator[None]:
    """Read as of now, so that the log cannot begin afresh."""
    with closing(sqlite3.connect(soaked.folder / "watchword.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM apps").fetchone()
        yield


def _round(plan: Plan, soaked: Soaked) -> list[Row]:
    """Every load at once, each from a process of its own."""
    with ThreadPoolExecutor(len(LOADS)) as pool:
        return [row for rows in pool.map(lambda load: _load(plan, soaked, *load), LOADS.items()) for row in rows]


def _load(plan: Plan, soaked: Soaked, scenario: str, connections: int) -> list[Row]:
    job = Job(
        scenario=scenario,
        port=soaked.port,
        pid=soaked.pid,
        connections=connections,
        # This one binds for half of the time and checks for the other.
        seconds=plan.seconds / 2 if scenario == "authenticator" else plan.seconds,
        most=plan.most,
        api_key=soaked.key,
        app=soaked.app,
        key_file=str(soaked.folder / "keys.json"),
        pause=plan.pause,
    )
    return msgspec.json.decode(call("bench.generator", msgspec.json.encode(job)), type=list[Row])


def _look(soaked: Soaked, rows: Sequence[Row]) -> Sample:
    process, figures = psutil.Process(soaked.pid), _metrics(soaked.port)
    requests = sum(row.requests for row in rows)
    path = soaked.folder / "watchword.db"
    held = sum(each.stat().st_size for each in (path, path.with_name("watchword.db-wal")) if each.exists())
    return Sample(
        requests,
        requests / max(row.seconds for row in rows),
        max(row.p99 for row in rows),
        machine.own_mib(soaked.pid),
        machine.resident_mib(soaked.pid),
        process.num_fds(),
        process.num_threads(),
        int(figures['watchword_store_queue_depth{store="sqlite"}']),
        int(figures["watchword_outbox_due"]),
        _rows(path),
        held / 2**20,
    )


def _metrics(port: int) -> dict[str, float]:
    told = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    lines = (line.rpartition(" ") for line in told if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def _rows(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in EVERY_TABLE)  # noqa: S608


def quarters(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """The median of one figure in the first quarter of the time and in the last, once it is warm."""
    warm = [getattr(each, name) for each in samples[warming(len(samples)) :]]
    part = max(1, len(warm) // 4)
    return median(warm[:part]), median(warm[-part:])


def faults(samples: Sequence[Sample], mib_more: float = MIB_MORE) -> list[str]:
    """What has grown that must not."""
    (own, own_now), (files, files_now), (due, due_now) = (quarters(samples, name) for name in ("own", "files", "due"))
    found = []
    if own_now > own + mib_more:
        found.append(f"memory grew from {own:.1f} to {own_now:.1f} MiB")
    if files_now > files + FILES_MORE:
        found.append(f"open files grew from {files:.0f} to {files_now:.0f}")
    if due_now > due + DUE_MORE:
        found.append(f"messages that wait grew from {due:.0f} to {due_now:.0f}")
    return found


def page(plan: Plan, described: Sequence[tuple[str, str]], samples: Sequence[Sample]) -> str:
    """The page."""
    found = faults(samples, plan.mib_more)
    own, own_now = quarters(samples, "own")
    head = ("Minute", "Requests/s", "p99 ms", "Own MiB", "Resident MiB", "Open files", "Threads", "Store's queue",
            "Messages due", "Rows", "File MiB")  # fmt: skip
    rows = [
        (str(number), f"{each.rate:,.0f}", f"{each.p99:.1f}", f"{each.own:.1f}", f"{each.resident:.1f}",
         str(each.files), str(each.threads), str(each.queue), str(each.due), f"{each.rows:,}", f"{each.file:.1f}")
        for number, each in enumerate(samples, start=1)
    ]  # fmt: skip
    total = sum(each.requests for each in samples)
    lines = [
        "# A long run",
        (
            f"Written by `python -m bench.soak` on {datetime.now(UTC):%Y-%m-%d}: {plan.rounds} rounds of "
            f"{plan.seconds:.0f} s, {total:,} requests. Do not edit: run it again (`make soak`)."
        ),
        _table(("Machine", ""), described),
        (
            "`watchword serve` with its courier, SQLite and a relay over TLS on one machine. Codes, links, secrets and "
            f"authenticators at once over {sum(LOADS.values())} connections, each of which rests for "
            f"{plan.pause * 1_000:.0f} ms after an answer. Rows stay for two days, so tables and file grow; nothing "
            f"else may. {plan.filled:,} finished verifications lie there from the beginning, and in the first "
            f"{warming(plan.rounds)} rounds a reader keeps the log from beginning afresh, so that SQLite has as many "
            "pages in memory as it may have; these rounds are not judged. Own memory is what is left of resident "
            "memory without pages of files."
        ),
        f"**{'; '.join(found)}.**" if found else "**Memory, open files and what waits are flat.**",
        (
            f"Own memory after that: {own:.1f} MiB in the first quarter of the time, {own_now:.1f} MiB in the last "
            f"(medians; more than {plan.mib_more:.1f} MiB more would be too much)."
        ),
        _table(head, rows),
    ]
    return "\n\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def main(arguments: Sequence[str]) -> int:
    """Run it; returns how it ended."""
    minutes = int(arguments[1]) if arguments[:1] == ["--minutes"] and len(arguments) == 2 else 0
    assert minutes or not arguments, "python -m bench.soak [--minutes 30]"
    plan, samples = Plan(minutes or 30), list[Sample]()
    (HERE / "out").mkdir(exist_ok=True)
    described = [*machine.describe(), ("Load average before", f"{machine.load_average():.2f}")]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=HERE / "out") as scratch, serving(Path(scratch)) as soaked:
        for sample in soak(plan, soaked):
            samples.append(sample)
            print(f"{(time.perf_counter() - began) / 60:5.1f} min  {sample}", file=sys.stderr, flush=True)
    text = page(plan, described, samples)
    (HERE / "SOAK.md").write_text(text, encoding="utf-8")
    print(text)
    return bool(faults(samples))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
