"""Readiness: asked by anybody, found out rarely."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.support.site import Site
from watchword.errors import StoreError
from watchword.web.api.health import HealthApi
from watchword.web.app import create_app, create_health_app, health_routes, routes


class Pings:
    """A store that is asked whether it is there, and answers when it is let go."""

    def __init__(self, site: Site, *, held: bool = False) -> None:
        self.count = 0
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()
        self.trouble: Exception | None = None
        if not held:
            self.let_go.set()
        self.services = replace(site.services, ping=self.ping)
        site.wire.app = create_app(self.services)

    async def ping(self) -> None:
        self.count += 1
        self.asked.set()
        await self.let_go.wait()
        if self.trouble is not None:
            raise self.trouble


def ready(site: Site) -> int:
    return site.call("GET", "/readyz").status


def test_an_answer_holds_for_a_second(site: Site) -> None:
    pings = Pings(site)

    assert [200, 200] == [ready(site), ready(site)]
    site.world.clock.move(999)
    assert (200, 1) == (ready(site), pings.count)
    site.world.clock.move(1)
    assert (200, 2) == (ready(site), pings.count)


def test_a_clock_that_was_set_back_keeps_no_old_answer(site: Site) -> None:
    pings = Pings(site)
    ready(site)

    site.world.clock.move(-60_000)

    assert (200, 2) == (ready(site), pings.count)


def test_a_failure_holds_for_a_second_and_is_logged_once(site: Site) -> None:
    pings = Pings(site)
    pings.trouble = StoreError("locked")

    assert [503, 503] == [ready(site), ready(site)]
    assert 1 == len(site.log("http.not_ready"))
    pings.trouble = None
    site.world.clock.move(1_000)
    assert 200 == ready(site)


def test_what_nobody_expected_is_no_answer_for_others(site: Site) -> None:
    pings = Pings(site)
    pings.trouble = RuntimeError()

    assert 500 == ready(site)
    pings.trouble = None
    assert 200 == ready(site)


def test_many_who_ask_at_once_make_one_write(site: Site) -> None:
    pings = Pings(site, held=True)

    async def ask() -> list[int]:
        asking = [asyncio.create_task(site.wire.send("GET", "/readyz")) for _ in range(20)]
        await pings.asked.wait()
        pings.let_go.set()
        return [reply.status for reply in await asyncio.gather(*asking)]

    assert [200] * 20 == site.run(ask())
    assert 1 == pings.count


def test_who_leaves_takes_the_answer_from_nobody(site: Site) -> None:
    pings = Pings(site, held=True)

    async def ask() -> int:
        leaves, stays = (asyncio.create_task(site.wire.send("GET", "/readyz")) for _ in range(2))
        await pings.asked.wait()
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        pings.let_go.set()
        return (await stays).status

    assert (200, 1) == (site.run(ask()), pings.count)


def test_a_store_that_does_not_answer_in_time_is_not_ready(site: Site) -> None:
    health = HealthApi(Pings(site, held=True).services, patience=0.0)

    answer = site.run(health.readyz(None))  # type: ignore[arg-type] # it does not look at the request

    assert 503 == answer.status
    assert b"did not answer within 0 seconds" in answer.body


def test_a_process_that_serves_nobody_has_these_addresses_and_no_other(site: Site) -> None:
    site.wire.app = create_health_app(site.services)
    known = {route.path for route in health_routes(site.services)}

    found = {route.path: site.call(route.method, route.path) for route in routes(site.services)}

    assert (
        {"/healthz", "/readyz", "/metrics"} == known == {path for path, reply in found.items() if reply.status == 200}
    )
    assert {"no_such_address"} == {reply.json["code"] for path, reply in found.items() if path not in known}


def test_a_process_that_serves_nobody_has_no_page_for_a_browser_that_is_lost(site: Site) -> None:
    site.wire.app = create_health_app(site.services)

    reply = site.call("GET", "/", headers=[(b"accept", b"text/html")])

    assert (404, "application/problem+json") == (reply.status, reply.header("content-type"))
