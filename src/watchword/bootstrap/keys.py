"""The key file and the store: that they belong together.

Not handled here: opening a store (``storage.py``), the key file itself (``adapters/key_file.py``).

Rules:

* a new key file is made only where nothing was made with one;
* the mark that the durable store keeps is compared before a process serves, and so is something that was sealed last.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hmac import compare_digest
from typing import TYPE_CHECKING

from watchword.adapters import key_file
from watchword.adapters.sqlite.key_mark import keep_mark, kept_mark
from watchword.adapters.sqlite.look import holds_verifications, newest_sealed
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.bootstrap.storage import database_is_there, keys_are_there, make_directory, opened_fast, server_of
from watchword.errors import KeyringError, SettingsError, StoreError, TamperedError
from watchword.settings import Settings

if TYPE_CHECKING:
    from watchword.settings import Secret


def prepare(settings: Settings) -> bool:
    """Make the data directory and the key file where they are missing; returns whether the key file is new.

    Raises:
        SettingsError: they cannot be made, or the key file is gone, or another one, while the database needs it.
    """
    make_directory(settings)
    refuse_lost_keys(settings)
    made = key_file.ensure(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())
    if not made:
        try_keys(settings)
    return made


def refuse_lost_keys(settings: Settings) -> None:
    """Refuse to go on without a key file where something was made with one.

    A new key would open nothing that is there, and count every limit from nought.

    Raises:
        SettingsError: the key file is gone, or may not be looked for.
        StoreError: the store cannot be asked.
    """
    needing = None if keys_are_there(settings) else _what_needs_keys(settings)
    if needing is not None:
        keys = settings.storage.key_file
        detail = f"The key file {keys} is not there, and {needing} needs it: bring it back, or move the database away."
        raise SettingsError(detail, setting="WATCHWORD_KEY_FILE")


def try_keys(settings: Settings) -> None:
    """Open something in the store with the key file, changing nothing.

    A file of another machine, or one from before a rotation, would make every right code a wrong one, in silence.
    A store that cannot be read is for whoever opens it to tell.

    Raises:
        SettingsError: it cannot be used, or is not the one that the store was written with.
    """
    with suppress(StoreError):
        _compare_marks(settings, _kept_mark(settings))
    for newest_of in (_newest_sealed, _newest_in_fast):
        try:
            place, sample = newest_of(settings)
        except StoreError:
            continue
        if sample is not None:
            _try_on(settings, place, *sample)


def try_newest(settings: Settings) -> None:
    """Open with the key file what was sealed last in the durable store. Unlike ``try_keys`` it tells of a store.

    Raises:
        SettingsError: it is not the one that it was written with.
        StoreError: the store cannot be asked.
    """
    place, sample = _newest_sealed(settings)
    if sample is not None:
        _try_on(settings, place, *sample)


async def claim_keys(settings: Settings) -> None:
    """Have the store keep which key file it is written with, once and for all who write to it. It is open already.

    Raises:
        SettingsError: it is written with another one.
        StoreError: the store cannot be asked.
    """
    address, database = server_of(settings), settings.storage.database
    mark = key_file.load(settings.storage.key_file).mark
    if address is not None:
        from watchword.adapters.postgres import schema  # noqa: PLC0415 (see storage.server_of)

        _compare_marks(settings, await schema.keep_mark(address, mark))
    elif database is not None:
        _compare_marks(settings, await asyncio.to_thread(keep_mark, database, mark))


def _compare_marks(settings: Settings, kept: bytes | None) -> None:
    if kept is not None and not compare_digest(kept, key_file.load(settings.storage.key_file).mark):
        raise _other_keys(settings, _durable_place(settings))


def _kept_mark(settings: Settings) -> bytes | None:
    """The mark of the key file that the durable store was written with, None where none is kept."""
    address, database = server_of(settings), settings.storage.database
    if address is not None:
        from watchword.adapters.postgres import schema  # noqa: PLC0415 (see storage.server_of)

        return asyncio.run(schema.kept_mark(address))
    return kept_mark(database) if database is not None and database_is_there(settings) else None


def _durable_place(settings: Settings) -> str:
    address = server_of(settings)
    return str(settings.storage.database) if address is None else address.place


def _try_on(settings: Settings, place: str, sealed: bytes, bound_to: bytes) -> None:
    try:
        key_file.load(settings.storage.key_file).open(sealed, bound_to=bound_to)
    except (KeyringError, TamperedError):
        raise _other_keys(settings, place) from None


def _other_keys(settings: Settings, place: str) -> SettingsError:
    file = settings.storage.key_file
    detail = f"The key file {file} is not the one that {place} was written with: bring the right one here."
    return SettingsError(detail, setting="WATCHWORD_KEY_FILE")


def _newest_sealed(settings: Settings) -> tuple[str, tuple[bytes, bytes] | None]:
    """The name of the store, and of what is sealed in it the newest with what it is bound to."""
    address, database = server_of(settings), settings.storage.database
    if address is not None:
        from watchword.adapters.postgres import schema  # noqa: PLC0415 (see storage.server_of)

        return address.place, asyncio.run(schema.newest_sealed(address))
    if database is None or not database_is_there(settings):
        return str(database), None
    return str(database), newest_sealed(database)


def _newest_in_fast(settings: Settings) -> tuple[str, tuple[bytes, bytes] | None]:
    """The same of the fast store, which is where verifications lie: what was sent last."""

    async def ask(address: Secret) -> tuple[bytes, bytes] | None:
        async with opened_fast(settings, address) as store:
            for newest, _, _ in await store.recent(1):
                return newest.sealed, newest.app + newest.id
        return None

    return "Valkey", None if settings.storage.fast is None else asyncio.run(ask(settings.storage.fast))


def _what_needs_keys(settings: Settings) -> str | None:
    """The name of the store, where something is in it that was made with a key file."""
    fast, newest = _newest_in_fast(settings)
    if newest is not None:
        return fast
    return _durable_place(settings) if _kept_mark(settings) is not None or _holds_rows(settings) else None


def _holds_rows(settings: Settings) -> bool:
    """Whether the durable store has rows that were made with a key file: it may be older than marks are."""
    address, database = server_of(settings), settings.storage.database
    if address is not None:
        from watchword.adapters.postgres.schema import holds_rows  # noqa: PLC0415 (see storage.server_of)

        return asyncio.run(holds_rows(address))
    return database is not None and database_is_there(settings) and holds_verifications(database)
