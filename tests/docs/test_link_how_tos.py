"""The how-tos with links run: each page's app, with people who use it and others who try to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.person import Person
from tests.client.running import RunningApp

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SHOP = "https://shop.example"
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
        mine = Browser(made)
        mine.cookies.set("__Host-shop", "session of Ann")
        page = mine.post("/address", data={"email": "ann.new@example.org"}).text
        assert 425 == mine.get("/confirmed").status_code
        word = re.findall(r"“(\w+)”", page)[1]
        Person(service).confirms(word)
        assert 303 == mine.get("/confirmed").status_code
        assert {"address": "ann.new@example.org"} == made["accounts"]["session of Ann"]
        assert 400 == mine.get("/confirmed").status_code
