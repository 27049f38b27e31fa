"""One request's turn on a connection: its body as it arrives, and its answer on the wire.

This is our own server's way to the gate, past ASGI's messages: those cost four coroutines a request, two regular
expressions for every header and a timer (docs/adr/0011).

Not handled here: reading the wire (``connection.py``), what is answered (``gate.py``), when bytes leave the process
(``outlet.py``).

Rules:

* a connection serves one request at a time and answers in the order of asking;
* an answer says how long it is and is never longer; one that ends too early ends its connection with it;
* nobody's answer is written while somebody else's is under way, and none to a client that left.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from watchword.errors import WatchwordError
from watchword.web.exchange import CLOSE, Answer, GoneError, Head, Headers, write_lines

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
HIGH_WATER = 64 * 1024  # bytes of a body that wait for its reader


@lru_cache(maxsize=2048)  # most answers are as long as others were
def _length(length: int) -> bytes:
    return b"content-length: %d\r\n" % length


def _more(headers: Headers) -> bytes:
    if isinstance(headers, tuple):
        return _known(headers)
    return write_lines([header for header in headers if header != CLOSE])


_known = lru_cache(maxsize=4096)(write_lines)


class Line(Protocol):
    """What a turn needs of its connection."""

    loop: asyncio.AbstractEventLoop

    def write(self, content: bytes) -> None:
        """Send bytes."""

    def dates(self) -> bytes:
        """The lines that begin every head."""

    def pause_reading(self) -> None:
        """Take nothing from the client for now."""

    def resume_reading(self) -> None:
        """Take more from the client."""

    async def drained(self) -> None:
        """Wait until the client has taken what was sent, or left."""

    def end_turn(self, turn: Turn) -> None:
        """Go on to the next request, or close where none may follow."""


class Turn:
    """A request's turn (``exchange.Caller``).

    ``keep`` tells whether the connection outlives it, ``expects`` that the client waits to be told to send its body
    (RFC 9110, 10.1.1), ``fault`` why the rest of its body cannot be read, ``began`` and ``over`` how far its answer is,
    ``gone`` that the client left.
    """

    __slots__ = ("_body", "_line", "_more", "_owed", "_waiting", "began", "expects", "fault", "gone", "keep", "over")

    def __init__(self, line: Line, *, keep: bool) -> None:
        self._line = line
        self._body = b""
        self._more = True
        self.fault: WatchwordError | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._owed = 0  # bytes of the answer still to come
        self.keep = keep
        self.expects = False
        self.began = False
        self.over = False
        self.gone = False

    # --- what the connection reads -----------------------------------------------------------------

    def take(self, piece: bytes) -> None:
        """Keep a piece of the body, unless nobody will ask for it."""
        if self.over:
            return
        self._body += piece
        if len(self._body) > HIGH_WATER:
            self._line.pause_reading()
        self._wake()

    def complete(self) -> None:
        """Note that the body is whole."""
        self._more = False
        self._wake()

    def spoil(self, error: WatchwordError) -> None:
        """Note that the rest of the body cannot be read. Whoever asks for it is told; a whole body is left alone."""
        if self._more:
            self.fault = error
            self._wake()

    def leave(self) -> None:
        """Note that the client left."""
        self.gone = True
        self.keep = False
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # --- what the gate asks for --------------------------------------------------------------------

    def whole(self) -> bytes | None:
        """The body, where all of it has arrived."""
        if self._more or self.expects or self.gone:
            return None
        body, self._body = self._body, b""
        return body

    async def piece(self) -> tuple[bytes, bool]:
        """The next piece of the body."""
        if self.expects:
            self.expects = False
            self._line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while self._more and not self._body and not self.gone and self.fault is None:
            self._line.resume_reading()
            self._waiting = self._line.loop.create_future()
            await self._waiting
        if self.gone:
            raise GoneError
        if self.fault is not None:
            raise self.fault
        body, self._body = self._body, b""
        return body, self._more

    async def answer(self, answer: Answer, head: Head, *, bare: bool) -> None:
        """Give a whole answer. It waits for nobody: the next request does, until the client has taken this one."""
        self._send_head(answer, head, b"" if bare else answer.body)
        self._end()

    async def begin(self, answer: Answer, head: Head) -> None:
        """Give the head of a long answer."""
        self._owed = answer.length
        self._send_head(answer, head, b"")

    async def write(self, piece: bytes) -> bool:
        """Give a piece of it."""
        await self._line.drained()
        if len(piece) > self._owed:
            raise ValueError("An answer is longer than it said.")
        if not self.gone:
            self._owed -= len(piece)
            self._line.write(piece)
        return not self.gone

    async def end(self) -> None:
        """End it."""
        self._end()

    def give_up(self) -> None:
        """End a turn that nobody will answer any more."""
        if not self.over:
            self.keep = False
            self._end()

    def _end(self) -> None:
        self.over = True
        self._body = b""
        if self._owed:
            self.keep = False
        self._line.end_turn(self)

    def _send_head(self, answer: Answer, head: Head, body: bytes) -> None:
        if answer.headers is not None and CLOSE in answer.headers:
            self.keep = False
        if not self.gone:
            self._line.write(write_head(answer, head, self._line.dates(), keep=self.keep) + body)
        self.began = True


def write_head(answer: Answer, head: Head, dates: bytes, *, keep: bool) -> bytes:
    """The head of an answer; ``dates`` are the lines that it begins with."""
    more = b"" if answer.headers is None else _more(answer.headers)
    length = _length(answer.length)
    end = b"\r\n" if keep else b"connection: close\r\n\r\n"
    return b"".join((STATUS_LINES[answer.status], dates, head.lines, length, more, end))
