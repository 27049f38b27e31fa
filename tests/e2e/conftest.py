"""A real Chromium and a real ``watchword serve``.

Each module is an xdist group of its own (``xdist_group(__name__)``): one Chromium and one service serve a module, and
the workers share the modules among them, so that none is left with all of the browser's work.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.service import WATCHWORD, plain_environment

# What a browser would ask of its maker's servers has no business in a test, and no network to go to.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    # One process for all pages: with one for each, a page costs a sixth more.
    *("--disable-component-update", "--disable-sync", "--renderer-process-limit=1"),
]

# The first is the same engine without a window that nobody sees: a page costs it a third of the work.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")

PATIENCE = 60.0  # seconds: what is expected comes when it comes, on a machine that has much else to do
NUMBERS = count(1)

expect.set_options(timeout=PATIENCE * 1000)


@dataclass
class Site:
    """A running service in development mode, as its welcome describes it."""

    url: str
    mailbox: str
    api_key: str

    def ask(self, to: str, **more: Any) -> dict[str, Any]:
        """Ask for a verification, as an application's backend."""
        answer = httpx.post(
            f"{self.url}/v1/verifications",
            headers={"Authorization": f"Bearer {self.api_key}"},
            json={"channel": "email", "to": to, "purpose": "login", **more},
            timeout=PATIENCE,
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def check(self, verification: str, code: str) -> int:
        """Check a code, as an application's backend."""
        return httpx.post(
            f"{self.url}/v1/verifications/{verification}/check",
            headers={"Authorization": f"Bearer {self.api_key}"},
            json={"code": code},
            timeout=PATIENCE,
        ).status_code


@contextmanager
def serving(folder: Path, *, through: Sequence[str] = (str(WATCHWORD),), **settings: str) -> Iterator[Site]:
    """Start a service with its data in a folder and settings of its own, and stop it.

    Outside development mode it has neither mailbox nor key. ``through`` is the command that runs it.
    """
    command = [*through, "serve", "--json", "--bind", "127.0.0.1:0", "--data", str(folder / "data")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=plain_environment(**settings)) as server,
    ):
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        try:
            yield Site(said["url"], said.get("mailbox", ""), said.get("api_key", ""))
        finally:
            server.terminate()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A service with an empty mailbox."""
    with serving(tmp_path) as site:
        yield site


def executable() -> str:
    """Where Chromium is."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, BROWSERS)]
    assert any(found), "Chromium is not installed: `make test` does that"
    return next(filter(None, found))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, from the system.

    For a module and no longer: while it lives, its event loop counts as running, and no other test could have one.
    """
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable(), args=FLAGS, timeout=PATIENCE * 1000)
        made = chromium.new_context

        def patient(**how: Any) -> BrowserContext:
            context = made(**how)
            context.set_default_timeout(PATIENCE * 1000)
            return context

        setattr(chromium, "new_context", patient)  # noqa: B010 (an assignment is what a type checker refuses, rightly)
        yield chromium
        chromium.close()


@pytest.fixture
def to() -> str:
    """The address of somebody whom no other test knows, so that a mail to them is of this one."""
    return f"ann{next(NUMBERS)}@example.org"


LOOKS = {"phone-day": (390, "light"), "desktop-night": (1280, "dark")}


def on(look: str) -> pytest.MarkDecorator:
    """On one kind of screen, since what a page does is the same on each.

    That every state of the pages fits them all is in the modules named ``access``.
    """
    return pytest.mark.parametrize("page", [LOOKS[look]], ids=[look], indirect=True)


@pytest.fixture(params=list(LOOKS.values()), ids=list(LOOKS))
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of its own profile that fails the test for any script error, refused resource or foreign request."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    troubles: list[str] = []
    hosts: set[str] = set()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("request", lambda asked: hosts.add(asked.url.split("/")[2]) if asked.url.startswith("http") else None)
    yield page
    page.unroute_all(behavior="ignoreErrors")  # a page that looks by itself may be half-way through a handler
    context.close()
    assert troubles == []
    assert all(host.startswith(("127.0.0.1:", "localhost:")) for host in hosts)
