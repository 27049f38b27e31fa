"""The only clock and the only dice, and what else is the process's own."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from pathlib import Path

from watchword.core.instant import Instant


class SystemClock:
    """The system's clock (``ports.Clock``)."""

    def now(self) -> Instant:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000


def trim_memory() -> None:
    """Give memory that is free back to the system. After a large purge the C library would keep it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it; elsewhere there is nothing to do
    if trim is not None:
        trim(0)


def settle_to_serve() -> None:
    """Suit the interpreter to a process that serves, at the end of its start.

    What the start made is left out of every collection, and cycles are looked for seldom: requests make next to none.
    That lowers the p99 under load. And a thread that waits for the interpreter has it after half a millisecond, where
    CPython would take five: it may know that a commit is on disk, and everybody waits to be told (docs/adr/0042).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.000_5)


_NOBODY = 2**32 - 1  # of a process that no login began


def operator() -> str:
    """Who runs this process, by the kernel's word: who logged in, and as whom it runs where that is another one."""
    runs_as = os.getuid()
    try:
        logged_in = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        logged_in = _NOBODY
    if logged_in in {runs_as, _NOBODY}:
        return _user_name(runs_as)
    return f"{_user_name(logged_in)} as {_user_name(runs_as)}"


def _user_name(number: int) -> str:
    import pwd  # noqa: PLC0415 - not on Windows, where the client runs

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


class SystemEntropy:
    """The system's generator (``ports.Entropy``)."""

    def draw(self, size: int) -> bytes:
        """Random bytes fit for keys."""
        return os.urandom(size)
