"""A stop has one budget: whoever hangs, client or relay, it ends within ten seconds, in order."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.service.test_relay import through
from tests.support.hostile_relays import Deed, Script, scripted_relay
from tests.support.relays import Relay
from tests.support.service import Connection, Service, running
from tests.support.tls import Authority

BUDGET = 10.0  # seconds
HELLO = b"POST /v1/verifications HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n"
ENDLESS = b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


async def a_request_that_hangs(service: Service, key: str) -> asyncio.StreamWriter:
    """One that is under way and never whole."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HELLO % key.encode() + ENDLESS)
    await writer.drain()
    return writer


async def seconds_to_stop(folder: Path, relay: Relay, settings: dict[str, str], workers: int) -> float:
    """Stop a service while a request and a message are under way for ever."""
    async with running(folder, settings=settings, workers=workers) as service:
        key = service.command("app", "create", "Stopped").decode().strip()
        before = relay.verbs.count("DATA")
        connection = Connection(service, key)
        assert (await connection.create("late@example.com"))[0] == 201
        await relay.until(lambda: relay.verbs.count("DATA") > before)
        connection.close()
        clients = [await a_request_that_hangs(service, key) for _ in range(4)]
        began = time.monotonic()
        assert await service.finish() == 0
        took = time.monotonic() - began
        for client in clients:
            client.transport.abort()
        assert b"Traceback" not in service.log.read_bytes()
        return took


@pytest.mark.xdist_group("heavy")
def test_a_stop_ends_within_its_budget_whoever_hangs(tmp_path: Path) -> None:
    folders = {workers: tmp_path / str(workers) for workers in (1, 2)}
    for folder in folders.values():
        folder.mkdir()

    async def journey() -> list[float]:
        authority = Authority(tmp_path)
        async with scripted_relay(authority.valid(), Script({".": Deed.HANG})) as relay:
            settings = through(relay, authority, login=False)
            return [await seconds_to_stop(folder, relay, settings, workers) for workers, folder in folders.items()]

    took = asyncio.run(journey())
    assert max(took) < BUDGET
    assert min(took) > 5.0  # they were waited for
