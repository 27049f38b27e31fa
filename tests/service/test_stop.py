"""A stop has one budget: whoever hangs, client or relay, it ends within ten seconds, in order."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.service.test_relay import through
from tests.support.hostile_relays import Deed, Script, scripted_relay
from tests.support.relays import Relay
from tests.support.service import Connection, Service, running
from tests.support.tls import Authority
from watchword.bootstrap.service import GOODBYE, GRACE
from watchword.core.instant import SECOND

BUDGET = 10 * SECOND
HELLO = b"POST /v1/verifications HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n"
ENDLESS = b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


async def a_request_that_hangs(service: Service, key: str) -> asyncio.StreamWriter:
    """One that is under way and never whole."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HELLO % key.encode() + ENDLESS)
    await writer.drain()
    return writer


async def busy_for_ever(service: Service, relay: Relay) -> list[asyncio.StreamWriter]:
    """Give it requests and a message that are never whole."""
    key = service.command("app", "create", "Stopped").decode().strip()
    before = relay.verbs.count("DATA")
    connection = Connection(service, key)
    assert (await connection.create("late@example.com"))[0] == 201
    await relay.until(lambda: relay.verbs.count("DATA") > before)
    connection.close()
    return [await a_request_that_hangs(service, key) for _ in range(4)]


async def seconds_to_stop(service: Service) -> float:
    began = time.monotonic()
    assert await service.finish() == 0
    return time.monotonic() - began


@pytest.mark.xdist_group("heavy")
def test_a_stop_ends_within_its_budget_whoever_hangs(tmp_path: Path) -> None:
    """It is counted in the waits that it is made of: what a busy machine adds to them is nobody's doing."""
    folders = {workers: tmp_path / str(workers) for workers in (1, 2)}
    for folder in folders.values():
        folder.mkdir()

    async def journey() -> list[float]:
        authority = Authority(tmp_path)
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(scripted_relay(authority.valid(), Script({".": Deed.HANG})))
            settings = through(relay, authority, login=False)
            services = [
                await stack.enter_async_context(running(folder, settings=settings, workers=workers))
                for workers, folder in folders.items()
            ]
            clients = [client for service in services for client in await busy_for_ever(service, relay)]
            took = await asyncio.gather(*map(seconds_to_stop, services))
            for client in clients:
                client.transport.abort()
            for service in services:
                assert b"Traceback" not in service.log.read_bytes()
            return took

    took = asyncio.run(journey())
    assert GRACE + 2 * GOODBYE <= BUDGET
    assert max(took) < 2 * GRACE / SECOND  # requests and messages were waited for at once
    assert min(took) > 5.0  # and they were waited for
