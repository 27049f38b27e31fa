"""The data directory, the key file and the store: made, opened and looked at, with or without a running service.

Not handled here: which flows work on the store (``wiring.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from watchword.adapters import key_file
from watchword.adapters.memory import MemoryStore
from watchword.adapters.sqlite.look import Schema, holds_verifications, look_at_schema, newest_sealed
from watchword.adapters.sqlite.store import SqliteStore
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.errors import KeyringError, SettingsError, TamperedError
from watchword.flows.app import Apps
from watchword.ports import Audit, Store
from watchword.settings import Settings


def prepare(settings: Settings) -> bool:
    """Make the data directory and the key file where they are missing; returns whether the key file is new.

    Raises:
        SettingsError: they cannot be made, or the key file is gone, or another one, while the database needs it.
    """
    make_directory(settings)
    database, keys = settings.storage.database, settings.storage.key_file
    if not keys.exists() and database is not None and holds_verifications(database):
        # A new key would open nothing that is there, and count every limit from nought.
        detail = f"The key file {keys} is gone, and {database} needs it: bring it back, or move the database away."
        raise SettingsError(detail, setting="WATCHWORD_KEY_FILE")
    made = key_file.ensure(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
    try_keys(settings)
    return made


def try_keys(settings: Settings) -> None:
    """Open something in the database with the key file, changing nothing.

    A file of another machine, or one from before a rotation, would make every right code a wrong one, in silence.

    Raises:
        SettingsError: it cannot be used, or is not the one that the database was written with.
        StoreError: the database cannot be read.
    """
    database, keys = settings.storage.database, settings.storage.key_file
    sample = None if database is None else newest_sealed(database)
    if sample is None:
        return
    try:
        key_file.load(keys).open(sample[0], bound_to=sample[1])
    except (KeyringError, TamperedError):
        detail = f"The key file {keys} is not the one that {database} was written with: bring the right one back."
        raise SettingsError(detail, setting="WATCHWORD_KEY_FILE") from None


def make_directory(settings: Settings) -> None:
    """Make the data directory, for us alone.

    Raises:
        SettingsError: it cannot be made.
    """
    directory = settings.storage.directory
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        detail = f"The data directory {directory} cannot be made: {error.strerror}."
        raise SettingsError(detail, setting="WATCHWORD_DATA") from None


def open_store(settings: Settings) -> Store:
    """Choose the store. It is not opened yet."""
    database = settings.storage.database
    return MemoryStore() if database is None else SqliteStore(database)


def schema_of(settings: Settings) -> Schema | None:
    """Which schema the store's file has and which one this version writes, changing nothing; None without a file.

    Raises:
        StoreError: it cannot be read.
    """
    database = settings.storage.database
    return look_at_schema(database) if database is not None and database.exists() else None


@asynccontextmanager
async def opened_apps(settings: Settings, audit: Audit, *, must_exist: bool = False) -> AsyncIterator[Apps]:
    """The flow of apps on the store as it lies, without a running service. Needs no keys. Raises: ``opened_store``."""
    async with opened_store(settings, must_exist=must_exist) as store:
        yield Apps(store, SystemClock(), SystemEntropy(), audit)


@asynccontextmanager
async def opened_store(settings: Settings, *, must_exist: bool = False) -> AsyncIterator[Store]:
    """The store as it lies, without a running service.

    Raises:
        SettingsError: the store keeps nothing, is not there although it ``must_exist``, or cannot be used.
        StoreError: it cannot be read.
    """
    database = settings.storage.database
    if database is None:
        detail = "With WATCHWORD_STORE=memory nothing is kept between commands."
        raise SettingsError(detail, setting="WATCHWORD_STORE")
    if must_exist and not database.exists():
        detail = f"There is no database at {database}: is --data (or WATCHWORD_DATA) right?"
        raise SettingsError(detail, setting="WATCHWORD_DATA")
    make_directory(settings)
    store = open_store(settings)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def rotate_keys(settings: Settings) -> int:
    """Add a key to the key file and make it current; returns its number.

    Raises:
        SettingsError: the file cannot be read or written, or is full.
    """
    return key_file.rotate(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())


def key_listing(settings: Settings) -> Sequence[tuple[int, str, bool]]:
    """Number, time of making and whether it is current, of each key.

    Raises:
        SettingsError: the key file cannot be used.
    """
    return key_file.listing(settings.storage.key_file)
