"""The cookie that a right code leaves at the service's own page: who gets one, and whom it opens a lane for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.link import REDIRECT, VERIFIER, Holder, a_link, handed_off
from tests.support.site import Site
from tests.support.world import a_keyring, wrong
from watchword.core.guard import TRUST
from watchword.core.instant import DAY, HOUR, SECOND
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules
from watchword.errors import RateLimitedError, WatchwordError
from watchword.flows.verification import Request
from watchword.web.device_cookie import NAME

OURS = "https://codes.example.org"
GUESSES = (Rate(10, HOUR), Rate(50, DAY))


@pytest.fixture
def page() -> Iterator[Site]:
    """A service on https, with an app whose people type their codes at its page."""
    with Site(public_url=OURS, rules=Rules(limits=Limits((), (), (), (), GUESSES))) as site:
        world = site.world
        world.app = site.run(world.apps.update(world.app, redirect_uris=[REDIRECT]))
        yield site


class Browser:
    """Where somebody types codes. ``jar`` is what it keeps of cookies."""

    def __init__(self, site: Site, *, origin: str | None = OURS) -> None:
        self.site = site
        self.jar = ""
        self.origin = origin

    def ask(self, to: str = "ann@example.com", **more: Any) -> tuple[Holder, str]:
        made = self.site.create(to=to, link=a_link(), **more)
        assert 201 == made.status, made.text
        self.site.run(self.site.world.courier.drain())
        return Holder(made.json["page_url"]), self.site.world.outbox.mails[-1][1].code

    def call(self, page: Holder, verb: str, **more: Any) -> Reply:
        headers = [(b"origin", self.origin.encode())] if self.origin else []
        headers += [(b"cookie", f"theme=dark; {NAME}={self.jar}; other=1".encode())] if self.jar else []
        reply = self.site.call("POST", f"{page.address}/{verb}", {"proof": page.proof, **more}, headers=headers)
        set_cookie = reply.header("set-cookie")
        if set_cookie:
            self.jar = set_cookie.partition(";")[0].removeprefix(f"{NAME}=")
        return reply

    def sign_in(self, to: str = "ann@example.com") -> Reply:
        page, code = self.ask(to)
        return self.call(page, "check", code=code)


def spend_the_guesses(site: Site, to: str = "ann@example.com", sources: int = 12) -> None:
    """Guess at somebody's codes from everywhere, as long as anything is looked at."""

    async def attack() -> None:
        world = site.world
        for number in range(sources):
            asked = Request(
                "email", to, "login", source=f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"
            )
            raw = (await world.verifications.create(world.app, asked)).verification.id
            try:
                await world.check(raw, "000000")
            except (WatchwordError, RateLimitedError):
                continue

    site.run(attack())


def test_a_right_code_leaves_a_cookie_that_no_script_and_no_other_site_gets(page: Site) -> None:
    cookie = Browser(page).sign_in().header("set-cookie")
    assert f"{TRUST // SECOND}" == cookie.partition("Max-Age=")[2].partition(";")[0]
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_nothing_else_at_a_page_leaves_one(page: Site) -> None:
    browser = Browser(page)
    asked, code = browser.ask()
    page.world.clock.move(30 * SECOND)
    for verb, more in (("open", {}), ("resend", {}), ("challenge", {}), ("check", {"code": wrong(code)})):
        assert browser.call(asked, verb, **more).header("set-cookie") == ""


@pytest.mark.parametrize("origin", [None, "null", "https://shop.example", "http://codes.example.org", f"{OURS}:8443"])
def test_a_page_of_another_origin_gets_none_and_brings_none(page: Site, origin: str | None) -> None:
    known = Browser(page)
    known.sign_in()
    spend_the_guesses(page)
    other = Browser(page, origin=origin)
    assert other.sign_in().header("set-cookie") == ""
    other.jar = known.jar
    assert 429 == other.sign_in().status


def test_over_plain_http_there_is_no_cookie(site: Site) -> None:
    site.run(site.world.apps.update(site.world.app, redirect_uris=[REDIRECT]))
    reply = Browser(site, origin="http://127.0.0.1:8000").sign_in()
    assert (200, "") == (reply.status, reply.header("set-cookie"))


def test_a_known_device_enters_while_a_thousand_sources_guess_at_its_owners_codes(page: Site) -> None:
    known, stranger = Browser(page), Browser(page)
    assert 200 == known.sign_in().status
    spend_the_guesses(page, sources=1_000)

    assert 429 == stranger.sign_in().status
    entered = known.sign_in()
    assert 200 == entered.status
    collected = page.post("/v1/exchange", {"code": handed_off(entered.json["redirect_to"]), "code_verifier": VERIFIER})
    assert "approved" == collected.json["status"]


def test_its_own_wrong_codes_have_a_budget_of_their_own_that_ends_too(page: Site) -> None:
    known = Browser(page)
    known.sign_in()
    spend_the_guesses(page)
    for _ in range(2):
        asked, code = known.ask()
        for _ in range(5):
            assert 422 == known.call(asked, "check", code=wrong(code)).status
    assert 429 == known.sign_in().status


def test_a_known_device_may_have_its_message_again_when_others_spent_its_sends(page: Site) -> None:
    page.world.verifications.rules = Rules(limits=Limits((Rate(3, HOUR),), (), (), (), GUESSES))
    known, stranger = Browser(page), Browser(page)
    known.sign_in()
    mine, _ = known.ask()
    stranger.ask()
    page.world.clock.move(30 * SECOND)
    assert 429 == stranger.call(mine, "resend").status
    assert 200 == known.call(mine, "resend").status


def test_somebody_elses_cookie_opens_nothing(page: Site) -> None:
    bob = Browser(page)
    bob.sign_in("bob@example.com")
    spend_the_guesses(page)
    assert 429 == bob.sign_in("ann@example.com").status


@pytest.mark.parametrize(
    "alter", [lambda jar: jar[:-2] + "AA", lambda _: "A" * 28, lambda jar: jar + "x", lambda _: "."]
)
def test_an_altered_or_forged_cookie_opens_nothing_and_breaks_nothing(page: Site, alter: Any) -> None:
    known = Browser(page)
    known.sign_in()
    spend_the_guesses(page)
    known.jar = alter(known.jar)
    assert 429 == known.sign_in().status


def test_a_cookie_that_is_too_old_opens_nothing(page: Site) -> None:
    known = Browser(page)
    known.sign_in()
    page.world.clock.move(TRUST)
    spend_the_guesses(page)
    assert 429 == known.sign_in().status


def test_a_cookie_lives_as_long_as_its_key_and_no_longer(page: Site) -> None:
    known, keys = Browser(page), page.world.keys
    known.sign_in()
    jar = known.jar
    spend_the_guesses(page)
    keys.ring = a_keyring(1, 2)
    assert 200 == known.sign_in().status
    known.jar, keys.ring = jar, a_keyring(2)
    assert 429 == known.sign_in().status


def test_a_lane_that_was_opened_is_told_to_nobody(page: Site) -> None:
    known, stranger = Browser(page), Browser(page)
    known.sign_in()
    asked, code = known.ask()
    answers = [browser.call(asked, "check", code=wrong(code)) for browser in (known, stranger)]
    assert [422, 422] == [each.status for each in answers]
    assert [name for name, _ in answers[0].headers] == [name for name, _ in answers[1].headers]
    assert answers[0].json.keys() == answers[1].json.keys()
