"""Attacks on secret links that only a browser can prove: docs/explanation/attacks-on-secret-links.md has them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.e2e.conftest import Site, on, serving
from tests.e2e.secret_people import KEY, KEY_URI, ends_with, made, paste, reveal, share, somebody, unfold_code
from watchword import totp

pytestmark = [pytest.mark.xdist_group(__name__), on("desktop-night")]

HOSTILE = (
    "javascript:alert(document.domain)\n"
    "data:text/html,<script>alert(1)</script>\n"
    "https://evil.example/ [click](javascript:alert(1)) ![](https://evil.example/x.png)\n"
    '<img src=x onerror="alert(1)"><svg onload=alert(1)><b>bold</b> & &lt;'
)
WITHOUT_CRYPTO = "Object.defineProperty(globalThis.crypto, 'subtle', {value: undefined})"
STEP = 30  # seconds of a code


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("attacks")) as site:
        yield site


def test_a_hostile_text_is_shown_as_text_and_links_to_nothing(place: Site, page: Page) -> None:
    alerts: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)

    reveal(page, share(page, place.url, HOSTILE))

    assert page.locator("pre.secret").inner_text() == HOSTILE
    assert page.locator("#shown pre.secret").evaluate("place => place.childElementCount") == 0
    assert page.locator("#shown").locator("a, img, svg[onload], script, iframe, object, embed").count() == 0
    assert alerts == []


def test_a_hostile_label_of_a_key_is_shown_as_text(place: Site, page: Page) -> None:
    uri = f"otpauth://totp/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E:a%0Ab?secret={KEY}&issuer=%3Cb%3EACME%3C/b%3E"
    page.goto(place.url)
    paste(page, uri)
    expect(page.locator("#recognised")).not_to_be_empty()
    assert page.locator("#found").locator("b, img").count() == 0
    page.keyboard.press("Control+Enter")
    reveal(page, made(page))

    assert page.locator("#shown").locator("b, img").count() == 0
    links = page.locator("#shown a").evaluate_all("all => all.map((each) => each.protocol)")
    assert set(links) <= {"otpauth:"}


def test_without_the_browsers_cryptography_nothing_is_sealed_sent_or_asked(
    place: Site, page: Page, browser: Browser
) -> None:
    link = share(page, place.url, "over plain http")
    with somebody(browser) as other:
        other.add_init_script(WITHOUT_CRYPTO)
        theirs, asked = other.new_page(), list[str]()
        theirs.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
        theirs.goto(place.url)
        expect(theirs.locator("#problem")).to_contain_text("needs https")
        paste(theirs, "not to be sent")
        theirs.keyboard.press("Control+Enter")
        expect(theirs.locator("#problem")).to_contain_text("needs https")
        theirs.goto(link)
        ends_with(theirs, "insecure")
        assert asked == []
    reveal(page, link)
    expect(page.locator("pre.secret")).to_have_text("over plain http")


@pytest.mark.parametrize(("late", "taken"), [(-1, True), (1, True), (-3, False), (3, False)])
def test_a_code_one_step_early_or_late_confirms_and_one_further_off_does_not(
    place: Site, page: Page, late: int, *, taken: bool
) -> None:
    reveal(page, share(page, place.url, KEY_URI))
    field = page.get_by_label("Type the code your app shows")
    unfold_code(page)
    wait_for_the_middle_of_a_step(page)
    at = datetime.now(UTC) + timedelta(seconds=late * STEP)
    field.fill(totp.code_at(totp.read_key(KEY_URI), at))
    page.keyboard.press("Enter")

    if taken:
        ends_with(page, "enrolled")
    else:
        expect(page.locator("#typed-said")).to_have_text(re.compile("Nothing is lost"))


def wait_for_the_middle_of_a_step(page: Page) -> None:
    """Let no step end between making a code and typing it."""
    enough = re.compile(r"^(?:1[2-9]|2[0-9]|30) s$")
    expect(page.get_by_text(enough)).to_be_visible()  # the page's own count of what is left of the step
