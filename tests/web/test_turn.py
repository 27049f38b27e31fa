"""Our own server gives the answers that any ASGI server gives, and holds a conversation in order."""

from __future__ import annotations

import asyncio
import gc
import re

import pytest
import uvicorn

from tests.support.listening import GET, HEAD, SETTINGS, Client, Plain, Server, listening, run, running, until
from tests.support.site import Site
from watchword.web.connection import Connection
from watchword.web.exchange import CLOSE, TEXT, Answer, GoneError, Request

HOST = b"Host: 127.0.0.1:8000\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"
KEYED = b"Authorization: Bearer %b\r\n" + JSON + b"\r\n"
DATE = re.compile(rb"date: [^\r]*\r\n")
LAST = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"


async def everything(client: Client, request: bytes) -> bytes:
    """All that comes back before the server closes, without dates."""
    await client.send(request)
    return DATE.sub(b"", await client.rest())


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n",
        b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n",
        LAST,
        b"GET http://127.0.0.1:8000/healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET /healthz?a=b HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET /healthz#part HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET /%68ealthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"OPTIONS /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"DELETE /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"POST /v1/verifications HTTP/1.1\r\nContent-Length: 2\r\n" + JSON + b"\r\n{}" + LAST,
        b"POST /v1/verifications HTTP/1.1\r\nContent-Length: 70000\r\n" + JSON + b"\r\n" + b" " * 70_000 + LAST,
        b"POST /v1/verifications HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + JSON + b"\r\n1\r\n{\r\n0\r\n\r\n" + LAST,
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + LAST,
    ],
    ids=[
        *("1.0", "1.0 kept alive", "close", "absolute", "query", "fragment", "escaped", "star", "head", "options"),
        *("wrong method", "problem", "refused", "too large", "chunked", "pipelined", "page"),
    ],
)
def test_our_own_server_and_any_other_give_the_same_bytes(site: Site, request_: bytes) -> None:
    async def test() -> None:
        async with listening(site.app) as server:
            own = await everything(await server.connect(), request_)
        config = uvicorn.Config(site.app, http="httptools", server_header=False, **SETTINGS)
        async with running(config) as port:
            client = Client(*await asyncio.open_connection("127.0.0.1", port))
            other = await everything(client, request_)
            client.writer.close()
        assert own.startswith(b"HTTP/1.1 ")
        assert other == own

    run(test)


# --- bodies ----------------------------------------------------------------------------------------


async def echo(request: Request) -> None:
    """Answer with the pieces of the body as they came."""
    pieces = []
    more = True
    while more:
        piece, more = await request.caller.piece()
        pieces.append(piece)
    await request.caller.answer(Answer(200, b"".join(pieces), TEXT), HEAD, bare=False)


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
            await until(lambda: server.one.turn is not None)
            await client.send(b"}")
            assert (await client.rest()).startswith(b"HTTP/1.1 422 ")

    run(test)


