"""The stores that the contract suites run over. A new store is added here and nowhere else."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path

import pytest

from tests.support.postgres import the_server
from tests.support.spread import Spread
from tests.support.valkeys import emptied, one_cluster, one_server
from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.adapters.postgres import scribe as postgres_scribe
from watchword.adapters.scribe import Scribe, Write
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.sqlite import scribe as sqlite_scribe
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.core.policy import Rules
from watchword.ports import Store


@cache
def the_database() -> str:
    """The name of the database that the tests of this process share."""
    return the_server().database()


def a_database() -> PostgresAddress:
    """Where an empty database is."""
    the_server().empty(the_database())
    return PostgresAddress.parse(the_server().url(the_database()))


def on_valkey(durable: Store) -> Store:
    """What is short-lived on one Valkey server."""
    return SplitStore(ValkeyStore(ValkeyAddress.parse(f"valkey://127.0.0.1:{one_server().port}"), durable), durable)


def on_cluster(durable: Store) -> Store:
    """What is short-lived on three masters."""
    return SplitStore(ValkeyStore(ValkeyAddress.parse(one_cluster().url), durable), durable)


def in_a_file(folder: Path) -> Store:
    """What must last in a file."""
    return SqliteStore(folder / "watchword.db")


def a_scribe(write: Write) -> Scribe:
    """One that is on a thread here, and in ``serve`` in a process (tests/service/test_scribe.py)."""
    scribe = Scribe(write)
    ours, theirs = socket.socketpair()
    threading.Thread(target=write, args=(theirs,), name="scribe", daemon=True).start()
    scribe.speak_over(ours)
    return scribe


def with_a_scribe(folder: Path) -> Store:
    """A file that another one writes."""
    path = folder / "watchword.db"
    return SqliteStore(path, scribe=a_scribe(partial(sqlite_scribe.write, path=path)))


def on_a_server_with_a_scribe(_: Path) -> Store:
    """A database on a server that another one writes to."""
    address = a_database()
    write = partial(postgres_scribe.write, address=address, new_loop=asyncio.new_event_loop)
    return PostgresStore(address, scribe=a_scribe(write))


STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": in_a_file,
    "sqlite-scribe": with_a_scribe,
    "postgres": lambda _: PostgresStore(a_database()),
    "postgres-scribe": on_a_server_with_a_scribe,
    "postgres-twice": lambda _: Spread(*map(PostgresStore, [a_database()] * 2)),
    "valkey": lambda folder: on_valkey(in_a_file(folder)),
    "valkey-twice": lambda _: Spread(*map(on_valkey, map(PostgresStore, [a_database()] * 2))),
    "valkey-cluster": lambda folder: on_cluster(in_a_file(folder)),
    "valkey-cluster-twice": lambda folder: Spread(*map(on_cluster, map(in_a_file, [folder] * 2))),
}

every_store = pytest.mark.parametrize("store", STORES)
# Where rows leave when they are told to. In Valkey they leave by themselves (tests/adapters/valkey/test_lifetimes.py).
every_store_that_purges = pytest.mark.parametrize("store", [name for name in STORES if not name.startswith("valkey")])


@asynccontextmanager
async def a_world(store: str, folder: Path, rules: Rules | None = None) -> AsyncIterator[World]:
    """A world over one of the stores, closed at the end."""
    if store.startswith("valkey"):
        emptied([one_server()] if "cluster" not in store else one_cluster().masters)
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
