"""A courier apart, whose relay refuses: what ``serve`` shows of it is what the page on monitoring says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.service.test_postgres import a_courier
from tests.service.test_relay import through, until
from tests.service.test_workers import until as written
from tests.support.hostile_relays import Script, scripted_relay
from tests.support.hosts import two_hosts
from tests.support.service import Service, get
from tests.support.tls import Authority


async def shown_by(service: Service, sample: bytes) -> None:
    """Come back when the metrics of a service hold something."""
    async with asyncio.timeout(60):
        while True:
            if sample in (await get(service, "/metrics")).body:
                return
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("answer", "status", "event"),
    [(b"550 5.1.1 no\r\n", "failed", b'"delivery.failed"'), (b"451 4.3.0 later\r\n", "queued", b'"delivery.delayed"')],
)
def test_a_relay_that_refuses_is_in_the_couriers_log_and_in_no_metric_of_deliveries(
    answer: bytes, status: str, event: bytes, tmp_path: Path
) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        async with scripted_relay(authority.valid(), Script({"RCPT": answer}), implicit=True) as relay:
            settings = through(relay, authority, login=False)
            async with two_hosts(tmp_path, options=["--no-courier"], settings=settings) as hosts:
                first, second = hosts.services
                connection, *others = hosts.connections(1)
                _, made = await connection.create("ann@example.com")
                await shown_by(first, b"watchword_outbox_due 1.0\n")
                with a_courier(second):
                    shown = await until(connection, made["id"], lambda shown: "reason" in shown["deliveries"][0])
                    assert status == shown["deliveries"][0]["status"]
                    await written(lambda: event in second.log.read_bytes())  # a moment after the store has it
                    for service in hosts.services:
                        assert b"watchword_deliveries_total{" not in (await get(service, "/metrics")).body
                for each in (connection, *others):
                    each.close()

    asyncio.run(journey())
