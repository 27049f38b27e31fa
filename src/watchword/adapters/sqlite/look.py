"""Looking at a database without leaving a trace: which schema it has, and which one this version writes.

Not handled here: bringing it up to date (``database.py``).

Rules: nothing is written, not even the files that SQLite lays beside a database in WAL mode whenever it opens one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import apsw

from watchword.adapters.sqlite.database import our_words


class Schema(NamedTuple):
    """The number of a file's schema, and the number that this version writes."""

    written: int
    known: int


def look_at_schema(path: Path) -> Schema:
    """Read both numbers.

    Raises:
        StoreError: the file cannot be read as a database.
    """
    with looking(path) as connection:
        written = connection.execute("PRAGMA user_version").get
    return Schema(written, _known())


def holds_verifications(path: Path) -> bool:
    """Whether there is anything in it, verifications, secrets or authenticators, that needs the key file.

    Raises:
        StoreError: the file cannot be read as a database.
    """
    if not path.exists():
        return False
    with looking(path) as connection:
        return any(_holds_rows(connection, table) for table in ("verifications", "secrets", "authenticators"))


def newest_sealed(path: Path) -> tuple[bytes, bytes] | None:
    """The newest sealed address and what it is bound to, to try keys on; None where there is none.

    Raises:
        StoreError: the file cannot be read as a database.
    """
    if not path.exists():
        return None
    with looking(path) as connection:
        if not _holds_rows(connection, "verifications"):
            return None
        row = connection.execute("SELECT sealed, app, id FROM verifications ORDER BY id DESC LIMIT 1").get
    return None if row is None else (row[0], row[1] + row[2])


def _holds_rows(connection: apsw.Connection, table: str) -> bool:
    there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).get
    return there is not None and connection.execute(f"SELECT 1 FROM {table} LIMIT 1").get is not None  # noqa: S608 - our own names


@contextmanager
def looking(path: Path) -> Iterator[apsw.Connection]:
    """A connection that reads.

    Raises:
        StoreError: the file cannot be read as a database.
    """
    # Without a log beside it, the file is the whole truth and nobody writes: SQLite may take it as immutable, and
    # then makes no files. With a log, the newest part is there, and reading it is what SQLite does in mode=ro.
    lies_still = not path.with_name(path.name + "-wal").exists()
    address = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if lies_still else ''}"
    with our_words(), closing(_open(address)) as connection:
        yield connection


def _open(address: str) -> apsw.Connection:
    return apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _known() -> int:
    folder = resources.files("watchword.adapters.sqlite").joinpath("migrations")
    return sum(file.name[0].isdigit() for file in folder.iterdir())
