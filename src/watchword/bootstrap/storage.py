"""The data directory and the store: made, opened and looked at, with or without a running service.

Not handled here: that the store belongs to the key file (``keys.py``), which flows work on it (``wiring.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchword.adapters import key_file
from watchword.adapters.cores import cores
from watchword.adapters.meanwhile import Meanwhile
from watchword.adapters.memory import MemoryStore
from watchword.adapters.scribe import Scribe
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite.look import Schema, look_at_schema
from watchword.adapters.sqlite.scribe import write as write_to_file
from watchword.adapters.sqlite.store import SqliteStore
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.core.app import App
from watchword.errors import SettingsError
from watchword.flows.app import Apps
from watchword.flows.keys import Keys
from watchword.flows.limits import SupportDesk
from watchword.ports import Audit, Store
from watchword.settings import Settings

if TYPE_CHECKING:
    from watchword.adapters.postgres import PostgresAddress
    from watchword.adapters.valkey import FastServer, ValkeyStore
    from watchword.settings import Secret


def server_of(settings: Settings) -> PostgresAddress | None:
    """Where the database server is, None where there is none."""
    if settings.storage.server is None:
        return None
    from watchword.adapters.postgres import PostgresAddress  # noqa: PLC0415 (a driver that most have no use for)

    return PostgresAddress.parse(settings.storage.server.reveal())


def keys_are_there(settings: Settings) -> bool:
    """Whether there is a key file.

    Raises:
        SettingsError: this user may not look.
    """
    return _is_there(settings.storage.key_file, "WATCHWORD_KEY_FILE")


def database_is_there(settings: Settings) -> bool:
    """Whether the store is a file, and that file is there.

    Raises:
        SettingsError: this user may not look.
    """
    database = settings.storage.database
    return database is not None and _is_there(database, "WATCHWORD_DATA")


def _is_there(path: Path, setting: str) -> bool:
    """As ``Path.exists``, which raises where a folder is closed to us; whoever forgot to be the right user is told."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        detail = f"{path} cannot be looked at: {error.strerror}. Is this the user that runs the service?"
        raise SettingsError(detail, setting=setting) from None
    return True


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


def scribe_for(settings: Settings, lost: Callable[[int], None]) -> Scribe | None:
    """The process that writes to what must last, where that lasts and there is a core for it. It is not hired yet.

    ``lost`` is told its exit code, or less a signal's number, if it ends early.

    Raises:
        SettingsError: the address of a database server cannot be used.
    """
    address, database = server_of(settings), settings.storage.database
    if cores() == 1:
        return None
    if address is not None:
        from uvloop import new_event_loop  # noqa: PLC0415 (what a server alone needs)

        from watchword.adapters.postgres.scribe import write as write_to_server  # noqa: PLC0415 (see server_of)

        return Scribe(partial(write_to_server, address=address, new_loop=new_event_loop), lost=lost)
    return None if database is None else Scribe(partial(write_to_file, path=database), lost=lost)


def open_store(settings: Settings, *, scribe: Scribe | None = None, patient: bool = False) -> Store:
    """Choose the store, in one piece or in two halves. It is not opened yet.

    The fast half of a ``patient`` one may be away when it is opened.

    Raises:
        SettingsError: the address of a server cannot be used.
    """
    durable = open_durable(settings, scribe=scribe)
    if settings.storage.fast is None:
        return durable
    meanwhile = Meanwhile(settings.rules.limits.away_sends)
    fast = _fast_store(settings, settings.storage.fast, durable, meanwhile, patient=patient)
    return SplitStore(fast, durable, meanwhile)


def _fast_store(
    settings: Settings, address: Secret, durable: Store, meanwhile: Meanwhile | None = None, *, patient: bool = False
) -> ValkeyStore:
    from watchword.adapters.valkey import ValkeyAddress, ValkeyStore  # noqa: PLC0415 (see server_of)

    where = ValkeyAddress.parse(address.reveal(), settings.storage.fast_ca)
    return ValkeyStore(where, durable, meanwhile=meanwhile, patient=patient)


def keep_shut(store: Store, why: str) -> None:
    """Have a store on a database server refuse every verb until it is opened, as if the server were away."""
    from watchword.adapters.postgres import PostgresStore  # noqa: PLC0415 (see server_of)

    durable = store.durable if isinstance(store, SplitStore) else store
    if isinstance(durable, PostgresStore):
        durable.keep_shut(why)


