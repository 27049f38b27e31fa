"""Several servers in one address, of which one takes writes: the others may be dead, silent or standbys."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.stores import run
from tests.support.line import a_line
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer, the_server
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.errors import StoreError


async def opened(url: str) -> PostgresStore:
    store = PostgresStore(PostgresAddress.parse(url))
    await store.open()
    return store


def take_no_writes(server: PostgresServer, database: str) -> None:
    """Be to this database's clients what a standby is, from their next connection on."""
    server.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")  # noqa: S608 - our own name


def test_of_several_servers_one_that_refuses_and_one_that_is_silent_cost_nothing() -> None:
    async def journey() -> None:
        server = the_server()
        async with a_line(server.port) as silent:
            silent.die()
            store = await opened(server.url(None, free_port(), silent.port, server.port))
            await store.ping()
            await store.aclose()

    run(journey())


def test_a_server_that_takes_no_writes_is_left_as_soon_as_it_says_so() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        store = await opened(server.url(database))
        await asyncio.to_thread(take_no_writes, server, database)
        with pytest.raises(StoreError, match="read-only"):
            await store.ping()
        await asyncio.to_thread(server.sql, f"ALTER DATABASE {database} RESET default_transaction_read_only")
        await store.ping()  # on a new connection: the old one would refuse for ever
        await store.aclose()

    run(journey())


def test_where_none_takes_writes_that_is_what_is_said() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        take_no_writes(server, database)
        with pytest.raises(StoreError, match="none of the servers takes writes"):
            await opened(server.url(database, server.port, server.port))

    run(journey())
