"""Removing rows in small steps, and giving their space back to the file system.

Rules:

* finding what is over happens without the write lock, so removing looks again;
* a streak of wrong guesses is never purged (``core.limit.is_idle``);
* buckets of sends and rows of the guard, which every request writes and which therefore have no index by time, are gone
  through once a round, and not once for each step.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import apsw

from watchword.adapters.sqlite.database import BUSY
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.system import trim_memory
from watchword.core import ids
from watchword.core.instant import Instant
from watchword.core.limit import is_idle

PAGES = 256  # given back a step, one MiB
IDLE_SENDS = "SELECT key FROM send_buckets WHERE key > ? AND max(arrival, second) <= ? ORDER BY key LIMIT ?"
IDLE_GUARD = "SELECT key FROM guard_rows WHERE key > ? AND idle_at <= ? ORDER BY key LIMIT ?"


@dataclass(frozen=True, slots=True)
class Over:
    """Primary keys of rows that may go."""

    verifications: list[bytes]
    send_buckets: list[bytes]
    guess_buckets: list[bytes]
    guard_rows: list[bytes]

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.verifications) + len(self.send_buckets) + len(self.guess_buckets) + len(self.guard_rows)


@dataclass(slots=True)
class Sweep:
    """How far a table was gone through, and for which round to the end."""

    query: str
    key: bytes = b""
    ended: Instant | None = None

    def idle(self, connection: apsw.Connection, now: Instant, most: int) -> list[bytes]:
        """Go on, and find up to so many that limit nothing."""
        if self.ended == now:
            return []
        found = [key for (key,) in connection.execute(self.query, (self.key, now, most))]
        self.key, self.ended = (found[-1], None) if len(found) == most else (b"", now)
        return found


def what_is_over(
    connection: apsw.Connection, *, sends: Sweep, guard: Sweep, made_before: Instant, now: Instant, most: int
) -> Over:
    """Find up to ``most`` rows of each table that may go."""

    def keys(query: str, *arguments: object) -> list[bytes]:
        return [row[0] for row in connection.execute(query, (*arguments, most))]

    oldest = ids.oldest_possible(made_before)
    return Over(
        keys("SELECT id FROM verifications WHERE id < ? ORDER BY id LIMIT ?", oldest),
        sends.idle(connection, now, most),
        keys("SELECT key FROM guess_buckets WHERE idle_at <= ? LIMIT ?", now),
        guard.idle(connection, now, most),
    )


def remove(tables: SqliteTables, over: Over, now: Instant) -> None:
    """Remove them, where they still may go."""
    tables.remove_verifications(over.verifications)
    tables.remove_idle_sends(over.send_buckets, now)
    tables.remove_idle_guard_rows(over.guard_rows, now)
    for key in over.guess_buckets:
        if is_idle(tables.guesses(key), now):
            tables.remove_guesses(key)


def give_back(connection: apsw.Connection) -> None:
    """Return free pages at the end of the file to the system, a few at a time."""
    if connection.execute("PRAGMA freelist_count").get:
        # Each page is a step of the statement, so it is read to its end. Where another process has the lock just now,
        # the pages are given back next time.
        with suppress(*BUSY):
            connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()


def let_go(connection: apsw.Connection) -> None:
    """Give the memory back that a large purge went through."""
    connection.execute("PRAGMA shrink_memory").fetchall()
    trim_memory()
