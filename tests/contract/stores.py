"""The stores that the contract suites run over. A new store is added here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.valkeys import emptied, one_cluster, one_server
from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.core.policy import Rules
from watchword.ports import Store


def on_valkey(folder: Path) -> Store:
    """What is short-lived on one Valkey server, the rest in a file."""
    server = one_server()
    emptied([server])
    durable = SqliteStore(folder / "watchword.db")
    return SplitStore(ValkeyStore(ValkeyAddress.parse(f"valkey://127.0.0.1:{server.port}"), durable), durable)


def on_cluster(folder: Path) -> Store:
    """The same on three masters."""
    cluster = one_cluster()
    emptied(cluster.masters)
    durable = SqliteStore(folder / "watchword.db")
    return SplitStore(ValkeyStore(ValkeyAddress.parse(cluster.url), durable), durable)


STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "watchword.db"),
    "valkey": on_valkey,
    "valkey cluster": on_cluster,
}

every_store = pytest.mark.parametrize("store", STORES)
# Where rows leave when they are told to. In Valkey they leave by themselves (tests/adapters/valkey/test_lifetimes.py).
every_store_that_purges = pytest.mark.parametrize("store", [name for name in STORES if not name.startswith("valkey")])


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
