"""Opening the SQLite file: pragmas, errors in our words, numbered migrations.

Rules: every commit is on disk before anybody hears of it (WAL with ``synchronous=FULL``); a file written by a newer
version is refused rather than guessed at, and one that may only be read before SQLite opens it; a migration and its
number are one transaction, under the write lock, so that processes which start together apply it once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

import apsw

from watchword.errors import SettingsError, StoreError

PATIENCE = 4.0  # seconds that a writer waits for another process to finish
LESS_PATIENCE = 0.5  # the same, while the last wait was in vain
_GLANCE = 0.0002  # seconds between two looks at the lock; SQLite's own waiting grows to 100 ms
BUSY = (apsw.BusyError, apsw.LockedError)  # the file is merely locked by another connection
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_PRAGMAS = (
    "synchronous = FULL",
    "secure_delete = ON",  # ciphertext that is erased must not stay in free pages
    "temp_store = MEMORY",
    "cache_size = -8192",  # KiB
    "journal_size_limit = 67108864",  # bytes that a log keeps when it begins afresh
    "wal_autocheckpoint = 0",  # the checkpointer does it, on its own thread
)


@contextmanager
def our_words() -> Iterator[None]:
    """Turn what SQLite raises into a StoreError that says what an operator can act on."""
    try:
        yield
    except apsw.Error as error:
        raise as_store_error(error) from error


def as_store_error(error: apsw.Error) -> StoreError:
    """Say it in our words. SQLite's messages name conditions and tables, never values."""
    return StoreError(f"SQLite: {error}")


def connect(path: Path, *, patience: float = PATIENCE) -> apsw.Connection:
    """Open a connection that commits only when told to. It may be passed between threads, one at a time.

    ``patience`` is how many seconds any statement waits for a lock, by SQLite's own waiting. Connecting waits longer:
    a process that closes the file as its last one locks it for a moment, while others start.
    """
    connection = apsw.Connection(str(path))
    try:
        # With statistics built in, SQLite would plan a statement anew for every value that might change its plan.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.set_busy_timeout(round(PATIENCE * 1_000))
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.set_busy_timeout(round(patience * 1_000))
    except apsw.Error:
        connection.close()
        raise
    return connection


def begin_patiently(connection: apsw.Connection, patience: float = PATIENCE) -> None:
    """Take the write lock, waiting for other processes. Blocks: for a thread, not for the event loop.

    Raises:
        apsw.BusyError: another process holds the lock for longer than ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BUSY:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_GLANCE)
        else:
            return


def prepare(path: Path) -> None:
    """Create the file where there is none (mode 0600), and bring its schema up to date.

    Raises:
        SettingsError: the folder or the file cannot be written, or the file is of a newer version.
        StoreError: the file cannot be read as a database.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path):
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            _refuse_unwritable(path)
            _bring_up_to_date(path)
    except OSError as error:
        detail = f"{error.filename or path} cannot be written: {error.strerror}."
        raise SettingsError(detail, setting="WATCHWORD_STORE") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time: turning a file into WAL mode is the one thing that SQLite's own lock does not queue.

    The lock lies on a file of its own. Closing any descriptor of the database would drop the locks that SQLite
    holds on it in this process (POSIX advisory locks).
    """
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _refuse_unwritable(path: Path) -> None:
    """Refuse a file that may only be read, before SQLite opens it and lays a log of the same mode beside it.

    That log would stay unwritable when the file itself no longer is. Root may write any file, so the mode counts as
    well: what root leaves beside it today, the service's own user must be able to write tomorrow.
    """
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        with suppress(FileNotFoundError):  # the last process to close removes its log
            if not (file.stat().st_mode & _WRITE_BITS and os.access(file, os.W_OK)):
                file.stat()  # gone between the two looks: nothing to refuse
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


def _bring_up_to_date(path: Path) -> None:
    with our_words():
        connection = connect(path)
        try:
            if connection.execute("PRAGMA page_count").get == 0:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only an empty file takes this
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            _migrate(connection, path)
        finally:
            connection.close()


def _migrate(connection: apsw.Connection, path: Path) -> None:
    migrations = _migrations()
    begin_patiently(connection)
    version = connection.execute("PRAGMA user_version").get
    if version > len(migrations):
        connection.execute("ROLLBACK")
        raise SettingsError(
            f"{path} was written by a newer version (schema {version}, known {len(migrations)}).",
            setting="WATCHWORD_STORE",
        )
    for number, script in enumerate(migrations[version:], start=version + 1):
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")


def _migrations() -> list[str]:
    folder = resources.files("watchword.adapters.sqlite").joinpath("migrations")
    return [file.read_text() for file in sorted(folder.iterdir(), key=lambda file: file.name) if file.name[0].isdigit()]


def _statements(script: str) -> Iterator[str]:
    """Split a script, because ``executescript`` would commit before it begins."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if apsw.complete(statement):
            yield statement
            statement = ""
