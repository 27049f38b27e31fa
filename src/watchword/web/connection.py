"""One client's connection: requests are read from it, one after the other, within bounds on what a stranger may cost.

Nobody has been asked for a key while a head arrives, so this is where a process is defended against whoever can reach
its port. What is HTTP and what is not is httptools' to say (llhttp, the parser of Node.js).

Not handled here: what follows a head (``turn.py``, ``gate.py``), bodies that are read (``body.py``, ``watchdog.py``),
listening, signals and the end of the process (the web server, which calls this its protocol).

Rules:

* a head has at most ``Bounds.head`` bytes and ``Bounds.headers`` lines; so have trailers, which nobody reads;
* whoever only holds on is let go by the watch (``watch.py``);
* requests that come before the last one was answered wait, and nothing more is read meanwhile; of one piece that was
  read, ``Bounds.waiting`` may, and what follows them ends the connection;
* what cannot be read after a request ends the connection, and takes no answer from the request;
* trailers are nobody's headers: a proxy adds what it knows of a client before them, and a client could add after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from watchword.errors import OverloadedError, WatchwordError
from watchword.web import problems
from watchword.web.exchange import PROBLEM, Head, Headers, Request, write_lines
from watchword.web.headers import ALWAYS
from watchword.web.outlet import Outlet
from watchword.web.problems import HeadTooLargeError, MalformedError, SlowRequestError
from watchword.web.turn import Turn, write_head
from watchword.web.watch import Bounds, Watch

LINGER = 1.0  # seconds in which a client that is owed nothing may still ask, once the process is to end

_log = logging.getLogger("uvicorn.error")


class BoundedConfig(Config):
    """The web server's configuration, with the watch of its process. The application is an ``Application`` of ours."""

    def __init__(self, app: Callable[..., object], *, bounds: Bounds, **more: Any) -> None:  # noqa: ANN401 - its own
        super().__init__(app, http=Connection, **{**more, "proxy_headers": False})
        self.watch = Watch(bounds)
        self.dates = Dates()


class Application(Protocol):
    """What requests are handed to."""

    def serve(self, request: Request) -> Awaitable[None]:
        """Serve a request and see to its answer."""


