"""Answers leave together, in order, and none is lost or kept too long."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from tests.support import listening
from watchword.web.outlet import MOST, Outlet, Outlets


class Wire(asyncio.Transport):
    """A transport that remembers, and tells several apart."""

    def __init__(self, name: str, journal: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self._name = name
        self._journal = journal

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._journal.append((self._name, bytes(data)))

    def close(self) -> None:
        self._journal.append((self._name, b"(closed)"))

    def abort(self) -> None:
        self._journal.append((self._name, b"(aborted)"))

    def is_closing(self) -> bool:
        return False


Journal = list[tuple[str, bytes]]


@pytest.fixture
def journal() -> Journal:
    return []


def in_a_loop(test: Callable[[Callable[[str], Outlet]], Coroutine[Any, Any, None]], journal: Journal) -> None:
    async def run() -> None:
        outlets = Outlets()
        await test(lambda name: Outlet(cast("asyncio.Transport", Wire(name, journal)), outlets))

    asyncio.run(run())


def test_what_is_written_in_one_turn_leaves_at_its_end_in_one_piece_a_connection(journal: Journal) -> None:
    async def test(outlet: Callable[[str], Outlet]) -> None:
        one, other = outlet("one"), outlet("other")
        one.write(b"head ")
        other.write(b"answer")
        one.write(b"body")
        assert not journal
        await asyncio.sleep(0)

    in_a_loop(test, journal)

    assert [("one", b"head body"), ("other", b"answer")] == journal


def test_the_next_turn_begins_anew(journal: Journal) -> None:
    async def test(outlet: Callable[[str], Outlet]) -> None:
        one = outlet("one")
        for content in (b"first", b"second"):
            one.write(content)
            await asyncio.sleep(0)

    in_a_loop(test, journal)

    assert [("one", b"first"), ("one", b"second")] == journal


def test_closing_writes_first_what_is_kept(journal: Journal) -> None:
    async def test(outlet: Callable[[str], Outlet]) -> None:
        one = outlet("one")
        one.write(b"farewell")
        one.close()
        await asyncio.sleep(0)

    in_a_loop(test, journal)

    assert [("one", b"farewell"), ("one", b"(closed)")] == journal


def test_aborting_forgets_what_is_kept(journal: Journal) -> None:
    async def test(outlet: Callable[[str], Outlet]) -> None:
        one = outlet("one")
        one.write(b"too late")
        one.abort()
        await asyncio.sleep(0)

    in_a_loop(test, journal)

    assert [("one", b"(aborted)")] == journal


def test_much_is_not_kept_so_that_flow_control_sees_it(journal: Journal) -> None:
    async def test(outlet: Callable[[str], Outlet]) -> None:
        outlet("one").write(bytes(MOST + 1))
        assert 1 == len(journal)
        await asyncio.sleep(0)

    in_a_loop(test, journal)

    assert [("one", bytes(MOST + 1))] == journal


def test_a_connection_that_failed_to_write_harms_no_other(journal: Journal) -> None:
    async def test(outlet: Callable[[str], Outlet]) -> None:
        closed, one = outlet("closed"), outlet("one")
        closed.write(b"lost")
        one.write(b"answer")
        closed.abort()
        await asyncio.sleep(0)

    in_a_loop(test, journal)

    assert ("one", b"answer") in journal


def test_a_connection_whose_client_left_in_this_very_turn_keeps_no_answer_from_others() -> None:
    async def test() -> None:
        loop, outlets = asyncio.get_running_loop(), Outlets()
        (here, there), (gone_here, gone_there) = socket.socketpair(), socket.socketpair()
        gone, _ = await loop.create_unix_connection(asyncio.Protocol, sock=gone_here)
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=here)
        reader, writer = await asyncio.open_unix_connection(sock=there)
        gone.abort()  # which takes effect in the next turn, as when the client does it
        Outlet(gone, outlets).write(b"lost")
        Outlet(transport, outlets).write(b"answer")
        async with asyncio.timeout(60):
            assert b"answer" == await reader.readexactly(len(b"answer"))
        for each in (transport, writer, gone_there):
            each.close()

    listening.run(test)
