"""A text into a blocked country: the browser at the hosted page works for it, and nobody there has to do anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import on, serving
from tests.e2e.held import Held
from tests.e2e.link_people import register
from tests.e2e.secret_people import complaints
from tests.support.link import REDIRECT, a_link
from tests.support.sms import DUTIES
from tests.support.work import STRANGER, scattered
from watchword.core.breaker import UNUSUAL

pytestmark = [pytest.mark.xdist_group(__name__), on("phone-day")]


@dataclass(frozen=True)
class Desk:
    """The app's backend, before a service whose country is blocked."""

    url: str
    key: str

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.request(method, f"{self.url}/v1/verifications{path}", headers=headers, json=body, timeout=60)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())

    def ask(self, to: str, **more: object) -> dict[str, Any]:
        return self.call("POST", "", {"channel": "sms", "to": to, "purpose": "login", **more})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Work is set as lightly as may be: what is shown does not get truer on a slow machine."""
    folder: Path = tmp_path_factory.mktemp("work")
    config = folder / "watchword.toml"
    config.write_text(f"{DUTIES}challenge = 1\n")
    key = register(folder, REDIRECT)["key"]
    with serving(folder, WATCHWORD_CONFIG=str(config), WATCHWORD_SMS_GATEWAY="http://u:p@127.0.0.1:9/") as site:
        desk = Desk(site.url, key)
        for number in range(UNUSUAL + 1):
            desk.ask(scattered(number))
        yield desk


def test_the_browser_works_and_the_text_goes_out(desk: Desk, page: Page) -> None:
    held = desk.ask(STRANGER, link=a_link(), methods=["code"])
    assert held["challenge"] == "proof_of_work"
    assert not desk.call("GET", f"/{held['id']}")["deliveries"]

    with page.expect_response("**/challenge"), page.expect_response("**/resend") as sent:
        page.goto(held["page_url"])
    assert sent.value.status == 200
    expect(page.locator(".said")).to_have_text("Sent.")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    expect(page.get_by_role("heading")).to_have_text("Type the code from your text message")
    assert complaints(page) == []

    told = desk.call("GET", f"/{held['id']}")
    assert "challenge" not in told
    assert len(told["deliveries"]) == 1


def test_a_browser_that_cannot_compute_says_so_and_loses_nothing(desk: Desk, page: Page) -> None:
    page.add_init_script(
        "SubtleCrypto.prototype.deriveBits = new Proxy(SubtleCrypto.prototype.deriveBits, {"
        " apply: (to, me, [how, ...rest]) => how.name === 'PBKDF2'"
        " ? Promise.reject(new Error('not here')) : Reflect.apply(to, me, [how, ...rest]) })"
    )
    held = desk.ask("+4915788888888", link=a_link(), methods=["code"])
    page.goto(held["page_url"])
    expect(page.get_by_role("alert")).to_contain_text("Your browser could not finish that.")
    expect(page.get_by_role("button", name="Send it now")).to_be_enabled()
    assert complaints(page) == []
    assert desk.call("GET", f"/{held['id']}")["challenge"] == "proof_of_work"


def test_while_it_works_a_line_says_so_to_everybody(desk: Desk, page: Page) -> None:
    kept = Held(page, "**/challenge")
    held = desk.ask("+4915777777777", link=a_link(), methods=["code"])
    page.goto(held["page_url"])
    said = page.get_by_role("status").filter(has_text="There is nothing for you to do.")
    expect(said).to_be_visible()
    assert complaints(page) == []
    kept.wait_for("challenge").continue_()
    expect(page.locator(".said")).to_have_text("Sent.")
    expect(said).to_have_count(0)
