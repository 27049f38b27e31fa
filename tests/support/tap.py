"""A proxy in front of a service that keeps everything it passes on, and cuts where it is told to.

For browsers that run in the test's own thread: the proxy has a thread and an event loop of its own.

Rules: it knows HTTP/1.1 just well enough to tell one message from the next; a cut ends both connections at once, and
an answer is cut only when its first byte is there, so that the service has done what was asked.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PIECE = 65_536
ALWAYS = 1_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Exchange:
    """A request and its answer, as far as they came through."""

    head: bytes = b""
    body: bytearray = field(default_factory=bytearray)
    answer_head: bytes = b""
    answer_body: bytearray = field(default_factory=bytearray)

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def target(self) -> bytes:
        return self.line.split(b" ")[1]

    def header(self, name: str) -> bytes:
        """The value of a header of the request, empty where there is none."""
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", self.head, re.IGNORECASE)
        return found[1] if found else b""


@dataclass
class Cut:
    """Which messages are cut, and after how much of them. ``times`` counts down."""

    line: re.Pattern[bytes]
    percent: int
    way: str = "answer"
    times: int = ALWAYS

    def allows(self, way: str, exchange: Exchange, size: int) -> int:
        """How many bytes of this message pass."""
        if way != self.way or self.times == 0 or not self.line.match(exchange.line):
            return size
        self.times -= 1
        return size * self.percent // 100


class Tap:
    """The proxy. Listens from the start; ``target`` is the port of the service, as soon as it has one.

    With ``tls`` it is reached by https, as a proxy is that stands between a service and the world.
    """

    def __init__(self, target: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self._tls = tls
        self.exchanges: list[Exchange] = []
        self.cuts: list[Cut] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        begins = "https://localhost" if tls else "http://127.0.0.1"  # rules for names of hosts leave out addresses
        self.url = f"{begins}:{self._listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)

    @property
    def proofs(self) -> set[str]:
        """Every proof that was in the body of a request."""
        bodies = b"\n".join(bytes(each.body) for each in [*self.exchanges]).decode("latin-1")
        return set(re.findall(r'"proof": ?"([^"]+)"', bodies))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)
        self._loop.close()

    @contextmanager
    def cutting(self, line: bytes, percent: int, *, way: str = "answer", times: int = ALWAYS) -> Iterator[Cut]:
        """Cut the messages whose request begins like this, while the block lasts."""
        cut = Cut(re.compile(line), percent, way, times)
        self.cuts.append(cut)
        yield cut
        self.cuts.remove(cut)

    def asked(self, line: bytes) -> list[Exchange]:
        """The exchanges whose request begins like this."""
        return [each for each in self.exchanges if re.match(line, each.line)]

    async def _run(self) -> None:
        goodbye = 1.0 if self._tls else None  # seconds for a browser that does not answer one
        server = await asyncio.start_server(
            self._serve, sock=self._listener, ssl=self._tls, ssl_shutdown_timeout=goodbye
        )
        await self._over.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far, on = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the service is down, and whoever asked is told as bluntly as any proxy would
            back.transport.abort()
            return
        under_way: list[Exchange] = []
        try:
            ways = (("request", near, on), ("answer", far, back))
            tasks = [asyncio.create_task(self._pass(way, under_way, *ends)) for way, *ends in ways]  # type: ignore[arg-type]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        finally:
            on.close()
            back.close()
            if self._tls:  # its end takes a message each way, and the loop is there as long
                with suppress(OSError):
                    await back.wait_closed()

    async def _pass(
        self, way: str, under_way: list[Exchange], source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """Pass on one message after the other, until an end is gone or a cut is due."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await source.readuntil(b"\r\n\r\n"):
                exchange = self._noted(way, under_way, head)
                kept = exchange.body if way == "request" else exchange.answer_body
                found = _LENGTH.search(head)
                rest = int(found[1]) if found else 0
                size = len(head) + rest
                passes = min([size, *(cut.allows(way, exchange, size) for cut in self.cuts)])
                sink.write(head[:passes])
                left = passes - len(head)
                while rest and left >= 0 and (piece := await source.read(min(rest, PIECE))):
                    rest -= len(piece)
                    kept += piece
                    sink.write(piece[: max(0, left)])
                    left -= len(piece)
                    await sink.drain()
                if passes < size:
                    # What was written is to arrive, and nothing more.
                    sink.close()
                    await sink.wait_closed()
                    return

    def _noted(self, way: str, under_way: list[Exchange], head: bytes) -> Exchange:
        if way == "request":
            under_way[:] = [Exchange(head)]
            self.exchanges += under_way
        else:
            under_way[0].answer_head = head
        return under_way[0]
