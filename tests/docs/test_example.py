"""The example app where its service is not as it should be. How it works otherwise is seen in a browser (tests/e2e)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from examples.login.app import create_app
from tests.client.answers import ID, KEY, problem
from watchword.client import AsyncClient, BrowserSession

ROOT = Path(__file__).parents[2]
SERVICE, SHOP = "http://127.0.0.1:1", "http://localhost:8080"


def down(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no", request=request)


def unknowing(_: httpx.Request) -> httpx.Response:
    return httpx.Response(404, content=problem("unknown"))


def come_back(service: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
    """Come back from the mail to a shop with that service, as the browser that asked."""

    async def ask() -> httpx.Response:
        browser = BrowserSession.begin(f"{SHOP}/callback").of(ID, "ann@example.org")
        async with AsyncClient(SERVICE, KEY, unsafe_transport=httpx.MockTransport(service)) as client:
            transport = httpx.ASGITransport(create_app(client, SERVICE, SHOP))
            cookies = {"watchword": browser.cookie()["value"]}
            async with httpx.AsyncClient(transport=transport, base_url=SHOP, cookies=cookies) as person:
                return await person.get("/callback", params={"code": "hand-off", "state": browser.state})

    return asyncio.run(ask())


def test_a_service_that_is_down_signs_nobody_in_and_says_so_without_its_address() -> None:
    answer = come_back(down)

    assert "The service cannot be reached." in answer.text
    assert "127.0.0.1" not in answer.text
    assert "set-cookie" not in answer.headers  # what binds the browser is kept: the same link may be tried again


def test_what_the_service_does_not_know_any_more_is_over() -> None:
    answer = come_back(unknowing)

    assert (303, "/over") == (answer.status_code, answer.headers["location"])


def test_a_port_that_is_taken_is_named_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, "-m", "examples.login"],
            cwd=ROOT, env=os.environ | {"EXAMPLE_PORT": port}, capture_output=True, check=False, timeout=60,
        )  # fmt: skip

    assert 1 == ran.returncode
    said = f"The shop cannot listen on port {port}: Address already in use. EXAMPLE_PORT names another one.\n"
    assert said == ran.stderr.decode()
