"""The schema of the PostgreSQL database: numbered migrations, and which version may use what is there.

Not handled here: which rows there are (``tables.py``).

Rules:

* a migration and its number are one transaction, under an advisory lock, so that processes which start together
  apply it once, and one that is killed in the middle leaves nothing;
* ``oldest`` is the oldest schema number whose code may use the database as it is: a migration that only adds leaves
  it, so that old and new processes serve at once while an upgrade rolls on; one that takes something away sets it;
* a database of a version that left ours behind is refused rather than guessed at.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import asyncpg

from watchword.adapters.postgres.address import SETTING, PostgresAddress
from watchword.adapters.postgres.link import LOST, as_store_error, connect
from watchword.errors import SettingsError

_LOCK = 0x57_41_54_43_48_57_52_44  # "WATCHWRD"
_MAKE = (
    "CREATE TABLE watchword_schema (number bigint NOT NULL, oldest bigint NOT NULL); "
    "INSERT INTO watchword_schema VALUES (0, 0)"
)


class Schema(NamedTuple):
    """The number of a database's schema, 0 where there is none, the number that this version writes, and ``oldest``."""

    written: int
    known: int
    oldest: int = 0


async def bring_up_to_date(address: PostgresAddress, migrations: list[str] | None = None) -> None:
    """Apply what is missing.

    Raises:
        SettingsError: a newer version left this one behind.
        StoreError: the server does not answer or refuses us.
    """
    scripts = known_migrations() if migrations is None else migrations
    try:
        connection = await connect(address)
        try:
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
                await _migrate(connection, scripts, address)
        finally:
            await connection.close(timeout=1)
    except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise as_store_error(error) from error


async def _migrate(connection: asyncpg.Connection, scripts: list[str], address: PostgresAddress) -> None:
    # Made only where it is missing: who only serves needs no right to make tables.
    if not await connection.fetchval(_is_there("watchword_schema")):
        await connection.execute(_MAKE)
    written, oldest = await connection.fetchrow("SELECT number, oldest FROM watchword_schema")
    if oldest > len(scripts):
        raise SettingsError(
            f"{address.place} was written by a newer version (schema {written}, known {len(scripts)}).",
            setting=SETTING,
        )
    for number, script in enumerate(scripts[written:], start=written + 1):
        await connection.execute(script)
        await connection.execute("UPDATE watchword_schema SET number = $1", number)


async def look_at_schema(address: PostgresAddress) -> Schema:
    """Read the numbers, changing nothing.

    Raises:
        StoreError: the server does not answer or refuses us.
    """
    known = len(known_migrations())
    row = await _look(address, "SELECT number, oldest FROM watchword_schema")
    return Schema(0, known) if row is None else Schema(row[0], known, row[1])


async def holds_rows(address: PostgresAddress) -> bool:
    """Whether there is anything in it, verifications, secrets or authenticators, that needs the key file.

    Raises:
        StoreError: the server does not answer or refuses us.
    """
    tables = ("verifications", "secrets", "authenticators")
    row = await _look(address, f"SELECT {' OR '.join(f'EXISTS (SELECT 1 FROM {table})' for table in tables)}")  # noqa: S608 - our own names
    return row is not None and bool(row[0])


async def newest_sealed(address: PostgresAddress) -> tuple[bytes, bytes] | None:
    """The newest sealed address and what it is bound to, to try keys on; None where there is none.

    Raises:
        StoreError: the server does not answer or refuses us.
    """
    row = await _look(address, "SELECT sealed, app || id FROM verifications ORDER BY id DESC LIMIT 1")
    return None if row is None else (row[0], row[1])


async def kept_mark(address: PostgresAddress) -> bytes | None:
    """The mark of the key file that the database was written with; None where there is none yet.

    Raises:
        StoreError: the server does not answer or refuses us.
    """
    row = await _look(address, "SELECT mac FROM key_mark", table="key_mark")
    return None if row is None else row[0]


async def keep_mark(address: PostgresAddress, mark: bytes) -> bytes:
    """Write the mark where there is none; returns the one that is kept. The database is up to date.

    Raises:
        StoreError: the server does not answer or refuses us.
    """
    kept = await kept_mark(address)
    if kept is None:
        # No parameters: a pooler may have another connection for each statement, and none of them is prepared.
        row = f"(1, '\\x{mark.hex()}'::bytea)"
        await _look(address, f"INSERT INTO key_mark (one, mac) VALUES {row} ON CONFLICT DO NOTHING")  # noqa: S608 - hex digits
        kept = await kept_mark(address)
    return mark if kept is None else kept


async def _look(address: PostgresAddress, query: str, table: str = "watchword_schema") -> asyncpg.Record | None:
    """The first row of a query; None where there is none, or no such table."""
    try:
        connection = await connect(address)
        try:
            return await connection.fetchrow(query) if await connection.fetchval(_is_there(table)) else None
        finally:
            await connection.close(timeout=1)
    except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise as_store_error(error) from error


def _is_there(table: str) -> str:
    return f"SELECT to_regclass('{table}') IS NOT NULL"


def known_migrations() -> list[str]:
    """The scripts of this version, in order."""
    folder = resources.files("watchword.adapters.postgres").joinpath("migrations")
    return [file.read_text() for file in sorted(folder.iterdir(), key=lambda file: file.name) if file.name[0].isdigit()]
