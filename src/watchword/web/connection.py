"""One client's connection, before anything in it is a request: bounds on what a stranger may cost.

The web server's protocol reads heads of any size and waits for them for ever. Nobody has been asked for a key by
then, so this is where a process is defended against whoever can reach its port.

Not handled here: requests whose head is complete (``gate.py``), bodies that are read (``body.py``, ``watchdog.py``).

Rules:

* a head has at most ``Bounds.head`` bytes and ``Bounds.headers`` lines; so have trailers, which nobody reads;
* whoever is owed nothing (no request under way) and brings nothing whole for ``Bounds.patience`` seconds is let go;
* one watch looks at all connections once a second. A request pays for it with a few assignments: a timer for each
  would cost it more than reading its head.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from watchword.errors import OverloadedError, WatchwordError
from watchword.web import problems
from watchword.web.headers import ALWAYS
from watchword.web.outlet import Outlet, Outlets
from watchword.web.problems import HeadTooLargeError, MalformedError, SlowRequestError
from watchword.web.shortcut import NAME, DefaultLines, Shortcut, write_lines

EVERY = 1.0  # seconds

# What the server does itself. Called by these names: finding it through super() takes as long as everything we add.
_read = HttpToolsProtocol.data_received
_begin = HttpToolsProtocol.on_message_begin
_serve = HttpToolsProtocol.on_headers_complete
_take = HttpToolsProtocol.on_body

_log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What strangers may cost a process."""

    head: int = 32 * 1024  # bytes
    headers: int = 100
    patience: float = 10.0  # seconds for a head to arrive, and for the rest of a body that nobody reads
    connections: int = 4_096


class Watch:
    """Knows every connection of a process and lets go of those that only hold on. Made in one process, used in one."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.outlets = Outlets()
        self.defaults = DefaultLines()
        self.connections: set[Connection] = set()
        self._most_strikes = math.ceil(bounds.patience / EVERY)
        self._timer: asyncio.TimerHandle | None = None
        self._refused = 0

    def begin(self, connection: Connection) -> None:
        """Look at a connection from now on."""
        self.connections.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(EVERY, self._run, connection.loop)

    def count_refusal(self) -> None:
        """Note that a connection was refused. They are told once a second, in one line."""
        self._refused += 1

    def tick(self) -> None:
        """Let a second pass."""
        for connection in tuple(self.connections):
            if connection.is_owed:
                connection.strikes = 0
                continue
            connection.strikes += 1
            if connection.strikes > self._most_strikes:
                connection.let_go()
        if self._refused:
            _log.warning("Connections refused before they made a request: %d in the last second.", self._refused)
            self._refused = 0

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self.tick()
        if self.connections:
            self._timer = loop.call_later(EVERY, self._run, loop)


class BoundedConfig(Config):
    """The web server's configuration, with the watch of its process."""

    def __init__(self, app: Callable[..., object], *, bounds: Bounds, **more: Any) -> None:  # noqa: ANN401 - its own
        super().__init__(app, http=Connection, **more)
        self.watch = Watch(bounds)


class Connection(HttpToolsProtocol):
    """The web server's protocol, within bounds. ``strikes`` are the seconds in which the client brought nothing."""

    def __init__(
        self,
        config: BoundedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.strikes = 0
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
        if self.cycle is None:  # before the first request, whatever its type says
            return False  # type: ignore[unreachable]
        return not self.cycle.response_complete and not self.transport.is_closing()

    # --- what the server calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the server has it
        """Take a client, if there is room."""
        super().connection_made(Outlet(transport, self._watch.outlets))  # type: ignore[arg-type] # all that it uses of one
        self._watch.begin(self)
        if len(self._watch.connections) > self._watch.bounds.connections:
            self._refuse(OverloadedError())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        self._watch.connections.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request, or of several."""
        self._came = len(data)
        self._whole = False
        _read(self, data)
        if self._whole:
            self._before = self._came
            return
        self._before += self._came
        if self._before > self._most:
            self._refuse(HeadTooLargeError())

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's sentence; ours are in a problem
        """Refuse what the parser stopped at."""
        self._refuse(self._refusal or MalformedError("This is not HTTP as this server reads it."))

    # --- what the parser calls ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.strikes = 0
        _begin(self)

    def on_headers_complete(self) -> None:
        """Let a head pass that is within bounds."""
        self._whole = True
        if len(self.headers) > self._most_headers or (
            self._before + self._came > self._most and self._head_size() > self._most
        ):
            # The parser stops at any exception, and the server then asks for a 400.
            self._refusal = HeadTooLargeError()
            raise self._refusal
        before = self.cycle
        _serve(self)
        if self.cycle is not before:
            extension: Any = Shortcut(self.cycle, self._watch.defaults)
            self.scope["extensions"] = {NAME: extension}

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._whole = True
        _take(self, body)

    # --- what a request calls ----------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Go on to the next request. A client that stays silent is the watch's, so no timer is set for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

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

    def _refuse(self, error: WatchwordError) -> None:
        """Answer with a problem and close; only close where that answer would fall into another one."""
        if self.transport.is_closing():
            return
        self._watch.count_refusal()
        if not self.is_owed:
            self.transport.write(self._written(error))
        self.transport.close()

    def _written(self, error: WatchwordError) -> bytes:
        answer = problems.answer(error)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", answer.kind.media.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            (b"connection", b"close"),
            *ALWAYS,
            *((name, value) for name, value in answer.headers or () if name != b"connection"),
        ]
        return STATUS_LINE[answer.status] + write_lines(headers) + b"\r\n" + answer.body

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
