"""Where things lie: the data directory, the key file and the database.

Not handled here: making or opening any of them (``bootstrap/storage.py``), the key file (``adapters/key_file.py``),
what the addresses of servers say (``adapters/postgres/address.py``, ``adapters/valkey/address.py``).
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
    """Where things lie. ``database`` is SQLite's file, ``server`` PostgreSQL's address; memory has neither.

    ``fast`` is Valkey's address, where what is short-lived lies there and only the rest in the store.
    """

    directory: Path
    key_file: Path
    database: Path | None
    server: Secret | None = None
    fast: Secret | None = None
    fast_ca: Path | None = None

    @property
    def durable(self) -> bool:
        """Whether what is kept outlives the process, and is there for others."""
        return self.database is not None or self.server is not None


def read_storage(given: Mapping[str, str]) -> StorageSettings:
    """Read where things lie: everything beside everything, unless told otherwise."""
    directory = path(given, "WATCHWORD_DATA") or Path("watchword-data")
    store = secret(given, "WATCHWORD_STORE")
    text = "sqlite" if store is None else store.reveal()
    server = store if store is not None and text.startswith(SERVERS) else None
    settings = StorageSettings(
        directory=directory,
        key_file=path(given, "WATCHWORD_KEY_FILE") or directory / "keys.json",
        database=None if server else _database(text, directory),
        server=server,
        fast=secret(given, "WATCHWORD_FAST_STORE"),
        fast_ca=path(given, "WATCHWORD_FAST_STORE_CA"),
    )
    if settings.fast is not None and not settings.durable:
        detail = "WATCHWORD_FAST_STORE keeps what is short-lived alone: with it, WATCHWORD_STORE cannot be memory."
        raise SettingsError(detail, setting="WATCHWORD_FAST_STORE")
    return settings


def _database(text: str, directory: Path) -> Path | None:
    kind, colon, path = text.partition(":")
    if text == "memory":
        return None
    if kind == "sqlite" and bool(colon) == bool(path):
        return Path(path).expanduser() if path else directory / "watchword.db"
    # The text is not repeated: a database URL may hold a password.
    detail = "WATCHWORD_STORE must be sqlite, sqlite:/path/to/file.db, postgresql://user@host/database or memory."
    raise SettingsError(detail, setting="WATCHWORD_STORE")
