"""The mark of the key file that a database was written with: read without leaving a trace, and written once.

Not handled here: what the mark is (``core/keyring.py``), what becomes of a process that has another key file
(``bootstrap/keys.py``).
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from watchword.adapters.sqlite.database import begin_patiently, connect, our_words
from watchword.adapters.sqlite.look import looking


def kept_mark(path: Path) -> bytes | None:
    """The mark; None where there is none yet.

    Raises:
        StoreError: the file cannot be read as a database.
    """
    if not path.exists():
        return None
    with looking(path) as connection:
        there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'key_mark'").get
        return None if there is None else _read(connection)


def keep_mark(path: Path, mark: bytes) -> bytes:
    """Write the mark where there is none; returns the one that is kept. The database is up to date. Blocks.

    Raises:
        StoreError: it cannot be written.
    """
    with our_words(), closing(connect(path)) as connection:
        kept = _read(connection)
        if kept is not None:
            return kept
        begin_patiently(connection)
        connection.execute("INSERT OR IGNORE INTO key_mark (one, mac) VALUES (1, ?)", (mark,))
        connection.execute("COMMIT")
        return _read(connection) or mark


def _read(connection: apsw.Connection) -> bytes | None:
    kept: bytes | None = connection.execute("SELECT mac FROM key_mark").get
    return kept