async def bring_up_to_date(settings: Settings) -> None:
    """Bring the schema of the database server up to date, or find that it is. A file's is when it is opened.

    Raises:
        SettingsError: a newer version left this one behind.
        StoreError: the server does not answer or refuses us.
    """
    address = server_of(settings)
    if address is not None:
        from watchword.adapters.postgres import schema  # noqa: PLC0415 (see server_of)

        await schema.bring_up_to_date(address)


async def fast_servers(settings: Settings) -> Sequence[FastServer]:
    """Ask every server of the fast store how it is, with a heartbeat written to each; none where there is none.

    Raises:
        SettingsError: the address cannot be used.
        StoreError: a server does not answer or refuses us.
    """
    if settings.storage.fast is None:
        return ()
    async with opened_fast(settings, settings.storage.fast) as store:
        await store.ping()
        return await store.servers()


@asynccontextmanager
async def opened_fast(settings: Settings, address: Secret) -> AsyncIterator[ValkeyStore]:
    """The fast store without its durable half, to be looked at."""
    store = _fast_store(settings, address, MemoryStore())
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def open_durable(settings: Settings, *, scribe: Scribe | None = None) -> Store:
    """Choose the store for what must last, which is all of it where no fast one is set. It is not opened yet.

    Raises:
        SettingsError: the address of a database server cannot be used.
    """
    address, database = server_of(settings), settings.storage.database
    if address is not None:
        from watchword.adapters.postgres import PostgresStore  # noqa: PLC0415 (see server_of)

        return PostgresStore(address, scribe=scribe)
    return MemoryStore() if database is None else SqliteStore(database, scribe=scribe)


def schema_of(settings: Settings) -> Schema | None:
    """Which schema the store's file has and which one this version writes, changing nothing; None without a file.

    Raises:
        StoreError: it cannot be read.
    """
    database = settings.storage.database
    return look_at_schema(database) if database is not None and database_is_there(settings) else None


class ServerSchema(NamedTuple):
    """A database server: how it may be named, whether others can listen, and its schema.

    ``written`` is 0 where nothing is there yet; versions below schema ``oldest`` may not use it.
    """

    place: str
    is_open: bool
    written: int
    known: int
    oldest: int


async def server_schema_of(settings: Settings) -> ServerSchema | None:
    """Which schema the database server has and which one this version writes, changing nothing; None without one.

    Raises:
        SettingsError: the address cannot be used.
        StoreError: the server does not answer or refuses us.
    """
    address = server_of(settings)
    if address is None:
        return None
    from watchword.adapters.postgres.schema import look_at_schema as look  # noqa: PLC0415 (see server_of)

    schema = await look(address)
    return ServerSchema(address.place, address.is_open, schema.written, schema.known, schema.oldest)


@asynccontextmanager
async def opened_apps(settings: Settings, audit: Audit, *, must_exist: bool = False) -> AsyncIterator[Apps]:
    """The flow of apps on the store as it lies, without a running service. Needs no keys. Raises: ``opened_store``."""
    async with opened_store(settings, must_exist=must_exist) as store:
        yield Apps(store, SystemClock(), SystemEntropy(), audit)


@asynccontextmanager
async def opened_support(settings: Settings, audit: Audit, name: str) -> AsyncIterator[tuple[SupportDesk, App]]:
    """The support desk of an app, on the store as it lies. It needs the key file: recipients are found by keyed hash.

    Raises: ``opened_store``; UnknownError: there is no such app.
    """
    async with opened_store(settings, must_exist=True, whole=True) as store:
        clock = SystemClock()
        keys = Keys(lambda: key_file.load(settings.storage.key_file), clock)
        app = await Apps(store, clock, SystemEntropy(), audit).named(name)
        yield SupportDesk(store, keys, clock, audit, settings.rules), app


@asynccontextmanager
async def opened_store(settings: Settings, *, must_exist: bool = False, whole: bool = False) -> AsyncIterator[Store]:
    """The store as it lies, without a running service: what must last of it, or the ``whole``.

    Raises:
        SettingsError: the store keeps nothing, is not there although it ``must_exist``, or cannot be used.
        StoreError: it cannot be read.
    """
    database = settings.storage.database
    if not settings.storage.durable:
        detail = "With WATCHWORD_STORE=memory nothing is kept between commands."
        raise SettingsError(detail, setting="WATCHWORD_STORE")
    if must_exist and database is not None and not database_is_there(settings):
        detail = f"There is no database at {database}: is --data (or WATCHWORD_DATA) right?"
        raise SettingsError(detail, setting="WATCHWORD_DATA")
    make_directory(settings)
    store = open_store(settings) if whole else open_durable(settings)
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
