"""When strangers are answered: whatever was found, at a time that follows from the time of asking alone.

How evenly, is measured in ``bench/timing.py``; nothing here depends on how fast a machine is.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from time import perf_counter

import pytest

from tests.support.link import REDIRECT, Holder, a_link
from tests.support.secret import WRONG, a_claim, a_secret, text
from tests.support.site import Site, an_unknown_id
from watchword.errors import UnknownError
from watchword.web.even import Alarm, evenly
from watchword.web.exchange import Answer, Request

STEP = 0.03
FOR_EVER = 3_600.0  # who waits for it makes its test hang


def a_shop(step: float) -> Iterator[Site]:
    with Site(stranger_step=step) as site:
        site.world.app = site.run(site.world.apps.update(site.world.app, redirect_uris=[REDIRECT]))
        yield site


@pytest.fixture
def shop() -> Iterator[Site]:
    """A service that refuses strangers at steps long enough to be seen on any machine."""
    yield from a_shop(STEP)


@pytest.fixture
def slow() -> Iterator[Site]:
    """A service in which nobody lives to see a stranger refused."""
    yield from a_shop(FOR_EVER)


def took(site: Site, *asked: object) -> float:
    began = perf_counter()
    site.call(*asked)  # type: ignore[arg-type]
    return perf_counter() - began


def test_a_stranger_is_refused_no_sooner_than_a_step_after_asking(shop: Site) -> None:
    known = shop.create(link=a_link()).json["id"]
    secret = shop.call("POST", "/v1/secrets", a_secret()).json["id"]
    for name in (known, an_unknown_id()):
        assert took(shop, "POST", f"/v1/pages/{name}/open", {"proof": "A" * 43}) >= STEP
    for name in (secret, f"sc_{'A' * 22}"):
        assert took(shop, "POST", f"/v1/secrets/{name}/open", {"link": text(WRONG)}) >= STEP
        assert took(shop, "GET", f"/v1/secrets/{name}/status") >= STEP


def test_a_route_that_answers_all_alike_answers_all_at_such_times(shop: Site) -> None:
    for name in (shop.create(link=a_link()).json["id"], an_unknown_id()):
        assert took(shop, "POST", f"/v1/links/{name}/open", {}) >= STEP


def test_a_holder_waits_for_nothing(slow: Site) -> None:
    made = slow.create(link=a_link(), methods=["code", "link"]).json
    page = Holder(made["page_url"])
    slow.run(slow.world.courier.drain())
    link = Holder(slow.world.outbox.mails[-1][1].link)
    secret = slow.call("POST", "/v1/secrets", a_secret()).json

    assert 200 == slow.call("POST", f"{page.address}/open", {"proof": page.proof}).status
    assert 422 == slow.call("POST", f"{page.address}/check", {"proof": page.proof, "code": "0000000"}).status
    assert 200 == slow.call("POST", f"{link.address}/continue", {"proof": link.proof}).status
    assert 200 == slow.call("POST", f"/v1/secrets/{secret['id']}/claim", a_claim()).status


def test_a_page_is_told_that_it_is_too_much_no_sooner_than_a_step_after_asking(shop: Site) -> None:
    page = Holder(shop.create(link=a_link()).json["page_url"])
    began = perf_counter()
    early = shop.call("POST", f"{page.address}/resend", {"proof": page.proof})

    assert perf_counter() - began >= STEP
    assert (429, "30") == (early.status, early.header("retry-after"))


def test_an_app_waits_for_nothing_whatever_it_asks_for(slow: Site) -> None:
    assert 404 == slow.get(f"/v1/verifications/{an_unknown_id()}").status
    assert 401 == slow.call("GET", f"/v1/verifications/{an_unknown_id()}").status


class Watched:
    """Something that was found."""


def test_what_was_looked_at_is_let_go_before_the_wait() -> None:
    found: list[weakref.ref[Watched]] = []
    held: list[object] = []

    class Noted(Alarm):
        async def wait_until(self, moment: float) -> None:
            held.append((moment > 0) and found[0]())

    async def endpoint(_: Request) -> Answer:
        row = Watched()
        found.append(weakref.ref(row))
        raise UnknownError

    async def ask() -> None:
        with pytest.raises(UnknownError):
            await evenly(endpoint, Noted(), STEP, always=False)(None)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert [None] == held


def test_a_refusal_that_was_told_leaves_nothing_for_the_collector() -> None:
    async def endpoint(_: Request) -> Answer:
        raise UnknownError

    async def ask() -> weakref.ref[UnknownError]:
        try:
            await evenly(endpoint, Alarm(), STEP, always=False)(None)  # type: ignore[arg-type]
        except UnknownError as error:
            return weakref.ref(error)
        raise AssertionError

    gc.disable()
    try:
        assert asyncio.run(ask())() is None
    finally:
        gc.enable()


def test_whoever_leaves_while_waiting_keeps_nobody_else_waiting() -> None:
    async def journey() -> None:
        alarm = Alarm()
        gone = asyncio.create_task(alarm.wait_until(perf_counter() + STEP))
        there = asyncio.create_task(alarm.wait_until(perf_counter() + STEP))
        await asyncio.sleep(0)
        gone.cancel()
        await there

    asyncio.run(journey())


def test_an_alarm_outlives_the_loop_of_who_asked_it() -> None:
    alarm = Alarm()

    async def leave() -> None:
        waiting = asyncio.create_task(alarm.wait_until(perf_counter() + STEP))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave())
    asyncio.run(alarm.wait_until(perf_counter() + STEP))
