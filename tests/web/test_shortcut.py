"""The short way and the long way give the same answers, byte for byte."""

from __future__ import annotations

import gc
import re

import pytest

from tests.support.listening import App, listening, run, until
from tests.support.site import Site
from watchword.web.asgi import Receive, Scope, Send
from watchword.web.shortcut import NAME

HOST = b"Host: 127.0.0.1:8000\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"
KEYED = b"Authorization: Bearer %b\r\n" + JSON + b"\r\n"
DATE = re.compile(rb"date: [^\r]*\r\n")


def the_long_way(app: App) -> App:
    """The same application under a server that offers no shortcut."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        assert NAME in scope.pop("extensions")
        await app(scope, receive, send)

    return served


async def heard(app: App, request: bytes) -> bytes:
    """Everything that comes back before the server closes, without dates."""
    async with listening(app) as server:
        client = await server.connect()
        await client.send(request)
        return DATE.sub(b"", await client.rest())


LAST = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n",
        LAST,
        b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"OPTIONS /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"POST /v1/verifications HTTP/1.1\r\nContent-Length: 2\r\n" + JSON + b"\r\n{}" + LAST,
        b"POST /v1/verifications HTTP/1.1\r\nContent-Length: 70000\r\n" + JSON + b"\r\n" + b" " * 70_000 + LAST,
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
    ],
    ids=["1.0", "close", "head", "options", "problem", "refused", "too large", "pipelined", "page"],
)
def test_both_ways_give_the_same_bytes(site: Site, request_: bytes) -> None:
    async def test() -> None:
        short, long = [await heard(app, request_) for app in (site.app, the_long_way(site.app))]
        assert short.startswith(b"HTTP/1.1 ")
        assert long == short

    run(test)


def test_a_body_that_waits_to_be_asked_for_is_asked_for(site: Site) -> None:
    async def test() -> None:
        async with listening(site.app) as server:
            client = await server.connect()
            await client.send(
                b"POST /v1/verifications HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                + KEYED % site.world.key.encode()
            )
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == await client.reader.readuntil(b"\r\n\r\n")
            await client.send(b"{}")
            assert (await client.rest()).startswith(b"HTTP/1.1 422 ")

    run(test)


def test_a_body_in_two_pieces_is_waited_for(site: Site) -> None:
    async def test() -> None:
        async with listening(site.app) as server:
            client = await server.connect()
            head = b"POST /v1/verifications HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n"
            await client.send(head + KEYED % site.world.key.encode() + b"{")
            await until(lambda: server.one.cycle is not None)
            await client.send(b"}")
            assert (await client.rest()).startswith(b"HTTP/1.1 422 ")

    run(test)


def test_a_request_leaves_nothing_to_the_collector(site: Site) -> None:
    async def test() -> None:
        async with listening(site.app) as server:
            client = await server.connect()
            request = (
                b"POST /v1/verifications HTTP/1.1\r\nContent-Length: 2\r\n" + KEYED % site.world.key.encode() + b"{}"
            )
            await client.ask(request)
            gc.collect()
            for _ in range(100):
                assert 422 == await client.ask(request)
            assert gc.collect() < 100, "each request left a ring of objects behind"

    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()