def test_a_body_is_handed_over_whole_however_it_was_cut() -> None:
    async def test() -> None:
        async with listening(Plain(echo)) as server:
            client = await server.connect()
            body = bytes(range(256)) * 2_000
            await client.send(GET + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            for start in range(0, len(body), 100_000):
                await client.send(body[start : start + 100_000])
                await asyncio.sleep(0)
            assert (await client.rest()).partition(b"\r\n\r\n")[2] == body

    run(test)


def test_a_body_that_nobody_takes_is_not_read_on() -> None:
    let_go = asyncio.Event()

    async def late(request: Request) -> None:
        await let_go.wait()
        await echo(request)

    async def test() -> None:
        async with listening(Plain(late)) as server:
            client = await server.connect()
            asking = asyncio.create_task(
                client.ask(GET + b"Content-Length: 8000000\r\n\r\n" + bytes(8_000_000)),
            )
            await until(lambda: server.one._paused)
            assert not asking.done()
            let_go.set()
            assert 200 == await asking

    run(test)


def test_a_client_that_leaves_within_its_body_is_gone() -> None:
    heard = asyncio.Event()

    async def wait(request: Request) -> None:
        try:
            await echo(request)
        except GoneError:
            heard.set()

    async def test() -> None:
        async with listening(Plain(wait)) as server:
            client = await server.connect()
            await client.send(GET + b"Content-Length: 10\r\n\r\nabc")
            await until(lambda: server.one.turn is not None)
            client.writer.close()
            await heard.wait()
            await until(lambda: not server.watch.connections)

    run(test)


# --- one after the other ---------------------------------------------------------------------------


def numbered(*numbers: int) -> bytes:
    return b"".join(GET.replace(b"/", b"/%d" % number, 1) + b"\r\n" for number in numbers)


async def name_it(request: Request) -> None:
    """Answer with the path, later ones sooner."""
    for _ in range(10 - int(request.path[1:]) % 10):
        await asyncio.sleep(0)
    headers = [CLOSE] if request.path == "/99" else None
    await request.caller.answer(Answer(200, request.path.encode() + b" ", TEXT, headers), HEAD, bare=False)


def test_answers_come_in_the_order_of_asking() -> None:
    async def test() -> None:
        async with listening(Plain(name_it)) as server:
            content = await everything(await server.connect(), numbered(*range(1, 50), 99))
            answers = re.findall(rb"/(\d+) ", content)
            assert [*range(1, 50), 99] == [int(answer) for answer in answers]

    run(test)


def test_nothing_is_answered_after_an_answer_that_closes() -> None:
    async def test() -> None:
        async with listening(Plain(name_it)) as server:
            content = await everything(await server.connect(), numbered(1, 99, 2, 3))
            assert [b"1", b"99"] == re.findall(rb"/(\d+) ", content)
            assert 1 == content.count(b"connection: close")

    run(test)


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("split", [False, True])
def test_a_body_that_comes_with_a_request_to_speak_another_protocol_is_read(*, framing: str, split: bool) -> None:
    # Java's own HTTP client asks for HTTP/2 with the first request of each connection, whatever it sends with it.
    head, body = {
        "length": (b"Content-Length: 4\r\n", b"body"),
        "chunks": (b"Transfer-Encoding: chunked\r\n", b"4\r\nbody\r\n0\r\n\r\n"),
    }[framing]

    async def test() -> None:
        async with listening(Plain(echo)) as server:
            client = await server.connect()
            head_of_it = GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + head + b"\r\n"
            if split:
                await client.send(head_of_it + body[:2])
                await until(lambda: server.one.is_owed)
                await client.send(body[2:])
            else:
                await client.send(head_of_it + body + b"\x00\x01 no HTTP")
            content = await client.rest()
            assert content.endswith(b"connection: close\r\n\r\nbody")

    run(test)


@pytest.mark.parametrize(
    "body", [b"5\r\nabcdeX\r\n", b"-1\r\n", b"5;" + b"x" * 40_000], ids=["end", "size", "extension"]
)
def test_a_body_that_is_not_framed_as_it_says_is_a_problem(site: Site, body: bytes) -> None:
    request = b"POST /v1/verifications HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + KEYED % site.world.key.encode()

    async def test() -> None:
        async with listening(site.app) as server:
            client = await server.connect()
            await client.send(request)
            await until(lambda: server.one.is_owed)
            content = await everything(client, body)
            assert content[9:12] in {b"400", b"431"}
            assert b"connection: close" in content

    run(test)


def test_a_request_keeps_its_answer_whatever_comes_after_it() -> None:
    async def test() -> None:
        async with listening(Plain(name_it)) as server:
            content = await everything(await server.connect(), numbered(1, 2) + b"no HTTP\r\n\r\n")
            assert [b"1", b"2"] == re.findall(rb"/(\d+) ", content)

    run(test)


def test_trailers_are_no_headers() -> None:
    seen = []

    async def look(request: Request) -> None:
        seen.append([name for name, _ in request.raw_headers])
        await request.caller.answer(Answer(200, b"", TEXT), HEAD, bare=False)

    async def test() -> None:
        async with listening(Plain(look)) as server:
            client = await server.connect()
            await client.ask(GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
            await client.ask()

    run(test)

    assert [[b"host", b"transfer-encoding"], [b"host"]] == seen


def test_a_client_of_http_1_0_is_sent_no_interim_answer() -> None:
    async def test() -> None:
        async with listening(Plain(echo)) as server:
            request = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody"
            content = await everything(await server.connect(), request)
            assert content.startswith(b"HTTP/1.1 200 ")
            assert content.endswith(b"body")

    run(test)


def test_a_request_to_speak_another_protocol_is_answered_in_this_one_and_is_the_last() -> None:
    async def test() -> None:
        async with listening(Plain(name_it)) as server:
            request = numbered(1)[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + b"\x00\x01 no HTTP"
            content = await everything(await server.connect(), request + numbered(2))
            assert [b"1"] == re.findall(rb"/(\d+) ", content)

    run(test)


def test_the_next_request_waits_for_the_client_to_take_the_last_answer() -> None:
    served = []

    async def much(request: Request) -> None:
        served.append(request.path)
        await request.caller.answer(Answer(200, bytes(8 << 20), TEXT), HEAD, bare=False)

    async def test() -> None:
        async with listening(Plain(much)) as server:
            client = await server.connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(numbered(1, 2))
            await until(lambda: server.one._full is not None)
            assert ["/1"] == served
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            await client.reader.readexactly(10 << 20)
            assert ["/1", "/2"] == served

    run(test)


# --- long answers ----------------------------------------------------------------------------------


def test_a_long_answer_waits_for_whoever_takes_it() -> None:
    pieces = 200
    written = []

    async def long(request: Request) -> None:
        answer = Answer(200, b"", TEXT)
        answer.length = pieces * 100_000
        await request.caller.begin(answer, HEAD)
        for _ in range(pieces):
            assert await request.caller.write(bytes(100_000))
            written.append(1)
        await request.caller.end()

    async def test() -> None:
        async with listening(Plain(long)) as server:
            client = await server.connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(GET + b"\r\n")
            await until(lambda: server.one._full is not None)
            assert len(written) < pieces
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert b"content-length: 20000000\r\n" in head
            assert 20_000_000 == len(await client.reader.readexactly(20_000_000))
            assert 200 == int(head[9:12])
            assert pieces == len(written)

    run(test)


def test_a_long_answer_ends_when_nobody_takes_it() -> None:
    told = []

    async def endless(request: Request) -> None:
        answer = Answer(200, b"", TEXT)
        answer.length = 1 << 40
        await request.caller.begin(answer, HEAD)
        while await request.caller.write(bytes(100_000)):
            pass
        told.append(True)

    async def test() -> None:
        async with listening(Plain(endless)) as server:
            client = await server.connect()
            await client.send(GET + b"\r\n")
            await client.reader.readexactly(1_000_000)
            client.writer.transport.abort()
            await until(lambda: bool(told))

    run(test)


def test_an_answer_that_ends_too_early_ends_its_connection() -> None:
    async def short(request: Request) -> None:
        answer = Answer(200, b"", TEXT)
        answer.length = 10
        await request.caller.begin(answer, HEAD)
        await request.caller.write(b"abc")
        await request.caller.end()

    async def test() -> None:
        async with listening(Plain(short)) as server:
            content = await everything(await server.connect(), GET + b"\r\n")
            assert content.endswith(b"content-length: 10\r\n\r\nabc")

    run(test)


def test_an_answer_is_never_longer_than_it_said(caplog: pytest.LogCaptureFixture) -> None:
    async def long(request: Request) -> None:
        answer = Answer(200, b"", TEXT)
        answer.length = 2
        await request.caller.begin(answer, HEAD)
        await request.caller.write(b"abc")

    async def test() -> None:
        async with listening(Plain(long)) as server:
            content = await everything(await server.connect(), GET + b"\r\n")
            assert content.endswith(b"content-length: 2\r\n\r\n")

    run(test)
    assert "ValueError" in caplog.text


# --- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b=c", b"a\nb", b"a\rb"])
def test_no_header_ends_its_line(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def split(request: Request) -> None:
        await request.caller.answer(Answer(200, b"", TEXT, [(b"x-name", value)]), HEAD, bare=False)

    async def test() -> None:
        async with listening(Plain(split)) as server:
            content = await everything(await server.connect(), GET + b"\r\n")
            assert content.startswith(b"HTTP/1.1 500 ")
            assert b"x-name" not in content

    run(test)
    assert "ValueError" in caplog.text
    assert "set-cookie" not in caplog.text


def test_a_fault_outside_of_everything_is_answered_without_any_detail(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: Request) -> None:
        raise RuntimeError("the secret of somebody")

    async def test() -> None:
        async with listening(Plain(broken)) as server:
            content = await everything(await server.connect(), GET + b"\r\n")
            assert content.startswith(b"HTTP/1.1 500 ")
            assert b"secret" not in content

    run(test)
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "request_",
    [
        GET + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        GET + b"Content-Length: +4\r\n\r\nabcd",
        GET + b"Content-Length: 4 4\r\n\r\nabcd",
        GET + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        GET + b"X: a\r\n folded\r\n\r\n",
        GET + b"X: a\x00b\r\n\r\n",
        GET + b"X: a\rb\r\n\r\n",
        GET + b"No colon\r\n\r\n",
        b"GET / HTTP/1.1\nHost: here\n\n",
        b"GET /\x00 HTTP/1.1\r\nHost: here\r\n\r\n",
        b"CONNECT here:443 HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=[
        *("two lengths by kind", "two lengths", "signed", "two in one", "not last", "no such coding", "hexadecimal"),
        *("space before colon", "folded", "zero", "bare return", "no colon", "bare newlines"),
        *("zero in address", "connect", "TLS"),
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_no_request(request_: bytes) -> None:
    served = []

    async def note(request: Request) -> None:
        served.append(request.path)
        await request.caller.answer(Answer(200, b"", TEXT), HEAD, bare=False)

    async def test() -> None:
        async with listening(Plain(note)) as server:
            content = await everything(await server.connect(), request_ + numbered(2))
            assert content.startswith(b"HTTP/1.1 400 ")
            assert [] == served
            await until(lambda: not server.watch.connections)

    run(test)


# --- the end of the process ------------------------------------------------------------------------


def end(server: Server) -> None:
    """Say to every connection what the web server says once the process is to end."""
    for connection in tuple(server.watch.connections):
        assert isinstance(connection, Connection)
        connection.shutdown()


def test_a_process_that_ends_finishes_what_is_under_way_and_closes_what_is_not() -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> None:
        await let_go.wait()
        await request.caller.answer(Answer(200, b"done", TEXT), HEAD, bare=False)

    async def test() -> None:
        async with listening(Plain(slow)) as server:
            idle, busy = await server.connect(), await server.connect()
            await busy.send(GET + b"\r\n")
            await until(lambda: any(connection.is_owed for connection in server.watch.connections))
            end(server)
            assert b"" == await idle.rest()
            let_go.set()
            content = await busy.rest()
            assert b"connection: close\r\n" in content
            assert content.endswith(b"done")

    run(test)


def test_a_client_that_asks_just_when_the_process_is_to_end_is_answered_and_told_that_it_was_the_last() -> None:
    async def test() -> None:
        async with listening(Plain(name_it)) as server:
            client = await server.connect()
            assert 200 == await client.ask(numbered(1))
            end(server)
            content = await everything(client, numbered(2))
            assert b"connection: close\r\n" in content
            assert content.endswith(b"/2 ")

    run(test)


def test_what_was_asked_for_in_one_go_is_answered_to_its_end_before_the_process_ends() -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> None:
        await let_go.wait()
        await name_it(request)

    async def test() -> None:
        async with listening(Plain(slow)) as server:
            client = await server.connect()
            await client.send(numbered(1, 2, 3))
            await until(lambda: any(connection.is_owed for connection in server.watch.connections))
            end(server)
            let_go.set()
            content = await client.rest()
            assert [b"/1", b"/2", b"/3"] == [part[:2] for part in content.split(b"\r\n\r\n")[1:]]
            assert 1 == content.count(b"connection: close\r\n")

    run(test)


def test_a_request_leaves_nothing_for_the_collector(site: Site) -> None:
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
