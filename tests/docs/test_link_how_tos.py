"""The how-tos with links run: each page's app, with people who use it and others who try to.

Not here: the browser's own part. That it says where a form comes from, and sends no ``lax`` cookie along with one from
elsewhere, is played by headers and by a browser without that cookie.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.person import Person
from tests.client.running import RunningApp

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SHOP = "https://shop.example"
# What browsers of today, and of before 2023, say of a form that another site's page sends.
FOREIGN = [
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "same-site", "origin": "https://blog.shop.example"},
    {"sec-fetch-site": "cross-site", "origin": SHOP},
    {"origin": "https://evil.example"},
    {"origin": "null"},
]
OWN = [
    {"sec-fetch-site": "same-origin", "origin": SHOP},
    {"sec-fetch-site": "same-origin", "origin": "null"},  # of a page that says no-referrer
    {"sec-fetch-site": "none"},
    {"origin": SHOP},
    {},
]
STARTS = [
    ("passwordless-login", "/signed-in", "/sign-in"),
    ("confirm-an-address", "/confirmed", "/address"),
    ("password-reset", "/reset", "/forgot"),
]
WITH_A_CALLBACK = [*(page for page, *_ in STARTS), "use-the-hosted-code-page", "use-the-python-client"]
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def the_app_of(
    page: str, callback: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[RunningApp, dict[str, Any]]]:
    """What a page's examples make, with a service beside it that knows its callback."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    with RunningApp(redirect_uris=[SHOP + callback]) as service:
        monkeypatch.setenv("CODES_URL", service.address)
        monkeypatch.setenv("CODES_API_KEY", service.key)
        made: dict[str, Any] = {}
        for example in _EXAMPLE.finditer(text):
            above = "\n" * text.count("\n", 0, example.start(1))  # so that a failure names the page's own line
            exec(compile(above + example[1], f"{page}.md", "exec"), made)  # noqa: S102 - the page is ours
        try:
            yield service, made
        finally:
            made["codes"].close()


class Browser:
    """A browser of its own, in the same process as the app."""

    def __init__(self, made: dict[str, Any]) -> None:
        self._app = made["app"]
        self.cookies = httpx.Cookies()

    def get(self, url: str) -> httpx.Response:
        return self._ask("GET", url)

    def post(self, url: str, **more: Any) -> httpx.Response:
        return self._ask("POST", url, **more)

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=("192.0.2.7", 50_000))
            async with httpx.AsyncClient(transport=transport, base_url=SHOP, cookies=self.cookies) as client:
                answer = await client.request(method, url, **more)
                self.cookies = client.cookies
                return answer

        return asyncio.run(asked())


class Form(HTMLParser):
    """The one form of a page: where it goes, and the names of its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.goes: list[tuple[str | None, str | None]] = []
        self.fields: list[str | None] = []
        self.links: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form":
            self.goes.append((said.get("method"), said.get("action")))
        elif tag == "input":
            self.fields.append(said.get("name"))
        elif tag == "a":
            self.links.append(said.get("href"))


def signed_in(made: dict[str, Any], session: str = "session of Ann") -> Browser:
    """A browser with the shop's own cookie."""
    browser = Browser(made)
    browser.cookies.set("__Host-shop", session)
    return browser


