"""Where things lie: the data directory, the key file and the database.

Not handled here: making or opening any of them (``bootstrap/storage.py``), the key file (``adapters/key_file.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watchword.errors import SettingsError
from watchword.settings.environment import path


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where things lie. ``database`` is None for the store that keeps nothing."""

    directory: Path
    key_file: Path
    database: Path | None


def read_storage(given: Mapping[str, str]) -> StorageSettings:
    """Read where things lie: everything beside everything, unless told otherwise."""
    directory = path(given, "WATCHWORD_DATA") or Path("watchword-data")
    return StorageSettings(
        directory=directory,
        key_file=path(given, "WATCHWORD_KEY_FILE") or directory / "keys.json",
        database=_database(given.get("WATCHWORD_STORE", "sqlite"), directory),
    )


def _database(text: str, directory: Path) -> Path | None:
    kind, colon, path = text.partition(":")
    if text == "memory":
        return None
    if kind == "sqlite" and bool(colon) == bool(path):
        return Path(path).expanduser() if path else directory / "watchword.db"
    # The text is not repeated: a database URL may hold a password.
    detail = "WATCHWORD_STORE must be sqlite, sqlite:/path/to/file.db or memory; this version knows no other store."
    raise SettingsError(detail, setting="WATCHWORD_STORE")
