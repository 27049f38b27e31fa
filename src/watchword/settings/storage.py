"""Where things lie: the data directory, the key file and the database.

Not handled here: making or opening any of them (``bootstrap/storage.py``), the key file (``adapters/key_file.py``),
what the address of a database server says (``adapters/postgres/address.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watchword.errors import SettingsError
from watchword.settings.environment import Secret, path, secret

SERVERS = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where things lie. ``database`` is SQLite's file, ``server`` PostgreSQL's address; memory has neither."""

    directory: Path
    key_file: Path
    database: Path | None
    server: Secret | None = None

    @property
    def durable(self) -> bool:
        """Whether what is kept outlives the process, and is there for others."""
        return self.database is not None or self.server is not None


def read_storage(given: Mapping[str, str]) -> StorageSettings:
    """Read where things lie: everything beside everything, unless told otherwise."""
    directory = path(given, "WATCHWORD_DATA") or Path("watchword-data")
    key_file = path(given, "WATCHWORD_KEY_FILE") or directory / "keys.json"
    store = secret(given, "WATCHWORD_STORE")
    text = "sqlite" if store is None else store.reveal()
    if store is not None and text.startswith(SERVERS):
        return StorageSettings(directory, key_file, database=None, server=store)
    return StorageSettings(directory, key_file, _database(text, directory))


def _database(text: str, directory: Path) -> Path | None:
    kind, colon, path = text.partition(":")
    if text == "memory":
        return None
    if kind == "sqlite" and bool(colon) == bool(path):
        return Path(path).expanduser() if path else directory / "watchword.db"
    # The text is not repeated: a database URL may hold a password.
    detail = "WATCHWORD_STORE must be sqlite, sqlite:/path/to/file.db, postgresql://user@host/database or memory."
    raise SettingsError(detail, setting="WATCHWORD_STORE")
