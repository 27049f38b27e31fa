"""A hand-over in a real browser: the QR code read off the screen by a foreign reader, the code by oathtool."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Site, serving
from tests.e2e.secret_people import complaints, ends_with, reveal, somebody
from tests.support.png import read_codes
from watchword.core import base32
from watchword.core.otpauth import AuthenticatorKey, read_key_uri

pytestmark = pytest.mark.xdist_group(__name__)

PERIOD = 30  # seconds


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("handover")) as site:
        yield site


def asked(place: Site, method: str, path: str, **body: Any) -> httpx.Response:
    """Ask as the app's backend."""
    headers = {"Authorization": f"Bearer {place.api_key}"}
    return httpx.request(method, place.url + path, headers=headers, json=body or None, timeout=60)


def handed_over(place: Site, subject: str, **more: Any) -> dict[str, Any]:
    made = asked(place, "POST", "/v1/authenticators/handover", subject=subject, issuer="ACME", account="desk", **more)
    assert 201 == made.status_code, made.text
    return dict(made.json())


def by_oathtool(key: AuthenticatorKey, ahead: int = 0) -> str:
    """What oathtool shows, some steps from now."""
    command = ["oathtool", "--totp", "--base32", f"--now=@{int(time.time()) + ahead * PERIOD}", "-"]
    done = subprocess.run(command, input=base32.write(key.secret), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def wrong_for(key: AuthenticatorKey) -> str:
    """A code that is wrong, also where one of a million would be right by chance."""
    near = {by_oathtool(key, ahead) for ahead in range(-3, 4)}
    return next(code for ahead in count(1000) if (code := by_oathtool(key, ahead)) not in near)


def scanned(page: Page) -> AuthenticatorKey:
    """The key as a phone would read it off the screen."""
    code = page.locator("#shown .qr svg")
    expect(code).to_be_visible()
    (uri,) = read_codes(code.screenshot())
    return read_key_uri(uri).key


def type_code(page: Page, code: str) -> None:
    page.get_by_label("Type the code your app shows").fill(code)
    page.keyboard.press("Enter")


def test_a_colleague_scans_types_the_first_code_and_the_sender_sees_when(
    place: Site, page: Page, browser: Browser
) -> None:
    subject = f"desk-{page.viewport_size}"
    made = handed_over(place, subject)
    page.goto(made["status_url"])
    expect(page.locator("#state")).to_have_text("Waiting")
    with somebody(browser) as other:
        theirs = other.new_page()
        theirs.goto(made["url"])
        expect(theirs.locator("#privacy")).to_contain_text("This server made the key")
        theirs.get_by_role("button", name="Reveal").click()
        assert [] == complaints(theirs)
        key = scanned(theirs)
        assert ("ACME", "desk") == (key.issuer, key.account)
        assert theirs.get_by_role("button", name="Done").count() == 0
        type_code(theirs, by_oathtool(key))
        ends_with(theirs, "enrolled")
        theirs.goto("about:blank")
        theirs.goto(made["url"])
        ends_with(theirs, "opened")
    expect(page.locator("#state")).to_have_text("Enrolled")
    expect(page.locator("#story")).to_have_text(re.compile(r"^Enrolled .*\d\d:\d\d.*right code\.$"))
    assert "active" == asked(place, "GET", f"/v1/authenticators/{made['id']}").json()["status"]
    check = asked(place, "POST", "/v1/authenticators/check", subject=subject, code=by_oathtool(key, ahead=1))
    assert "approved" == check.json()["status"]


def test_wrong_codes_are_counted_down_and_the_fifth_ends_it(place: Site, page: Page) -> None:
    made = handed_over(place, "somebody else")
    reveal(page, made["url"])
    key = scanned(page)
    off = wrong_for(key)
    uncounted = {"code": "not_accepted", "reason": "mismatch"}
    page.route("**/confirm", lambda route: route.fulfill(status=422, json=uncounted), times=1)
    type_code(page, off)
    expect(page.locator("#typed-said")).to_have_text("That is not the code of now. Wait for the next one.")
    for left in ("4 more tries", "3 more tries", "2 more tries", "One more try"):
        type_code(page, off)
        expect(page.locator("#typed-said")).to_contain_text(left)
    assert [] == complaints(page)
    type_code(page, off)
    ends_with(page, "void")
    page.goto(made["status_url"])
    expect(page.locator("#state")).to_have_text("Void")


def test_a_reload_loses_neither_the_key_nor_a_try(place: Site, page: Page) -> None:
    made = handed_over(place, "a third")
    reveal(page, made["url"])
    key = scanned(page)
    type_code(page, "12a")
    expect(page.locator("#typed-said")).not_to_be_empty()
    page.goto("about:blank")
    reveal(page, made["url"])
    assert key == scanned(page)
    type_code(page, wrong_for(key))
    expect(page.locator("#typed-said")).to_contain_text("4 more tries")
    type_code(page, by_oathtool(key))
    ends_with(page, "enrolled")
