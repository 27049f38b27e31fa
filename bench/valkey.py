"""Valkey: the store's verbs alone against ``redis-benchmark`` with the same scripts, and the mixed load over HTTP.

    python -m bench.valkey [--quick]

Ours: 64 tasks, each an ``add`` and then an ``attempt``, through ``ValkeyStore`` with SQLite beside it. Theirs: the
scripts of those two verbs, sent by ``redis-benchmark`` (redis-tools) in pipelines of 64 on one connection, with
keys and arguments of the same length, to the same server, in turns. A cluster has no counterpart there.

HTTP: R and the mixed load in turns, as in the main bench, with Valkey on the same machine and cores. Both once more
over a cluster. Writes a chapter of ``bench/SCALE.md``.
"""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import uvloop

from bench import machine
from bench.chapters import OUT, busy, run, table
from bench.children import load, server
from bench.report import ratios
from bench.rows import Row, summarise
from bench.store import RULES, Case, cases
from tests.support.valkeys import Server, ServerCluster, emptied
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.system import SystemClock
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.adapters.valkey.layout import GUESSES_LIE, PREFIX
from watchword.adapters.valkey.row import pack
from watchword.adapters.valkey.scripts import ADD, ATTEMPT
from watchword.core.verification import Expected, Verification, guess_key

TASKS = 64
WARM = 0.3  # seconds
ROUNDS = 7  # over HTTP
VERBS = 5  # of the verbs alone
TERM = "TERMTERM"  # of rows that redis-benchmark finds; as an argument of a command it can hold no byte that is nought
RANDOM = "__rand_int__"  # which redis-benchmark replaces by twelve digits

Rates = dict[str, list[float]]


async def ours(address: str, folder: Path, todo: Sequence[Case]) -> tuple[float, list[float]]:
    """Operations a second through the store, and how long each took in milliseconds, in order."""
    durable = SqliteStore(folder / "watchword.db")
    store, now = ValkeyStore(ValkeyAddress.parse(address), durable), SystemClock().now()
    await durable.open()
    await store.open()
    turn = iter(todo)
    took: list[float] = []

    async def work() -> None:
        for case in turn:
            made, began = case.verification, time.perf_counter()
            await store.add(made, charges=case.charges, guesses=RULES.guesses, idempotency=None, now=now)
            between = time.perf_counter()
            await store.attempt(
                *(made.app, made.id), digits=6, matches=True, expected=Expected(), guesses=RULES.guesses, now=now
            )
            took.extend((between - began, time.perf_counter() - between))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(TASKS)))
    elapsed = time.perf_counter() - began
    await store.aclose()
    await durable.aclose()
    return 2 * len(todo) / elapsed, sorted(1_000 * each for each in took)


def theirs(port: int, count: int) -> float:
    """Operations a second of the same two scripts by redis-benchmark, half of them each."""
    now = SystemClock().now()
    windows = [str(number) for rate in (*RULES.limits.recipient_sends, *RULES.limits.source_sends) for number in rate]
    windows += ["0"] * (8 - len(windows))
    key, guesses = f"ww:{{0}}vidii{RANDOM}", f"ww:g0{'a' * 16}rrrr{RANDOM}"
    made = [str(now), "r" * 400, "4200000", str(now), f"idii{RANDOM}01", "", "0"]
    adds = _benchmark(
        *(port, count, ADD.source),
        *("6", key, "ww:{0}due", key, guesses, f"ww:r0rrrr{RANDOM}", f"ww:ssss{RANDOM}"),
        *(TERM, *made, "", "g" * 18, str(GUESSES_LIE), "1", "1", *windows),
    )
    _lay(port, 4 * count, now)
    budgets = [str(number) for rate in RULES.guesses.budgets for number in rate]
    checks = _benchmark(
        *(port, count, ATTEMPT.source, "1", f"ww:{{0}}vidii{RANDOM}"),
        *(TERM, str(now), "a" * 16, "6", "1", "login", "b" * 16, "", "A"),
        *(str(RULES.guesses.ceiling), PREFIX.decode(), "", str(GUESSES_LIE), *budgets),
        most=4 * count,
    )
    return 2 / (1 / adds + 1 / checks)


