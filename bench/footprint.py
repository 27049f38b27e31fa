"""What the service takes up: time to start, memory at rest, and what 100 000 verifications leave behind.

Rest and start are those of ``watchword serve`` itself, in production with a relay; the 100 000 are made and checked
over HTTP in the worker that the load runs against, and purged there by a clock three days on.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median

import msgspec

from bench.children import Running, load
from bench.machine import resident_mib

WATCHWORD = Path(sys.executable).with_name("watchword")
TABLES = ("verifications", "deliveries", "send_buckets", "guess_buckets")

_LOOK = 0.002  # seconds between two attempts to connect
_PATIENCE = 30.0  # seconds for a service to start
_FIRST = 10_000  # verifications before the first look
_REST = 2.0  # seconds until a service that started is at rest


class Started(msgspec.Struct, frozen=True):
    """Milliseconds from starting the process to the first 200 of ``/healthz``, and what it then holds at rest."""

    milliseconds: float
    again: float  # on a folder that was there: no key file and no tables to make
    resident: float


class Moment(msgspec.Struct, frozen=True):
    """Rows in the tables, resident memory and file size."""

    rows: int
    resident: float
    file: float


class Left(msgspec.Struct, frozen=True):
    """What the worker and its file hold: before, after that many verifications, and after the purge."""

    verifications: int
    purge_seconds: float
    moments: tuple[Moment, Moment, Moment]


def start_up(folder: Path, times: int) -> Started:
    """Start ``watchword serve`` a few times on a new folder, and as often on the same one."""
    port = _free_port()
    first: list[float] = []
    again: list[float] = []
    resident: list[float] = []
    for number in range(times):
        for took in (first, again):
            with _service(folder / f"start-{number}", port) as (milliseconds, pid):
                took.append(milliseconds)
                if took is again and number == times - 1:
                    time.sleep(_REST)
                    resident.append(resident_mib(pid))
    return Started(median(first), median(again), resident[0])


def leave(running: Running, verifications: int) -> Left:
    """Make and check verifications, purge them, and look at what is there before and after.

    A few are made and purged first, so that what a process takes once and keeps (code, caches) is no growth.
    """
    load(running, "mixed", 64, 600, most=2 * _FIRST)
    running.ask(b"purge")
    time.sleep(_REST)
    before = _look(running)
    load(running, "mixed", 64, 600, most=2 * verifications)
    after = _look(running)
    began = time.perf_counter()
    running.ask(b"purge")
    elapsed = time.perf_counter() - began
    time.sleep(_REST)  # the log is written back by the checkpointer, twice a second
    return Left(verifications, elapsed, (before, after, _look(running)))


def _look(running: Running) -> Moment:
    path = running.folder / "watchword.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES)  # noqa: S608
    return Moment(rows, resident_mib(running.pid), path.stat().st_size / 2**20)


@contextmanager
def _service(folder: Path, port: int) -> Iterator[tuple[float, int]]:
    folder.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")} | {
        "WATCHWORD_SMTP": "smtps://localhost:1",
        "WATCHWORD_MAIL_FROM": "codes@bench.example.org",
        "WATCHWORD_DATA": str(folder),
        "WATCHWORD_BIND": f"127.0.0.1:{port}",
    }
    began = time.perf_counter()
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen([WATCHWORD, "serve"], env=environment, stdout=log, stderr=log)
    try:
        _until_healthy(port)
        yield (time.perf_counter() - began) * 1_000, process.pid
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _until_healthy(port: int) -> None:
    ends = time.perf_counter() + _PATIENCE
    while time.perf_counter() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
            if connection.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(_LOOK)
    raise TimeoutError("watchword serve did not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
