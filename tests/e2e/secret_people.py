"""What senders and recipients of secrets do in a browser, as steps for tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.e2e.conftest import Site, serving
from tests.support.tap import Tap
from watchword.core.binary import decode, encode
from watchword.core.envelope import link_proof

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
KEY_URI = f"otpauth://totp/ACME:ann@example.org?secret={KEY}&issuer=ACME"


def paste(page: Page, text: str) -> None:
    """Put a text where the focus is, as soon as there is one, as the clipboard would."""
    expect(page.locator(":focus")).to_have_count(1)
    page.keyboard.insert_text(text)


def choose(page: Page, name: str, content: bytes, kind: str = "text/plain") -> None:
    """Choose a file."""
    page.set_input_files("#file", [FilePayload(name=name, mimeType=kind, buffer=content)])


def share(page: Page, url: str, text: str, passphrase: str = "") -> str:
    """Make a link on the page and return it."""
    page.goto(url)
    paste(page, text)
    if passphrase:
        page.locator("#options summary").click()
        page.fill("#passphrase", passphrase)
    page.keyboard.press("Control+Enter")
    return made(page)


def made(page: Page) -> str:
    """The first link, once it is there."""
    expect(page.locator("#made h1")).to_be_visible()
    return page.locator("input.link").first.input_value()


def status_link(page: Page) -> str:
    """The link to keep."""
    link = page.get_by_role("link", name="Status page").first.get_attribute("href")
    assert link is not None
    return link


def reveal(page: Page, link: str) -> None:
    """Open a link and press the button."""
    page.goto(link)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#shown h1")).to_be_visible()


def unfold_code(page: Page) -> None:
    """See a revealed key's code of now."""
    page.get_by_text("Does your app show another code?").click()


def ends_with(page: Page, end: str) -> None:
    """The page tells this end, and shows nothing of a secret."""
    expect(page.locator("main")).to_have_attribute("data-end", end)
    expect(page.locator("#over-title")).to_be_visible()
    assert page.locator("#shown").inner_text() == ""


def complaints(page: Page) -> list[str]:
    """What axe-core finds on the page as it stands."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes']]}" for each in found["violations"]]


class Hands:
    """What moves the clock of a service."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set()

    def set(self, **ahead: float) -> None:
        """Let it be ahead of the world's by so much."""
        new = self.file.with_suffix(".new")
        new.write_text(str(round(timedelta(**ahead) / timedelta(milliseconds=1))))
        new.replace(self.file)  # at once: the service may be reading

    @property
    def command(self) -> tuple[str, ...]:
        """What runs such a service."""
        return (sys.executable, "-m", "tests.support.leaping", str(self.file))


@contextmanager
def leaping(folder: Path) -> Iterator[tuple[Site, Hands]]:
    """A service and the hands of its clock."""
    hands = Hands(folder / "ahead")
    with serving(folder, through=hands.command) as site:
        yield site, hands


def guess(link: str, times: int) -> list[int]:
    """Try passphrases that are not the right one, as a program would that holds the link. The statuses."""
    address, _, key = link.partition("#")
    origin, _, secret = address.rpartition("/s/")
    body = {"link": encode(link_proof(decode(key))), "auth": encode(bytes(32)), "claim": encode(bytes(16))}
    return [httpx.post(f"{origin}/v1/secrets/{secret}/claim", json=body, timeout=60).status_code for _ in range(times)]


@contextmanager
def behind(folder: Path, **how: Any) -> Iterator[tuple[Site, Tap]]:
    """A service as an operator runs it, not in development mode, reached through a proxy alone."""
    with Tap() as tap:
        relay = {"WATCHWORD_SMTP": "smtps://relay.invalid", "WATCHWORD_MAIL_FROM": "codes@example.com"}
        with serving(folder, WATCHWORD_PUBLIC_URL=tap.url, **relay, **how) as site:
            tap.target = int(site.url.rpartition(":")[2])
            yield replace(site, url=tap.url), tap


@contextmanager
def somebody(browser: Browser, **how: Any) -> Iterator[BrowserContext]:
    """Another person, with a browser profile of their own."""
    context = browser.new_context(**how)
    try:
        yield context
    finally:
        context.close()
