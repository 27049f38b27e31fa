"""The scribe of a database server: what is asked for goes into the batches of its own two lanes (docs/adr/0052).

Not handled here: who asks, and the process (``adapters/scribe.py``), lanes and batches (``pens.py``).

Rules: it keeps to one half of the processors, so that it and whoever asks are not put on one (docs/adr/0059); results
leave as they come, which is not the order of asking; once nobody asks any more, what was asked for is finished and
answered, and that is the end.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import msgspec

from watchword.adapters.batch import Results
from watchword.adapters.cores import keep_to_later_half
from watchword.adapters.frames import Frames, answer, took
from watchword.adapters.postgres.address import PostgresAddress
from watchword.adapters.postgres.lane import Call
from watchword.adapters.postgres.pens import Execute, Pens
from watchword.adapters.postgres.verbs import VERBS
from watchword.adapters.verbs import unreadable

NewLoop = Callable[[], asyncio.AbstractEventLoop]

# The asker bounds what is under way, and says so to whom it refuses.
_WAITING: Final = 2**31


def write(asked: socket.socket, address: PostgresAddress, new_loop: NewLoop) -> None:
    """Carry out what is asked for over this socket until its other end is closed. Blocks."""
    keep_to_later_half()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(asked, address))


async def _serve(asked: socket.socket, address: PostgresAddress) -> None:
    asked.setblocking(False)  # noqa: FBT003 - the standard library's own
    desk = _Desk(address)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: desk, asked)
    await desk.closed()


class _Desk(asyncio.Protocol):
    """Where calls come in and answers leave."""

    def __init__(self, address: PostgresAddress) -> None:
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._answers: list[bytes] = []
        self._left, self._lost = asyncio.Event(), asyncio.Event()
        self._transport: asyncio.Transport
        self._pens = Pens(address, waiting=_WAITING, around=self._timed)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Queue what has come."""
        for number, kind, packed in self._frames.take(data):
            verb = VERBS[kind]
            try:
                arguments = verb.read_arguments(packed)
            except msgspec.ValidationError as error:
                self._tell(answer(number, unreadable(error)))
            else:
                self._pens.submit(verb.work, arguments).add_done_callback(partial(self._done, number))

    def eof_received(self) -> bool:
        """Nobody asks any more. What is under way is answered still."""
        self._left.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own
        """Nobody listens any more."""
        self._left.set()
        self._lost.set()

    async def closed(self) -> None:
        """Wait for the end, and finish."""
        await self._left.wait()
        await self._pens.drain()
        await asyncio.gather(*(link.aclose() for link in self._pens.links))
        self._send()
        self._transport.close()
        await self._lost.wait()  # once all of it was written: the loop's end would take the rest along

    def _timed(self, execute: Execute) -> Execute:
        async def timed(calls: Sequence[Call]) -> Results:
            began = time.perf_counter()
            results = await execute(calls)
            self._tell(took((time.perf_counter() - began) * 1_000, calls))
            return results

        return timed

    def _done(self, number: int, future: asyncio.Future[Any]) -> None:
        self._tell(answer(number, future.exception() or future.result()))  # a batch fails with errors of ours alone

    def _tell(self, told: bytes) -> None:
        if not self._answers:
            self._loop.call_soon(self._send)  # with whatever else is done in this turn
        self._answers.append(told)

    def _send(self) -> None:
        if self._answers and not self._lost.is_set():
            self._transport.write(b"".join(self._answers))
        self._answers.clear()
