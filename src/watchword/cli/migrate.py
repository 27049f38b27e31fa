"""``watchword migrate``: bring the schema up to date and exit, for those who do that before a new version starts."""

from __future__ import annotations

import asyncio

from watchword.bootstrap import database_is_there, make_directory, open_durable
from watchword.cli import console
from watchword.errors import SettingsError
from watchword.settings import Settings


def migrate(settings: Settings, *, as_json: bool) -> None:
    """Open the store, which migrates it, and close it."""
    database = settings.storage.database
    if not settings.storage.durable:
        raise SettingsError("With WATCHWORD_STORE=memory there is nothing to migrate.", setting="WATCHWORD_STORE")
    make_directory(settings)
    is_new = database is not None and not database_is_there(settings)
    asyncio.run(_open_and_close(settings))
    if is_new and database is not None:
        console.say_made(database)
    if database is None:
        console.result("The database is up to date", {"store": "postgresql"}, as_json=as_json)
    else:
        console.result(f"{database} is up to date", {"store": "sqlite", "path": str(database)}, as_json=as_json)


async def _open_and_close(settings: Settings) -> None:
    store = open_durable(settings)
    await store.open()
    try:
        await store.ping()
    finally:
        await store.aclose()
