"""The only clock and the only dice, and what else is the process's own."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time

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


def collect_seldom() -> None:
    """Leave what the start made out of every collection, and look for cycles seldom: requests make next to none.

    For a process that serves, at the end of its start. It lowers the p99 under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def share_soon() -> None:
    """Let a thread that waits for the interpreter have it after half a millisecond, where CPython would take five.

    For a process that serves: the thread may know that a commit is on disk, and everybody in it waits to be told
    (docs/adr/0042).
    """
    sys.setswitchinterval(0.000_5)


class SystemEntropy:
    """The system's generator (``ports.Entropy``)."""

    def draw(self, size: int) -> bytes:
        """Random bytes fit for keys."""
        return os.urandom(size)