def _lay(port: int, count: int, now: int) -> None:
    """Rows and buckets that checks find: pending, each of a recipient of its own."""
    with subprocess.Popen(
        [_found("redis-cli"), "-p", str(port), "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as pipe:
        assert pipe.stdin is not None
        for number in range(count):
            raw, recipient = b"idii%012d" % number, b"rrrr%012d" % number
            row = Verification(
                *(raw, b"a" * 16, "email", "login", recipient, b"b" * 16, bytes(50), "de", 6, 5, 5),
                *(now, now + 600_000, now + 30_000),
            )
            packed = pack(row, (), TERM.encode())
            bucket = TERM.encode() + bytes(10)
            for key, text in ((b"ww:{0}v" + raw, packed), (PREFIX + guess_key(row), bucket)):
                pipe.stdin.write(b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(key), key, len(text), text))


def _benchmark(port: int, count: int, source: bytes, *words: str, most: int = 100_000_000) -> float:
    """One command over and over, in pipelines over one connection."""
    loaded = [_found("redis-cli"), "-p", str(port), "-x", "SCRIPT", "LOAD"]
    sha = subprocess.run(loaded, input=source, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    how = ["-p", str(port), "-c", "1", "-P", str(TASKS), "-n", str(count), "-r", str(most), "--csv"]
    done = subprocess.run(
        [_found("redis-benchmark"), *how, "EVALSHA", sha, *words], stdout=subprocess.PIPE, check=True, text=True
    )
    return float(list(csv.reader(done.stdout.splitlines()))[-1][1])


def _found(command: str) -> str:
    path = shutil.which(command)
    assert path, f"{command} is missing: make setup installs Debian's redis-tools"
    return path


def alone(server_or_cluster: Server | ServerCluster, rounds: int, count: int) -> Rates:
    """The verbs alone, ours and theirs in turns."""
    rates: Rates = {"ours": [], "theirs": [], "p50": [], "p99": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=OUT) as folder:
            emptied(_servers(server_or_cluster))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                rate, took = runner.run(ours(_url(server_or_cluster), Path(folder), cases(count)))
        rates["ours"].append(rate)
        rates["p50"].append(took[len(took) // 2])
        rates["p99"].append(took[len(took) * 99 // 100])
        if isinstance(server_or_cluster, Server):
            emptied(_servers(server_or_cluster))
            rates["theirs"].append(theirs(server_or_cluster.port, count))
    return rates


def over_http(server_or_cluster: Server | ServerCluster, rounds: int, seconds: float) -> list[Row]:
    """R and the mixed load in turns."""
    emptied(_servers(server_or_cluster))
    os.environ["WATCHWORD_FAST_STORE"] = _url(server_or_cluster)
    rows: list[Row] = []
    try:
        with (
            tempfile.TemporaryDirectory(dir=OUT) as scratch,
            server("watchword", Path(scratch) / "load") as service,
            server("reference", Path(scratch) / "reference") as plain,
        ):
            for _ in range(rounds):
                rows += load(plain, "reference", TASKS, seconds, warm=WARM)
                rows += load(service, "mixed", TASKS, seconds, warm=WARM)
    finally:
        del os.environ["WATCHWORD_FAST_STORE"]
    return rows


def _servers(server_or_cluster: Server | ServerCluster) -> Sequence[Server]:
    return [server_or_cluster] if isinstance(server_or_cluster, Server) else server_or_cluster.masters


def _url(server_or_cluster: Server | ServerCluster) -> str:
    if isinstance(server_or_cluster, Server):
        return f"valkey://127.0.0.1:{server_or_cluster.port}"
    return server_or_cluster.url


def page(rates: Rates, rows: Sequence[Row]) -> str:
    """What was measured, in Markdown."""
    verbs = [
        ("ours, 64 tasks, one connection", f"{median(rates['ours']):,.0f} operations/s"),
        ("p50, p99 of a verb", f"{median(rates['p50']):.2f}, {median(rates['p99']):.2f} ms"),
    ]
    if rates["theirs"]:
        shares = [one / other for one, other in zip(rates["ours"], rates["theirs"], strict=True)]
        verbs.append(("redis-benchmark, the same scripts, pipelines of 64", f"{median(rates['theirs']):,.0f}"))
        verbs.append(("ours against it", f"{median(shares):.2f} (demanded: 0.5); rounds: {_list(shares)}"))
    head = ("over HTTP, 64 connections", "requests/s", "p50 / p99 ms", "server CPU µs", "generator's share")
    loads = [
        (each.scenario, f"{each.rate:,.0f}", f"{each.p50:.2f} / {each.p99:.2f}", f"{each.microseconds:.0f}",
         f"{each.own_share:.2f}")
        for each in summarise(rows)
    ]  # fmt: skip
    shares = ratios(rows, TASKS)
    told = f"The mixed load is {median(shares):.2f} R (demanded: 0.45, aim 0.6); rounds: {_list(shares)}."
    return "\n\n".join((table(("verbs alone, add + attempt", ""), verbs), table(head, loads), told)) + "\n"


def _list(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.2f}" for share in shares)


def chapter(command: str, rounds: int, described: Sequence[tuple[str, str]], parts: Sequence[tuple[str, str]]) -> str:
    """The chapter of the page."""
    lines = [
        "## Valkey for what is short-lived",
        (
            f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}, medians of {rounds} rounds, verbs of {VERBS}. "
            "SQLite keeps what must last; Valkey, worker and generator share the cores."
        ),
        table(("Machine", ""), described),
        *busy(machine.load_average()),
        *(f"### {name}\n\n{text.strip()}" for name, text in parts),
    ]
    return "\n\n".join(lines) + "\n"


def measure(servers: Server | ServerCluster, *, quick: bool) -> str:
    """One server or a cluster."""
    rates = alone(servers, 1 if quick else VERBS, 2_000 if quick else 50_000)
    return page(rates, over_http(servers, 1 if quick else ROUNDS, 0.5 if quick else 2.0))


def written(quick: bool, command: str, described: list[tuple[str, str]]) -> str:  # noqa: FBT001 - as run() has it
    """Measure; the chapter."""
    with closing(Server()) as one:
        parts = [("One server", measure(one, quick=quick))]
    with closing(ServerCluster()) as cluster:
        parts.append(("A cluster of three masters", measure(cluster, quick=quick)))
    return chapter(command, ROUNDS, described, parts)


if __name__ == "__main__":
    run("valkey", "valkey", sys.argv[1:], written)
