"""What a request may do past ASGI's messages, where the web server is the one that we bring along.

Taking a body that has arrived and giving an answer that is whole are each one step here. As messages they are four
coroutines and two regular expressions for every header, which our own headers do not need. Under another server, or
where a step does not fit (a body still arriving, a client that reads slowly), requests go the long way and the
answers are the same.

Not handled here: which headers an answer has (``headers.py``), when it leaves the process (``outlet.py``).
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from watchword.web.asgi import Headers

NAME = "watchword.shortcut"  # in a scope's extensions


def write_lines(headers: Headers) -> bytes:
    """Headers as they stand in an answer's head."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


class DefaultLines:
    """The lines that the server adds by itself (the date), written once for as long as they stay the same."""

    def __init__(self) -> None:
        self._headers: Headers = []
        self._lines = b""

    def of(self, headers: Headers) -> bytes:
        """Write them. The server makes a new list when they change, once a second."""
        if headers is not self._headers:
            self._headers, self._lines = headers, write_lines(headers)
        return self._lines


class Shortcut:
    """The short way of one request."""

    __slots__ = ("_cycle", "_defaults")

    def __init__(self, cycle: RequestResponseCycle, defaults: DefaultLines) -> None:
        self._cycle = cycle
        self._defaults = defaults

    def body(self) -> bytes | None:
        """The whole body, once; None where it has not all arrived, or somebody waits to be told to send it."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    def answer(self, status: int, lines: bytes, body: bytes) -> bool:
        """Give the whole answer; False where it must go the long way."""
        cycle = self._cycle
        if cycle.response_started or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if cycle.disconnected:
            return True
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        defaults = self._defaults.of(cycle.default_headers)
        length = b"content-length: %d\r\n" % len(body)
        cycle.transport.write(b"".join((STATUS_LINE[status], defaults, lines, length, end, body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        del self._cycle  # its scope holds this shortcut: a ring that only the collector would open
        return True
