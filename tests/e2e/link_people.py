"""What people who sign in by code and link do in a browser, as steps for tests: the example app and the real mail."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Site, serving
from tests.e2e.secret_people import Hands, complaints, somebody
from tests.support.service import WATCHWORD, plain_environment
from tests.support.shop import Shop
from watchword.client import BrowserSession

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "examples" / "login" / "watchword.toml"
# Limits so wide that one journey never meets what another one has used up.
WIDE = '\n[limits]\nrecipient_sends = ""\nsource_sends = ""\npublic_requests = ""\n'


@dataclass(frozen=True)
class Mail:
    """A mail, as it lies in the mailbox."""

    html: str
    text: str
    links: list[str]

    @property
    def link(self) -> str:
        """Its one link."""
        (link,) = self.links
        return link

    @property
    def code(self) -> str:
        (code,) = re.findall(r"(?<!\d)\d{3} \d{3}(?!\d)|(?<![\w#-])\d{6}(?![\w-])", self.text)
        return str(code)


@dataclass(frozen=True)
class Place:
    """The service, the app in front of it, and the hands of the service's clock."""

    site: Site
    shop: str
    key: str
    hands: Hands
    browser: Browser

    def mail(self, to: str, number: int = 1) -> Mail:
        """The newest mail to somebody, once there are so many, read in the mailbox's own page."""
        with somebody(self.browser) as desk:
            page = desk.new_page()
            page.goto(self.site.mailbox)
            mails = page.locator("#mails button", has_text=to)
            expect(mails).to_have_count(number)
            mails.first.click()
            letter = page.frame_locator("iframe").locator("body")
            expect(letter).to_contain_text(re.compile(r"\d{3}"))
            links = letter.locator("a").evaluate_all("all => all.map((each) => each.getAttribute('href'))")
            html = letter.inner_text()
            page.get_by_role("tab", name="Text").click()
            return Mail(html, page.locator("#plain").inner_text(), links)

    def ask(self, **more: Any) -> dict[str, Any]:
        """Look at the service as the app's backend does."""
        return dict(self.call("POST", "/v1/verifications", {"channel": "email", "purpose": "login", **more}).json())

    def look(self, verification: str) -> dict[str, Any]:
        """How a verification stands, as the app's backend sees it."""
        return dict(self.call("GET", f"/v1/verifications/{verification}").json())

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the service with the app's key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.request(method, f"{self.site.url}{path}", headers=headers, json=body, timeout=60)


@contextmanager
def at_the_shop(browser: Browser, folder: Path) -> Iterator[Place]:
    """A service in development mode whose clock can be moved, and the example app."""
    hands = Hands(folder / "ahead")
    config = folder / "watchword.toml"
    config.write_text(CONFIG.read_text(encoding="utf-8") + WIDE)
    with Shop() as shop:
        key = register(folder, shop.callback)["key"]
        with serving(folder, through=hands.command, WATCHWORD_CONFIG=str(config)) as site:
            shop.serve(site.url, key)
            yield Place(site, shop.url, key, hands, browser)


def register(folder: Path, callback: str) -> dict[str, str]:
    """Make the app, and return its id and its key."""
    how = ["--redirect-uri", callback, "--data", str(folder / "data"), "--json"]
    command = [str(WATCHWORD), "app", "create", "Harbour Shop", *how]
    made = subprocess.run(command, env=plain_environment(), check=True, capture_output=True)
    return dict(json.loads(made.stdout))


def sign_in(page: Page, place: Place, to: str, *, hosted: bool = False) -> str:
    """Ask for a mail. Returns the id of the verification."""
    page.goto(place.shop)
    page.get_by_label("Your email address").fill(to)
    page.get_by_role("button", name="Sign in on the hosted page" if hosted else "Sign in", exact=True).click()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    return asked(page)


def asked(page: Page) -> str:
    """The id of what this browser asked last, out of the app's cookie."""
    return BrowserSession.read(cookie(page, "watchword")).id


def cookie(page: Page, name: str) -> str:
    """The value of a cookie of the app's."""
    (value,) = [each.get("value", "") for each in page.context.cookies() if each.get("name") == name]
    return value.strip('"')


def is_signed_in(page: Page, to: str) -> None:
    expect(page.get_by_text(f"Signed in as {to}.")).to_be_visible()


def is_signed_out(page: Page, place: Place) -> None:
    page.goto(place.shop)
    expect(page.get_by_label("Your email address")).to_be_visible()


def words(page: Page) -> tuple[str, str]:
    """Both words, off the screen of whoever asked."""
    first, second = page.locator("watchword-code strong").inner_text().split()
    return first, second


def without_looks(page: Page) -> None:
    """Let the page of whoever asked not go on by itself, where the test is about what is pressed or typed on it."""
    page.route("**/v1/pages/*/open", lambda route: route.abort())


def open_link(page: Page, link: str) -> None:
    """Open a link as a person does, in a tab that knows nothing."""
    page.goto("about:blank")
    page.goto(link)


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue here").click()


def confirm(page: Page, word: str) -> None:
    """Type the first word."""
    if not page.locator("#other").is_visible():
        page.get_by_role("button", name="I asked on another device").click()
    page.get_by_label("First word").fill(word)
    page.get_by_role("button", name="Confirm").click()


def ends_with(page: Page, end: str) -> None:
    """The page tells this end."""
    expect(page.locator("main")).to_have_attribute("data-end", end)
    expect(page.locator("#over-title")).to_be_visible()


def check(page: Page) -> None:
    """The page as it stands is fine for everybody."""
    found = complaints(page)
    assert found == [], found
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
