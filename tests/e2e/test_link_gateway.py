"""Mail security gateways: whatever they fetch, run, press, type and submit, the person signs in by the same link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.link_people import (
    Mail,
    Place,
    at_the_shop,
    confirm,
    go_on,
    is_signed_in,
    is_signed_out,
    open_link,
    sign_in,
    words,
)
from tests.e2e.secret_people import somebody
from tests.support.gateway import Gateway
from watchword.core.words import SIGNS

pytestmark = pytest.mark.xdist_group(__name__)

PREFETCHES = ("prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip")
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Slackbot-LinkExpanding 1.0",
    "",
)
STORM = 20  # rounds


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One service and one app for all of this module."""
    with at_the_shop(browser, tmp_path_factory.mktemp("gateway")) as place:
        yield place


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """The person's browser."""
    with somebody(browser) as person:
        yield person.new_page()


def plausible(mail: Mail, to: str) -> list[str]:
    """What a program that has the mail would type."""
    countersign = re.search(r"“\W*([a-z]+)”", mail.text)
    return [mail.code, countersign[1] if countersign else "lantern", to, mail.link, "Test User", "yes"]


def is_untouched(place: Place, verification: str) -> None:
    state = place.look(verification)
    assert ("pending", 5) == (state["status"], state["attempts_remaining"])


def test_a_gateway_that_does_everything_spends_nothing_and_gets_nothing(
    place: Place, page: Page, to: str, browser: Browser
) -> None:
    verification = sign_in(page, place, to)
    first, _ = words(page)
    mail = place.mail(to)
    with Gateway(browser, plausible(mail, to)) as gateway:
        gateway.inspect(mail.links)
        went = list(gateway.went)

    for place_gone in ("/open", "/continue", "/confirm"):
        assert [each for each in went if each.startswith("POST ") and each.endswith(place_gone)], place_gone
    assert f"GET {place.shop}/callback" in went
    is_untouched(place, verification)

    # All three ways are still open: the word, and then the link itself.
    with somebody(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, mail.link)
        confirm(theirs, next(sign for sign in SIGNS if sign != first))
        expect(theirs.locator("#word-said")).to_contain_text("2 more tries")
        is_signed_out(theirs, place)
    open_link(page, mail.link)
    go_on(page)
    is_signed_in(page, to)


def test_a_gateway_that_guesses_our_words_closes_that_way_and_neither_the_link_nor_the_code(
    place: Place, page: Page, browser: Browser
) -> None:
    for to, by in (("guesser@example.org", "link"), ("guesser2@example.org", "code")):
        verification = sign_in(page, place, to)
        first, _ = words(page)
        mail = place.mail(to)
        with Gateway(browser, [sign for sign in SIGNS if sign != first][:4]) as gateway:
            gateway.inspect(mail.links)
            assert [each for each in gateway.went if each.endswith("/confirm")]
        is_untouched(place, verification)
        if by == "link":
            open_link(page, mail.link)
            expect(page.get_by_role("button", name="I asked on another device")).to_be_hidden()
            go_on(page)
        else:
            page.get_by_label("Code", exact=True).fill(mail.code)
            page.keyboard.press("Enter")
        is_signed_in(page, to)
        page.get_by_role("button", name="Sign out").click()


def test_storms_of_fetches_and_posts_without_a_proof_change_nothing(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to)
    link = place.mail(to).link
    address = link.partition("#")[0]
    routes = [f"{place.site.url}/v1/links/{verification}/{verb}" for verb in ("open", "continue", "confirm")]

    def fetch(number: int) -> list[int]:
        headers = {"User-Agent": AGENTS[number % 3], "Sec-Purpose": PREFETCHES[number % 3], "Purpose": "prefetch"}
        with httpx.Client(headers=headers, trust_env=False, timeout=60) as client:
            shells = [client.request(method, address).status_code for method in ("GET", "HEAD", "OPTIONS")]
            posts = [client.post(route, json={}).status_code for route in routes]
            gets = [client.get(route).status_code for route in routes]
        return [*shells, *posts, *gets]

    with ThreadPoolExecutor(8) as threads:
        statuses = set(map(tuple, threads.map(fetch, range(STORM * 3))))

    assert {(200, 200, 200, 200, 422, 422, 405, 405, 405)} == statuses
    is_untouched(place, verification)
    open_link(page, link)
    go_on(page)
    is_signed_in(page, to)


class Rewriter:
    """A gateway's own address in front of every link, which leads on to what it was given, as it understood it."""

    def __init__(self, page: Page, write: str) -> None:
        self.write = write
        page.context.route("https://gateway.example/*", lambda route: route.fulfill(status=302, headers=self.location))
        self.location: dict[str, str] = {}

    def wrap(self, link: str) -> str:
        address, _, token = link.partition("#")
        self.location = {"Location": self.write.format(address=address, token=token)}
        return f"https://gateway.example/?url={quote(link, safe='')}"


def test_a_gateway_that_writes_the_fragment_into_the_path_is_repaired(place: Place, page: Page) -> None:
    for number, write in enumerate(("{address}%23{token}", "{address}%2523{token}", "{address}#{token}")):
        to = f"wrapped{number}@example.org"
        sign_in(page, place, to)
        open_link(page, Rewriter(page, write).wrap(place.mail(to).link))
        go_on(page)
        is_signed_in(page, to)
        page.get_by_role("button", name="Sign out").click()


def test_a_gateway_that_drops_the_fragment_leaves_the_code_and_the_whole_link(
    place: Place, page: Page, to: str
) -> None:
    verification = sign_in(page, place, to)
    mail = place.mail(to)
    tab = page.context.new_page()
    open_link(tab, Rewriter(tab, "{address}").wrap(mail.link))
    expect(tab.get_by_role("heading", name="This link is not complete")).to_be_visible()
    expect(tab.locator("#incomplete-text")).to_contain_text("If the mail has a code, too")
    is_untouched(place, verification)
    page.get_by_label("Code", exact=True).fill(mail.code)
    page.keyboard.press("Enter")
    is_signed_in(page, to)
