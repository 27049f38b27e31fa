"""``watchword`` of the next version, as far as its schema goes: ``python -m tests.support.newer serve …``.

Its last migration is one that this version does not know, and only adds, as the rules for a rolling upgrade ask.
Everything else is the real command. Whoever holds a lock stops it in the middle of that migration: on PostgreSQL a
lock on the table that it comes to second, on SQLite the ``flock`` on the file that ``STOP_AT`` names.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import apsw

from watchword.adapters.postgres import schema
from watchword.adapters.sqlite import database
from watchword.cli import main

ADDITION = (
    "ALTER TABLE verifications ADD COLUMN later text NOT NULL DEFAULT ''; "
    "ALTER TABLE deliveries ADD COLUMN later bigint; "
    "CREATE TABLE later (id bytea PRIMARY KEY); "
    "CREATE INDEX verifications_later ON verifications (later) WHERE later <> ''"
)
EMBEDDED_ADDITION = """
ALTER TABLE verifications ADD COLUMN later TEXT NOT NULL DEFAULT '';
SELECT halfway();
CREATE TABLE later (id BLOB PRIMARY KEY);
"""
HALFWAY = "halfway through a migration"


def add_a_migration() -> None:
    """Let this process know one more than there are files."""
    ours, embedded, connect = schema.known_migrations, database._migrations, database.connect
    schema.known_migrations = lambda: [*ours(), ADDITION]
    database._migrations = lambda: [*embedded(), EMBEDDED_ADDITION]

    def connect_and_stop(path: Path, **more: float) -> apsw.Connection:
        connection = connect(path, **more)
        connection.create_scalar_function("halfway", _halfway, 0)
        return connection

    database.connect = connect_and_stop


def _halfway(*_: object) -> None:
    if "STOP_AT" in os.environ:
        sys.stderr.write(f"{HALFWAY}\n")
        sys.stderr.flush()
        with Path(os.environ["STOP_AT"]).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


if __name__ == "__main__":
    add_a_migration()
    main()
