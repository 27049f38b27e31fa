"""A line to a server that fails as told: cut, dead, or losing one answer. A TCP proxy in the test's own event loop.

Rules: what is cut is cut at once, in both directions; a dead line takes everything and passes nothing on; a lost answer
is lost only after the server has given it, so that what was asked is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE = 65_536


class Line:
    """A proxy on a port of its own."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.lost = 0
        self._refuses = False
        self._passes = asyncio.Event()
        self._passes.set()
        self._words = b""
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """End all connections and take no new ones, until it is mended."""
        self._refuses = True
        for writer in set(self._open):
            writer.transport.abort()

    def die(self) -> None:
        """Pass nothing on any more, and say nothing of it."""
        self._passes.clear()

    def mend(self) -> None:
        """Work again."""
        self._refuses = False
        self._passes.set()

    def lose_answer_to(self, words: bytes) -> None:
        """Cut the connection instead of passing on the answer to the next message with these words in it."""
        self._words = words

    async def serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        if self._refuses:
            back.transport.abort()
            return
        self._open.add(back)
        try:
            far, on = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the server is down
            self._open.discard(back)
            back.transport.abort()
            return
        self._open.add(on)
        if back.transport.is_closing():  # it was cut meanwhile
            on.transport.abort()
        marked = asyncio.Event()
        tasks = [asyncio.create_task(self._there(near, on, marked)), asyncio.create_task(self._back(far, back, marked))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._open -= {back, on}
            for writer in (back, on):
                writer.transport.abort()

    async def _there(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, marked: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(PIECE):
                await self._passes.wait()
                if self._words and self._words in piece:
                    self._words = b""
                    marked.set()
                sink.write(piece)
                await sink.drain()

    async def _back(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, marked: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(PIECE):
                await self._passes.wait()
                if marked.is_set():
                    self.lost += 1
                    return
                sink.write(piece)
                await sink.drain()


@asynccontextmanager
async def a_line(target: int) -> AsyncIterator[Line]:
    """A line to a port of this machine, until the block ends."""
    line = Line(target)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.mend()
        line.cut()