class Dates:
    """The lines that the server begins every head with, written once for as long as they stay the same."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def of(self, state: ServerState) -> bytes:
        """Write them. The server makes a new list when they change, once a second."""
        if state.default_headers is not self._headers:
            self._headers, self._lines = state.default_headers, write_lines(state.default_headers)
        return self._lines


class Connection(asyncio.Protocol):
    """A connection. ``strikes`` are the seconds in which the client brought nothing; ``turn`` is the last one begun."""

    def __init__(
        self,
        config: BoundedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002 - the server's word for what a lifespan leaves; ours leaves nothing
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        application: Any = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.transport: Any = None
        self.turn: Turn | None = None
        self.strikes = 0
        self._serve: Callable[[Request], Awaitable[None]] = application.serve
        self._server = server_state
        self._dates = config.dates
        self._parser = httptools.HttpRequestParser(self)
        # A client may say with its request that it is the last one, and still send: that is not read, and no error.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._peer = ""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._reading: Turn | None = None  # the one whose body arrives
        self._framing: Headers = []  # what tells how long the body is of a request to speak another protocol
        self._waiting: deque[tuple[Request, Turn]] = deque()
        self._paused = False
        self._leaving = False
        self._full: asyncio.Future[None] | None = None  # while the client does not take what it was sent
        self._watch = config.watch
        self._most = config.watch.bounds.head
        self._most_headers = config.watch.bounds.headers
        self._came = 0  # bytes of the piece that is being read
        self._before = 0  # bytes before it, of what is not whole yet: never too few
        self._whole = False  # whether something became whole in this piece
        self._refusal: WatchwordError | None = None

    @property
    def is_owed(self) -> bool:
        """Whether the client waits for us, and not we for the client."""
        return self.turn is not None and not self.turn.over and not self.transport.is_closing()

    # --- what the loop and the server call ---------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as every server has it
        """Take a client, if there is room."""
        self.transport = Outlet(transport, self._watch.outlets)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._server.connections.add(self)  # type: ignore[arg-type] # see BoundedConfig
        self._watch.begin(self)
        if len(self._watch.connections) > self._watch.bounds.connections:
            self._refuse(OverloadedError())

    def connection_lost(self, _: Exception | None) -> None:
        """Forget a client. What was begun for it ends by itself."""
        self._watch.connections.discard(self)
        self._server.connections.discard(self)
        self._waiting.clear()
        if self.turn is not None:
            self.turn.leave()
        self.resume_writing()
        # What of these holds this connection would keep itself, until the collector comes: seldom.
        del self._parser
        self._reading = self._refusal = None
        if self.turn is not None and self.turn.over:
            self.turn = None

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request, or of several."""
        self._came = len(data)
        self._whole = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as told:
            self._stay_in_this_protocol(data[told.args[0] :])
        except httptools.HttpParserError:
            self._refuse_malformed()
        if self._whole:
            self._before = self._came
            return
        self._before += self._came
        if self._before > self._most:
            self._refuse(HeadTooLargeError())

    def pause_writing(self) -> None:
        """Wait for the client to take what it was sent."""
        if self._full is None:
            self._full = self.loop.create_future()

    def resume_writing(self) -> None:
        """Go on sending, and answering."""
        full, self._full = self._full, None
        if full is not None:
            full.set_result(None)
            self._go_on()

    def shutdown(self) -> None:
        """Answer one request more, or what is owed, and close. The process is about to end.

        Not closed at once where nothing is owed: a client that keeps its connection may just be sending, and could not
        tell whether it was heard.
        """
        self._leaving = True
        last = self._waiting[-1][1] if self._waiting else self.turn
        if last is None or last.over:
            self.loop.call_later(LINGER, self._leave)
        else:
            last.keep = False

    def _leave(self) -> None:
        if not self.is_owed:
            self.transport.close()

    # --- what the parser calls ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.strikes = 0
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """Take a piece of an address."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Serve a request whose head is within bounds."""
        self._whole = True
        headers, self._headers = self._headers, []
        if len(headers) > self._most_headers or (
            self._before + self._came > self._most and self._head_size(headers) > self._most
        ):
            # The parser stops at any exception, and says only that there was one.
            self._refusal = HeadTooLargeError()
            raise self._refusal
        parser = self._parser
        path, query = _split(self._url)
        version = parser.get_http_version()
        turn = Turn(self, keep=version != "1.0" and parser.should_keep_alive() and not self._leaving)
        request = Request(parser.get_method().decode(), path, query, version, headers, self._peer, turn)
        turn.expects = version != "1.0" and request.headers.get(b"expect", b"").lower() == b"100-continue"
        self._reading = turn
        if parser.should_upgrade():
            self._framing = [header for header in headers if header[0] in _FRAMING]
        if self.turn is None or (self.turn.over and self._full is None and not self._waiting):
            self._start(request, turn)
        elif len(self._waiting) < self._watch.bounds.waiting:
            self.pause_reading()
            self._waiting.append((request, turn))
        else:
            self._refusal = OverloadedError()
            raise self._refusal

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._whole = True
        if self._reading is not None:
            self._reading.take(body)

    def on_message_complete(self) -> None:
        """Note that a body is whole. The parser leaves out that of a request to speak another protocol."""
        if self._reading is not None and not self._framing:
            self._reading.complete()

    # --- what a turn calls (``turn.Line``) ---------------------------------------------------------

    def write(self, content: bytes) -> None:
        """Send bytes, at the end of the loop's turn."""
        self.transport.write(content)

    def dates(self) -> bytes:
        """The lines that begin every head."""
        return self._dates.of(self._server)

    def pause_reading(self) -> None:
        """Take nothing from the client for now."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    async def drained(self) -> None:
        """Wait until the client has taken what was sent, or left."""
        if self._full is not None:
            await asyncio.shield(self._full)
        elif self.transport.is_closing():
            await asyncio.sleep(0)  # it takes all and sends nothing, until the loop may say that the client left

    def end_turn(self, turn: Turn) -> None:
        """Go on to the next request, or close."""
        self._server.total_requests += 1
        if turn.keep:
            self._go_on()
            return
        self.transport.close()
        if turn.gone:
            self.turn = None  # see connection_lost

    # --- one after the other -----------------------------------------------------------------------

    def _start(self, request: Request, turn: Turn) -> None:
        self.turn = turn
        request.task = task = self.loop.create_task(self._see_through(request, turn))
        self._server.tasks.add(task)  # the server waits for these at its end; the loop alone would forget them

    async def _see_through(self, request: Request, turn: Turn) -> None:
        try:
            if turn.fault is not None:  # known before it began: nothing is done that could not be told
                await turn.answer(problems.answer(turn.fault), _PLAIN, bare=request.method == "HEAD")
                return
            await self._serve(request)
        except Exception as error:  # noqa: BLE001 - the gate ends every request; this is for a fault of its own
            _log.error("A request broke outside of everything: %s", type(error).__name__)
            if not turn.began and not turn.over:
                turn.keep = False
                await turn.answer(problems.internal(), _PLAIN, bare=request.method == "HEAD")
        finally:
            self._server.tasks.discard(request.task)
            turn.give_up()

    def _go_on(self) -> None:
        """Begin the next request that waits, unless the client has yet to take an answer; or read on."""
        if self.transport.is_closing() or self._full is not None or (self.turn is not None and not self.turn.over):
            return
        if self._waiting:
            self._start(*self._waiting.popleft())
        else:
            self.resume_reading()

    # --- ends --------------------------------------------------------------------------------------

    def let_go(self) -> None:
        """End a connection that brought nothing for too long; a second time, without waiting for it to listen."""
        self.strikes = 0
        if self.transport.is_closing():
            self.transport.abort()
        elif self._before and not self._whole:
            self._refuse(SlowRequestError("The head of the request did not arrive in time. Nothing was done."))
        else:
            self.transport.close()

    def _stay_in_this_protocol(self, rest: bytes) -> None:
        """Answer as if nothing else had been offered (RFC 9110, 7.8): read the body, if there is one, and close."""
        framing, self._framing = self._framing, []
        self._end_after_this()
        if not framing:
            return
        # A parser that hears of the body alone, under a head that says only how long it is.
        self._parser = httptools.HttpRequestParser(_Body(self))
        self.resume_reading()
        try:
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + write_lines(framing) + b"connection: close\r\n\r\n" + rest)
        except httptools.HttpParserError:
            self._refuse_malformed()

    def _end_after_this(self) -> None:
        """Take no further request: what follows may be no HTTP."""
        self.pause_reading()
        last = self._waiting[-1][1] if self._waiting else self.turn
        if last is not None and not last.over:
            last.keep = False
        else:
            self.transport.close()

    def _refuse_malformed(self) -> None:
        self._refuse(self._refusal or MalformedError("This is not HTTP as this server reads it."))

    def _refuse(self, error: WatchwordError) -> None:
        """Answer with a problem and close; only close where that answer would fall into another one.

        A request that is owed its answer gets it first. It may have been done.
        """
        if self.transport.is_closing():
            return
        self._watch.count_refusal()
        last = self._waiting[-1][1] if self._waiting else self.turn
        if self.is_owed and last is not None and not last.began:
            self._end_after_this()
            last.spoil(error)
            return
        if not self.is_owed:
            self.transport.write(self._written(error))
        self.transport.close()

    def _written(self, error: WatchwordError) -> bytes:
        answer = problems.answer(error)
        return write_head(answer, _PLAIN, self.dates(), keep=False) + answer.body

    def _head_size(self, headers: Headers) -> int:
        return len(self._url) + sum(len(name) + len(value) + 4 for name, value in headers)


class _Body:
    """What a parser of a body alone calls."""

    def __init__(self, connection: Connection) -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete


def _split(url: bytes) -> tuple[str, bytes]:
    """Path and query of a request's target (RFC 9112, 3.2). A target without a path is at no address of ours."""
    if url[:1] == b"/" and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path.decode("latin-1"), query
    parsed = httptools.parse_url(url)
    return (parsed.path or b"").decode("latin-1"), parsed.query or b""


_FRAMING = (b"content-length", b"transfer-encoding")

# What is refused before it was a request is answered without the headers of a route's answer.
_PLAIN = Head([(b"content-type", PROBLEM.media.encode()), *ALWAYS])
