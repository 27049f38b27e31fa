"""The machine: what it is, and what a process on it has used so far (``/proc``, by way of psutil)."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import apsw
import psutil

_SCHED = 2  # with a process's number, all ones but it, the clock of its CPU: clock_getcpuclockid(3) of Linux
_NAMED = ("uvicorn", "uvloop", "httptools", "msgspec", "cryptography", "apsw")


def describe() -> list[tuple[str, str]]:
    """What somebody needs to know who compares these figures with their own."""
    return [
        ("CPU", f"{_processor()}, {os.cpu_count()} cores"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("SQLite", apsw.sqlite_lib_version()),
        ("Packages", ", ".join(f"{name} {version(name)}" for name in _NAMED)),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def started_by(pid: int) -> list[psutil.Process]:
    """The processes that a process started, while they run."""
    return list(psutil.Process(pid).children(recursive=True))


def _besides(pid: int, amount: Callable[[psutil.Process], float]) -> float:
    """What all that a process started have together. What ends between the two looks has nothing any more."""
    total = 0.0
    for each in started_by(pid):
        with suppress(psutil.NoSuchProcess, OSError):
            total += amount(each)
    return total


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of all that it started."""
    return _seconds(psutil.Process(pid)) + _besides(pid, _seconds)


def cpu_time() -> float:
    """Seconds of CPU of this process and of all that it started, finer than the hundredths that /proc counts."""
    return time.process_time() + _besides(os.getpid(), lambda each: time.clock_gettime(~each.pid << 3 | _SCHED))


def resident_mib(pid: int) -> float:
    """Resident memory of a process, and what those that it started have besides."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20 + _besides(pid, _own_mib)


def own_mib(pid: int) -> float:
    """The same without pages of files and what it shares with others."""
    held = psutil.Process(pid).memory_info()
    return float(held.rss - held.shared) / 2**20 + _besides(pid, _own_mib)


def _own_mib(process: psutil.Process) -> float:
    return float(process.memory_full_info().uss) / 2**20


def load_average() -> float:
    """How many others wanted these cores in the last minute."""
    return os.getloadavg()[0]
