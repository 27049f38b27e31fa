"""A stop has one budget: whoever hangs, client or relay, it ends within ten seconds, in order."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.service.test_relay import through, until
from tests.support.hostile_relays import OK, Deed, Script, scripted_relay
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


class Busy:
    """A service with requests and a message that are never whole: the relay hangs at a verb, the first time."""

    def __init__(self, service: Service, relay: Relay, verb: str) -> None:
        self.service, self.relay, self.verb = service, relay, verb
        self.key = service.command("app", "create", "Stopped").decode().strip()
        self.clients: list[asyncio.StreamWriter] = []

    async def begin(self) -> None:
        connection = Connection(self.service, self.key)
        status, made = await connection.create("late@example.com")
        assert status == 201
        self.verification = made["id"]
        await self.relay.until(lambda: self.verb in self.relay.verbs)
        connection.close()
        self.clients = [await a_request_that_hangs(self.service, self.key) for _ in range(4)]

    async def reason_after_a_new_start(self) -> str:
        """What the delivery says once the message is sent, which is long before a lease ends."""
        await self.service.start()
        connection = Connection(self.service, self.key)
        shown = await until(connection, self.verification, lambda shown: shown["deliveries"][0]["status"] == "sent")
        connection.close()
        return str(shown["deliveries"][0].get("reason", ""))


async def seconds_to_stop(service: Service) -> float:
    began = time.monotonic()
    assert await service.finish() == 0
    return time.monotonic() - began


@pytest.mark.xdist_group("heavy")
def test_a_stop_ends_within_its_budget_whoever_hangs_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """It is counted in the waits that it is made of: what a busy machine adds to them is nobody's doing."""

    async def idle(stack: AsyncExitStack, authority: Authority, workers: int, verb: str) -> Busy:
        script = Script({verb: (Deed.HANG, OK)})
        relay = await stack.enter_async_context(scripted_relay(authority.valid(), script))
        settings = through(relay, authority, login=False)
        folder = tmp_path / str(workers)
        folder.mkdir()
        service = await stack.enter_async_context(running(folder, settings=settings, workers=workers))
        return Busy(service, relay, verb)

    async def journey() -> tuple[list[float], str]:
        authority = Authority(tmp_path)
        async with AsyncExitStack() as stack:
            all_busy = [await idle(stack, authority, 1, "MAIL"), await idle(stack, authority, 2, ".")]
            for each in all_busy:
                await each.begin()  # once both have begun: what hangs is given up after seconds, too
            took = await asyncio.gather(*(seconds_to_stop(each.service) for each in all_busy))
            for client in (client for each in all_busy for client in each.clients):
                client.transport.abort()
            reason = await all_busy[0].reason_after_a_new_start()
            for each in all_busy:
                assert b"Traceback" not in each.service.log.read_bytes()
            return took, reason

    took, reason = asyncio.run(journey())
    assert GRACE + 2 * GOODBYE <= BUDGET
    assert max(took) < 2 * GRACE / SECOND  # requests and messages were waited for at once
    assert min(took) > 5.0  # and they were waited for
    assert reason == ""  # the relay never had the message