@pytest.mark.parametrize(("page", "callback", "start"), STARTS)
def test_a_start_that_another_sites_page_submits_is_refused(
    page: str, callback: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with the_app_of(page, callback, monkeypatch) as (service, made):
        for headers in FOREIGN:
            victim = signed_in(made)  # more than a lax cookie allows
            answer = victim.post(start, data={"email": "ann@example.org"}, headers=headers)
            assert (403, None) == (answer.status_code, answer.headers.get("set-cookie")), headers
        service.run(service.world.courier.drain())
        assert [] == service.world.outbox.mails


@pytest.mark.parametrize(("page", "callback", "start"), STARTS)
@pytest.mark.parametrize("headers", OWN, ids=str)
def test_a_start_from_the_apps_own_page_is_taken(
    page: str, callback: str, start: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with the_app_of(page, callback, monkeypatch) as (service, made):
        answer = signed_in(made).post(start, data={"email": "ann@example.org"}, headers=headers)
        assert answer.status_code in (200, 303)
        assert "__Host-watchword=" in answer.headers["set-cookie"]
        service.mail()


def test_a_password_is_set_from_the_apps_own_page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("password-reset", "/reset", monkeypatch) as (_, made):
        made["resets"]["one"] = "ann@example.org"
        browser = Browser(made)
        browser.cookies.set("__Host-reset", "one")
        for headers in FOREIGN:
            sent = browser.post("/new-password", data={"password": "a password of Eve's"}, headers=headers)
            assert 403 == sent.status_code
        assert {"ann@example.org": "an old one"} == made["passwords"]


@pytest.mark.parametrize("page", WITH_A_CALLBACK)
def test_a_how_to_with_a_callback_says_to_keep_its_query_out_of_the_access_log(page: str) -> None:
    assert "--no-access-log" in (PAGES / f"{page}.md").read_text(encoding="utf-8")


def test_a_login_has_at_most_thirty_lines() -> None:
    text = (PAGES / "passwordless-login.md").read_text(encoding="utf-8")
    (first, _) = _EXAMPLE.findall(text)

    assert len([line for line in first.splitlines() if line.strip()]) <= 30


def test_passwordless_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("passwordless-login", "/signed-in", monkeypatch) as (service, made):
        mine, gateway = Browser(made), Browser(made)
        sent = mine.post("/sign-in", data={"email": "ann@example.org"}, headers={"user-agent": "Firefox Windows"})
        assert 303 == sent.status_code
        assert "/v/vf_" in sent.headers["location"]
        to = Person(service).continued()

        assert 400 == gateway.get(to).status_code
        assert {} == made["people"]
        assert 303 == mine.get(to).status_code
        assert ["ann@example.org"] == list(made["people"].values())
        assert 303 == mine.get(to).status_code  # a reload
        assert 1 == len(made["people"])
        assert 400 == gateway.get(to).status_code


def test_a_login_begins_at_a_page_with_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("passwordless-login", "/signed-in", monkeypatch) as (service, made):
        mine = Browser(made)
        form = Form(mine.get("/").text)
        assert ([("post", "/sign-in")], ["email"]) == (form.goes, form.fields)
        mine.post("/sign-in", data={"email": "ann@example.org"})
        back = mine.get(Person(service).continued()).headers["location"]
        assert "You are signed in." == mine.get(back).text


def test_a_login_is_tried_on_this_machine_as_the_page_says() -> None:
    text = (PAGES / "passwordless-login.md").read_text(encoding="utf-8")
    code = "".join(_EXAMPLE.findall(text))

    assert 1 == code.count(SHOP)  # the one place to write another address in
    assert "`uvicorn app:app --port 9000 --no-access-log`" in text
    assert "Safari does not" in text


def test_passwordless_login_from_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("passwordless-login", "/signed-in", monkeypatch) as (service, made):
        mine = Browser(made)
        mine.post("/sign-in", data={"email": "ann@example.org"})
        assert 400 == mine.get("/signed-in").status_code
        person = Person(service)
        shown = service.run(service.world.verifications.get(service.world.app, person.id))
        person.confirms(shown.watchword.split()[0])
        assert 303 == mine.get("/signed-in").status_code
        assert ["ann@example.org"] == list(made["people"].values())


def test_a_cookie_that_names_somebody_else_signs_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("passwordless-login", "/signed-in", monkeypatch) as (service, made):
        eve = Browser(made)
        eve.post("/sign-in", data={"email": "eve@example.org"})
        session = made["BrowserSession"].read(eve.cookies["__Host-watchword"])
        eve.cookies.clear()
        eve.cookies.set("__Host-watchword", session.of(session.id, "ann@example.org").cookie()["value"])
        assert 400 == eve.get(Person(service).continued()).status_code
        assert {} == made["people"]


def test_password_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("password-reset", "/reset", monkeypatch) as (service, made):
        mine, thief = Browser(made), Browser(made)
        known, unknown = (
            each.post("/forgot", data={"email": email})
            for each, email in ((mine, "ann@example.org"), (thief, "nobody@example.org"))
        )
        assert (303, known.headers.keys()) == (unknown.status_code, unknown.headers.keys())
        person = Person(service)
        assert ["ann@example.org"] == [to for to, _ in service.world.outbox.mails]
        to = person.continued()
        assert 400 == thief.get(to).status_code
        assert "/new-password" == mine.get(to).headers["location"]
        assert 200 == mine.get("/new-password").status_code
        assert 400 == thief.post("/new-password", data={"password": "a thief's own password"}).status_code
        assert 303 == mine.post("/new-password", data={"password": "correct horse battery"}).status_code
        assert {"ann@example.org": "correct horse battery"} == made["passwords"]
        assert 400 == mine.post("/new-password", data={"password": "once more, the same"}).status_code


def test_confirm_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("confirm-an-address", "/confirmed", monkeypatch) as (service, made):
        mine = signed_in(made)
        page = mine.post("/address", data={"email": "ann.new@example.org"}).text
        (on,) = Form(page).links
        assert on == "/confirmed"
        waiting = mine.get(on)
        assert (425, ["/confirmed"]) == (waiting.status_code, Form(waiting.text).links)
        word = re.findall(r"“(\w+)”", page)[1]
        Person(service).confirms(word)
        assert 303 == mine.get(on).status_code
        assert "ann.new@example.org" == made["accounts"]["session of Ann"]["address"]
        assert 400 == mine.get(on).status_code


def test_an_address_is_confirmed_for_nobody_who_is_not_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("confirm-an-address", "/confirmed", monkeypatch) as (service, made):
        stranger, mine = Browser(made), signed_in(made)
        assert 401 == stranger.post("/address", data={"email": "eve@example.org"}).status_code
        service.run(service.world.courier.drain())
        assert [] == service.world.outbox.mails

        mine.post("/address", data={"email": "ann.new@example.org"})
        to = Person(service).continued()
        for browser in (stranger, signed_in(made, "session of nobody")):
            refused = browser.get(to)
            assert 401 == refused.status_code
            assert "Open the link in the browser where you asked." in refused.text
        assert 303 == mine.get(to).status_code  # nothing was spent


def test_an_address_that_another_account_asked_for_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("confirm-an-address", "/confirmed", monkeypatch) as (service, made):
        made["accounts"]["session of Eve"] = {"address": None, "asked": None}
        eve, ann = signed_in(made, "session of Eve"), signed_in(made)
        eve.post("/address", data={"email": "eve@example.org"})
        to = Person(service).continued()
        # Worse than any form from elsewhere: the victim's browser has the attacker's whole request in its cookie.
        ann.cookies.set("__Host-watchword", eve.cookies["__Host-watchword"])
        assert 403 == ann.get(to).status_code
        assert made["accounts"]["session of Ann"]["address"] is None
        assert 303 == eve.get(to).status_code
        assert "eve@example.org" == made["accounts"]["session of Eve"]["address"]


def test_of_two_addresses_the_one_that_was_asked_for_last_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    with the_app_of("confirm-an-address", "/confirmed", monkeypatch) as (service, made):
        mine = signed_in(made)
        links = []
        for email in ("first@example.org", "second@example.org"):
            mine.post("/address", data={"email": email})
            links.append(Person(service).continued())
        assert 400 == mine.get(links[0]).status_code
        assert made["accounts"]["session of Ann"]["address"] is None
        assert 303 == mine.get(links[1]).status_code
        assert "second@example.org" == made["accounts"]["session of Ann"]["address"]


@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(days=1)])
def test_the_cookie_of_an_address_lives_as_long_as_its_link(
    lifetime: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    with the_app_of("confirm-an-address", "/confirmed", monkeypatch) as (_, made):
        made["LIFETIME"] = lifetime
        kept = SimpleCookie(signed_in(made).post("/address", data={"email": "ann@example.org"}).headers["set-cookie"])
        (asked,) = [account["asked"] for account in made["accounts"].values()]
        shown = made["codes"].get(asked)
        assert lifetime == shown.expires_at - shown.created_at
        assert lifetime == timedelta(seconds=int(kept["__Host-watchword"]["max-age"]))
