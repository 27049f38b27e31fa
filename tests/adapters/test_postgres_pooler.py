"""Through PgBouncer in transaction mode, where the next transaction may meet another server process."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.contract.stores import run
from tests.contract.test_verification_store import AT_ONCE, UNLIMITED, outcome
from tests.support.needs import needs
from tests.support.poolers import a_pooler
from tests.support.postgres import the_server
from tests.support.world import World
from watchword.adapters.postgres import PostgresAddress, PostgresStore
from watchword.core.instant import DAY
from watchword.flows.purge import RETENTION

PROCESSES = 4


@needs("pgbouncer")
def test_processes_behind_a_pooler_share_two_sessions_and_one_of_64_right_checks_wins() -> None:
    async def journey() -> None:
        server = the_server()
        database = server.database()
        with a_pooler(server) as port:
            url = server.url(database, port, options="sslmode=disable&pgbouncer=true")
            worlds = [World(PostgresStore(PostgresAddress.parse(url)), UNLIMITED) for _ in range(PROCESSES)]
            await asyncio.gather(*(world.store.open() for world in worlds))  # and migrate, all at once
            first = worlds[0]
            first.app, first.key = await first.apps.create("Acme")
            for world in worlds:
                world.app = first.app
            for number in range(10):
                raw, code = await first.send(f"user{number}@example.com")
                checks = (outcome(worlds[each % PROCESSES], raw, code) for each in range(AT_ONCE))
                assert {"approved": 1, "AlreadyUsedError": AT_ONCE - 1} == Counter(await asyncio.gather(*checks))
            sessions = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert 2 >= int(server.sql(sessions, database))
            first.clock.move(RETENTION + DAY)
            await first.purge.once()
            for world in worlds:
                await world.store.ping()
                await world.store.aclose()

    run(journey())
