"""The stores that the contract suites run over. A new store is added here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.postgres import the_server
from tests.support.spread import Spread
from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.adapters.sqlite import SqliteStore
from watchword.core.policy import Rules
from watchword.ports import Store

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "watchword.db"),
    "postgres": lambda _: PostgresStore(a_database()),
    "postgres-twice": lambda _: Spread(*map(PostgresStore, [a_database()] * 2)),
}


def a_database() -> PostgresAddress:
    """Where an empty database is."""
    return PostgresAddress.parse(the_server().url())


every_store = pytest.mark.parametrize("store", STORES)


@asynccontextmanager
async def a_world(store: str, folder: Path, rules: Rules | None = None) -> AsyncIterator[World]:
    """A world over one of the stores, closed at the end."""
    world = World(STORES[store](folder), rules)
    await world.open()
    try:
        yield world
    finally:
        await world.store.aclose()


def run(journey: Awaitable[None]) -> None:
    """Run an asynchronous test to its end."""

    async def to_the_end() -> None:
        await journey

    asyncio.run(to_the_end())
