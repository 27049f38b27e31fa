"""Where the time goes: py-spy's samples of the worker under mixed load, summed up by owner and by function.

Recordings of two kinds. One with native frames tells C from C, but stops the process for long at every sample and sees
sleeping threads too, so it is taken seldom and only threads that do something are kept; the scribe has one of its own.
The other sees only whoever holds the interpreter lock, which is what limits a worker.

Not handled here: running the load (``__main__.py``).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

PY_SPY = Path(sys.executable).with_name("py-spy")

# First match owns a sample, looked for from the innermost Python frame outwards.
_OWNERS = (
    ("SQLite statements (adapters/sqlite, steps)", r"watchword/adapters/(sqlite|steps)"),
    ("batching (adapters/batch)", r"watchword/adapters/batch"),
    ("access log, audit, metrics", r"watchword/adapters/(log|metrics)|Verifications\._record|Gate\._log"),
    ("codes, seals, hashes (core)", r"watchword/core/(passcode|keyring|recipient)"),
    ("the rest of core", r"watchword/core"),
    ("flows", r"watchword/flows"),
    ("web", r"watchword/web"),
    ("sending through uvicorn and uvloop", r"RequestResponseCycle\.send"),
    ("uvicorn and httptools", r"uvicorn"),
    ("event loop", r"asyncio/|Runner\.run|uvloop"),
    ("other threads", r"threading|concurrent/futures|thread\.py"),
)
_ASLEEP = re.compile(
    r"SimpleQueue_get|sock_recv|lock_PyThread_acquire|epoll_wait|uv__io_poll|take_gil|Condition\.wait|_queue_"
)
_PYTHON = re.compile(r"\(.*\.py[:)]")

Samples = list[tuple[list[str], int]]


class Profile(msgspec.Struct, frozen=True):
    """Shares of all samples: by owner, by Python function, by native function; and by the last of the scribe."""

    samples: int
    owners: list[tuple[str, float]]
    functions: list[tuple[str, float]]
    native: list[tuple[str, float]]
    scribe: list[tuple[str, float]]


class Recording:
    """One py-spy at work."""

    def __init__(self, pid: int, seconds: float, *options: str) -> None:
        self._file = Path(tempfile.mkstemp(suffix=".txt")[1])
        span = ("--duration", str(max(1, round(seconds))))
        self._process = subprocess.Popen(
            [str(PY_SPY), "record", "--format", "raw", *span, *options, "--output", str(self._file), "--pid", str(pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def samples(self) -> Samples:
        """Wait for its end, and read it."""
        self._process.wait()
        lines = self._file.read_text(encoding="utf-8").splitlines()
        self._file.unlink()
        return [(stack.split(";"), int(count)) for stack, _, count in (line.rpartition(" ") for line in lines)]


def recording(pid: int, seconds: float) -> Recording:
    """Begin to record whoever holds the interpreter lock."""
    return Recording(pid, seconds, "--gil", "--rate", "200")


def native_recording(pid: int, seconds: float) -> Recording:
    """Begin to record with native frames."""
    return Recording(pid, seconds, "--native", "--rate", "40")


def summarise(held: Samples, native: Samples, scribe: Samples, most: int = 20) -> Profile:
    """Sum up all recordings."""
    return Profile(
        sum(count for _, count in held),
        _shares((_owner(stack), count) for stack, count in held),
        _shares((_function(stack), count) for stack, count in held)[:most],
        _shares((f"{_function(stack[-1:])} in {_owner(stack)}", count) for stack, count in _awake(native))[:most],
        _shares((_function(stack), count) for stack, count in _awake(scribe))[:most],
    )


def _awake(native: Samples) -> Samples:
    return [(stack, count) for stack, count in native if not any(map(_ASLEEP.search, stack[-6:]))]


def _owner(stack: list[str]) -> str:
    for frame in reversed(stack):
        if not _PYTHON.search(frame):
            continue
        for owner, pattern in _OWNERS:
            if re.search(pattern, frame):
                return owner
    return "the rest"


def _function(stack: list[str]) -> str:
    return re.sub(r":\d+\)$", ")", stack[-1])


def _shares(samples: Iterable[tuple[str, int]]) -> list[tuple[str, float]]:
    counts: Counter[str] = Counter()
    for name, count in samples:
        counts[name] += count
    total = max(1, counts.total())
    return [(name, count / total) for name, count in counts.most_common()]
