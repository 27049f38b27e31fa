"""The cookie of a known device in a real Chromium over TLS, which alone decides whether it keeps such a cookie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.client.running import RunningApp
from tests.e2e.conftest import PATIENCE
from tests.support.tap import Tap
from tests.support.tls import Authority
from tests.support.world import wrong
from watchword.client import BrowserSession, Client
from watchword.core.instant import HOUR
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules
from watchword.errors import MismatchError
from watchword.web.device_cookie import NAME

pytestmark = pytest.mark.xdist_group(__name__)

BACK = re.compile(r"/start\?code=")
TO = "ann@example.org"
RULES = Rules(limits=Limits((), (), (), (), (Rate(10, HOUR),)))  # two verifications, guessed at to the end


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[Tap]:
    """What the world sees of the service."""
    with Tap(tls=Authority(tmp_path).valid()) as tap:
        yield tap


@pytest.fixture
def app(tap: Tap) -> Iterator[RunningApp]:
    """A service that is found by https alone, and an app whose people come back to its front page."""
    with RunningApp(RULES, [f"{tap.url}/start"], tap.url) as app:
        tap.target = int(app.address.rpartition(":")[2])
        yield app


@contextmanager
def somebody(browser: Browser) -> Iterator[Page]:
    """A person with a browser of their own, to whom our authority of an hour is good enough."""
    context = browser.new_context(ignore_https_errors=True)
    try:
        yield context.new_page()
    finally:
        context.close()


def type_the_code(app: RunningApp, tap: Tap, page: Page) -> None:
    """Have a code sent as the app does, and type it at the hosted page."""
    with Client(app.address, app.key, timeout=timedelta(seconds=PATIENCE)) as client:
        asked = client.create(to=TO, purpose="login", link=BrowserSession.begin(f"{tap.url}/start"))
    page.goto(asked.page_url or "")
    page.get_by_label("Code", exact=True).fill(app.delivered())
    page.keyboard.press("Enter")


def guess(app: RunningApp) -> None:
    """Spend what a recipient has of wrong guesses, as somebody does who wants to lock them out."""
    with Client(app.address, app.key, timeout=timedelta(seconds=PATIENCE)) as client:
        for _ in range(2):
            asked = client.create(to=TO, purpose="login")
            code = app.delivered()
            for _ in range(asked.attempts_remaining):
                with pytest.raises(MismatchError):
                    client.check(asked.id, wrong(code), purpose="login", to=TO)


def test_a_browser_that_typed_a_right_code_is_let_in_where_strangers_spent_the_guesses(
    app: RunningApp, tap: Tap, browser: Browser
) -> None:
    with somebody(browser) as known, somebody(browser) as stranger:
        type_the_code(app, tap, known)
        expect(known).to_have_url(BACK)
        (cookie,) = known.context.cookies()
        # A domain without a dot before it is the very host that set the cookie.
        assert [cookie.get(part) for part in ("name", "domain", "path")] == [NAME, "localhost", "/"]
        assert [cookie.get(part) for part in ("secure", "httpOnly", "sameSite")] == [True, True, "Strict"]
        assert known.evaluate("document.cookie") == ""

        guess(app)
        type_the_code(app, tap, stranger)
        expect(stranger.get_by_role("alert")).to_contain_text("Too many tries for now.")
        assert stranger.context.cookies() == []
        type_the_code(app, tap, known)
        expect(known).to_have_url(BACK)
