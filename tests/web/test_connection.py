"""Connections before they make a request: strangers cost little, and cannot hold on."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import weakref
from dataclasses import replace

import pytest

from tests.support.listening import BOUNDS, GET, HEAD, Client, Plain, answer, listening, run, until
from watchword.web.connection import BoundedConfig
from watchword.web.exchange import TEXT, Answer, Request
from watchword.web.watch import Bounds


def refused(content: bytes) -> tuple[int, str]:
    """Status and code of a problem that is all that came."""
    head, _, body = content.partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")[1:]
    problem = json.loads(body)
    assert {b"connection: close", b"content-type: application/problem+json", b"cache-control: no-store"} <= set(fields)
    assert f"content-length: {len(body)}".encode() in fields
    assert int(head[9:12]) == problem["status"]
    return problem["status"], problem["code"]


# --- sizes -----------------------------------------------------------------------------------------


def test_a_head_as_long_as_allowed_passes() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            room = 1_000 - len(b"/") - len(b"hosthere") - len(b"x") - 2 * 4
            assert 200 == await client.ask(GET + b"X: " + b"a" * room + b"\r\n\r\n")
            assert 200 == await client.ask()

    run(test)


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"a" * 1_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        GET + b"X: " + b"a" * 1_000_000,
        b"GET /" + b"a" * 1_000_000,
        GET + b"X: a\r\n" * 100_000,
        GET + b"X: a\r\n" * 10 + b"\r\n",
    ],
    ids=["header", "address", "endless header", "endless address", "endless headers", "too many headers"],
)
def test_a_head_that_is_too_large_is_refused_and_the_connection_closed(head: bytes) -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            client.writer.write(head)
            content = await client.rest()
            if content:  # a client that still sends may find the connection reset
                assert (431, "head_too_large") == refused(content)
            assert content or len(head) > 100_000
            await until(lambda: not server.watch.connections)

    run(test)


def test_a_head_that_grows_in_pieces_is_refused_at_the_first_byte_too_many() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            await client.send(GET + b"X: ")
            sent = len(GET) + 3
            await server.has_read(sent)
            await client.send(b"a" * (1_000 - sent))
            await server.has_read(1_000)
            await client.send(b"a")
            assert (431, "head_too_large") == refused(await client.rest())

    run(test)


def test_the_second_head_of_a_connection_is_bound_as_well() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            assert 200 == await client.ask()
            await client.send(GET + b"X: " + b"a" * 1_000 + b"\r\n\r\n")
            assert (431, "head_too_large") == refused(await client.rest())

    run(test)


def test_a_body_is_no_head_however_long() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            body = b"a" * 300_000
            assert 200 == await client.ask(GET + b"Content-Length: 300000\r\n\r\n" + body)
            assert 200 == await client.ask()

    run(test)


def test_trailers_without_end_are_refused() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            assert 200 == await client.ask(GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
            client.writer.write(b"X: " + b"a" * 1_000_000)
            await client.rest()
            await until(lambda: not server.watch.connections)

    run(test)


def test_what_is_not_http_is_a_problem() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            await client.send(b"EHLO here\r\n\r\n")
            assert (400, "malformed") == refused(await client.rest())

    run(test)


def test_an_answer_under_way_is_not_written_into() -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> None:
        await request.caller.begin(Answer(200, b"done", TEXT), HEAD)
        await let_go.wait()
        await request.caller.write(b"done")
        await request.caller.end()

    async def test() -> None:
        async with listening(Plain(slow)) as server:
            client = await server.connect()
            await client.send(GET + b"\r\n")
            head = await client.reader.readuntil(b"\r\n\r\n")
            await client.send(b"X: " + b"a" * 1_001)
            assert b"" == await client.rest()
            let_go.set()
            assert b"200" == head[9:12]

    run(test)


def test_no_more_requests_wait_than_may_and_those_that_do_are_answered() -> None:
    let_go, served = asyncio.Event(), list[str]()

    async def slow(request: Request) -> None:
        served.append(request.path)
        await let_go.wait()
        await answer(request)

    async def test() -> None:
        async with listening(Plain(slow), bounds=replace(BOUNDS, waiting=2)) as server:
            client = await server.connect()
            await client.send(b"".join(GET.replace(b"/ ", b"/%d " % number) + b"\r\n" for number in range(9)))
            await until(lambda: served == ["/0"])
            assert 2 == len(server.one._waiting)
            let_go.set()
            heads = (await client.rest()).lower().split(b"http/1.1 ")[1:]
            assert [b"200"] * 3 == [head[:3] for head in heads]
            assert [False, False, True] == [b"connection: close" in head for head in heads]
            assert ["/0", "/1", "/2"] == served

    run(test)


# --- time ------------------------------------------------------------------------------------------


def test_a_head_that_stays_half_sent_is_answered_and_closed() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            await client.send(GET)
            await server.has_read(len(GET))
            server.let_pass(3)
            assert not server.one.transport.is_closing()
            server.let_pass(1)
            assert (408, "request_timeout") == refused(await client.rest())

    run(test)


def test_a_drop_now_and_then_wins_no_time() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            for size in range(1, 5):
                await client.send(GET[size - 1 : size])
                await server.has_read(size)
                server.let_pass(1)
            assert (408, "request_timeout") == refused(await client.rest())

    run(test)


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            server.let_pass(4)
            assert b"" == await client.rest()

    run(test)


def test_blank_lines_keep_no_connection_open() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            assert 200 == await client.ask()
            for size in (2, 4, 6, 8):
                await client.send(b"\r\n")
                await server.has_read(len(GET) + 2 + size)
                server.let_pass(1)
            await client.rest()
            await until(lambda: not server.watch.connections)

    run(test)


def test_a_body_that_nobody_reads_keeps_no_connection_open() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            assert 200 == await client.ask(GET + b"Content-Length: 1000000\r\n\r\n")
            for _ in range(4):
                await client.send(b"a")
                await until(lambda: server.one._came == 1)
                server.let_pass(1)
            assert b"" == await client.rest()

    run(test)


def test_a_request_under_way_is_left_to_its_own_deadline() -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> None:
        await let_go.wait()
        await answer(request)

    async def test() -> None:
        async with listening(Plain(slow)) as server:
            client = await server.connect()
            asking = asyncio.create_task(client.ask())
            await until(lambda: server.one.is_owed)
            server.let_pass(100)
            let_go.set()
            assert 200 == await asking

    run(test)


def test_each_request_begins_the_time_anew() -> None:
    async def test() -> None:
        async with listening() as server:
            client = await server.connect()
            for _ in range(3):
                assert 200 == await client.ask()
                server.let_pass(3)
            assert 200 == await client.ask()

    run(test)


def test_a_client_that_does_not_take_its_answer_is_cut_off() -> None:
    async def much(request: Request) -> None:
        await request.caller.answer(Answer(200, bytes(32 << 20), TEXT), HEAD, bare=False)

    async def test() -> None:
        async with listening(Plain(much)) as server:
            client = await server.connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(GET + b"\r\n")
            await until(lambda: server.one.turn is not None and server.one.turn.over)
            server.let_pass(4)
            assert server.one.transport.is_closing()
            server.let_pass(4)
            await until(lambda: not server.watch.connections)

    run(test)


def test_the_watch_ticks_by_itself_while_there_are_connections() -> None:
    async def test() -> None:
        async with listening(bounds=Bounds(patience=0.0), ticks=True) as server:
            client = await server.connect()
            assert b"" == await client.rest()

    run(test)


# --- how many --------------------------------------------------------------------------------------


def test_beyond_its_connections_a_process_refuses_and_takes_again_when_one_left() -> None:
    async def test() -> None:
        async with listening(bounds=Bounds(connections=2)) as server:
            first, second = await server.connect(), await server.connect()
            third = Client(*await asyncio.open_connection("127.0.0.1", server.port))
            server.clients.append(third)
            content = await third.rest()
            assert (503, "overloaded") == refused(content)
            assert b"retry-after: 1\r\n" in content
            assert [200, 200] == [await first.ask(), await second.ask()]

            first.writer.close()
            await until(lambda: len(server.watch.connections) == 1)
            assert 200 == await (await server.connect()).ask()

    run(test)


OVER = {
    "silent": (b"", 0),
    "half a head": (GET, 0),
    "answered": (GET + b"\r\n", 1),
    "half a head after an answer": (GET + b"\r\n" + GET, 1),
    "closed": (GET + b"Connection: close\r\n\r\n", 1),
    "in a row": ((GET + b"\r\n") * 3, 3),
    "half a body": (GET + b"Content-Length: 10\r\n\r\nhalf", 0),
    "broken body": (GET + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nno size\r\n", 1),
    "upgrade": (GET + b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab", 1),
    "head too large": (GET + b"X: " + b"a" * 1_000 + b"\r\n\r\n", 1),
    "no HTTP": (b"no HTTP\r\n\r\n", 1),
}


@pytest.mark.parametrize("wait", [True, False], ids=["heard", "left"])
@pytest.mark.parametrize("over", OVER)
def test_a_connection_that_is_over_leaves_nothing_for_the_collector(over: str, wait: bool) -> None:
    """It comes seldom: what waits for it is held by the process, and strangers choose how much that is."""
    sent, answers = OVER[over]

    async def read(request: Request) -> None:
        more = True
        while more:
            _, more = await request.caller.piece()
        await answer(request)

    async def test() -> None:
        async with listening(Plain(read)) as server:
            client = await server.connect()
            connection = weakref.ref(server.one)
            await client.send(sent)
            for _ in range(answers if wait else 0):
                await client.reader.readuntil(b"\r\n\r\n")
            client.writer.transport.abort()
            await until(lambda: connection() is None)
            assert not server.watch.connections

    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()


def test_what_was_refused_is_told_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with listening(bounds=Bounds(connections=1)) as server:
            await server.connect()
            for _ in range(3):
                client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
                server.clients.append(client)
                await client.rest()
            server.watch.tick()
            server.watch.tick()

    run(test)

    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert 3 == sum(int(line.partition(": ")[2].partition(" ")[0]) for line in told)
    assert len(told) <= 3


def test_the_configuration_travels_to_workers() -> None:
    config = BoundedConfig("nowhere:app", bounds=BOUNDS)  # type: ignore[arg-type]

    copy = pickle.loads(pickle.dumps(config))  # noqa: S301 (our own bytes)

    assert BOUNDS == copy.watch.bounds
