"""A request as endpoints see it, what they answer with, and whoever is at the other end. No server in sight.

Not handled here: who may ask (``guards.py``), reading bodies (``body.py``), writing headers (``headers.py``), the
servers that bring requests (``turn.py``, ``asgi.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from watchword.core.app import App

Headers = Sequence[tuple[bytes, bytes]]  # a tuple where it is the same for many answers: it is then written once
CLOSE = (b"connection", b"close")  # the header of an answer after which nothing more is taken from this client
UNMATCHED = "unmatched"  # the access log's name for whatever has no route


class Request:
    """One request. ``route`` is the template it matched, so that no id and no query reaches the log.

    ``path`` is what came, escapes and all: a proxy may guard an address by that, and no second spelling of it
    (``/%6detrics``) must slip by.

    ``key`` is the value of the template's parameter, ``item`` that of a second one; ``payload`` the decoded body, or
    ``pieces`` the body as it comes, where the route streams. The last three fields are
    the watchdog's: the tick it came in, whether its body is still being read, whether its time is up.
    """

    __slots__ = (
        "app",
        "caller",
        "came_in",
        "client",
        "headers",
        "item",
        "key",
        "method",
        "overdue",
        "path",
        "payload",
        "peer",
        "pieces",
        "query",
        "raw_headers",
        "reading",
        "route",
        "task",
        "version",
    )

    def __init__(
        self, method: str, path: str, query: bytes, version: str, headers: Headers, peer: str, caller: Caller
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.raw_headers = headers
        self.headers: dict[bytes, bytes] = dict(headers)
        self.peer = peer
        self.client = peer
        self.caller = caller
        self.route = UNMATCHED
        self.key = ""
        self.item = ""
        self.pieces: AsyncIterator[bytes] | None = None
        self.app: App | None = None
        self.payload: Any = None
        self.task: asyncio.Task[Any] | None = None
        self.came_in = 0
        self.reading = False
        self.overdue = False


class Kind:
    """A kind of answer: its media type and what a browser may do with it. ``machine`` answers are no documents."""

    __slots__ = ("frame", "machine", "media", "policy")

    def __init__(self, media: str, policy: str, *, machine: bool = False, frame: bool = False) -> None:
        self.media = media
        self.policy = policy
        self.machine = machine
        self.frame = frame


_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types watchword-worker"
)
# A worker obeys the policy of its own script: it may load our modules, and can reach nobody.
_WORKER = "default-src 'none'; script-src 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
_MAIL = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"

JSON = Kind("application/json", _NOTHING, machine=True)
PROBLEM = Kind("application/problem+json", _NOTHING, machine=True)
TEXT = Kind("text/plain; charset=utf-8", _NOTHING, machine=True)
OCTETS = Kind("application/octet-stream", _NOTHING, machine=True)
METRICS = Kind("text/plain; version=0.0.4; charset=utf-8", _NOTHING, machine=True)
PAGE = Kind("text/html; charset=utf-8", _PAGE)
MAIL = Kind("text/html; charset=utf-8", _MAIL, frame=True)  # a mail's own HTML, in its frame
STYLE = Kind("text/css; charset=utf-8", _NOTHING)
SCRIPT = Kind("text/javascript; charset=utf-8", _NOTHING)
WORKER = Kind("text/javascript; charset=utf-8", _WORKER)
IMAGE = Kind("image/svg+xml", _NOTHING)

KINDS = (JSON, PROBLEM, TEXT, OCTETS, METRICS, PAGE, MAIL, STYLE, SCRIPT, WORKER, IMAGE)


class Answer:
    """What goes back. ``headers`` are those beyond what every answer of its kind carries.

    A body that is not to be held as a whole is a ``stream`` of ``length`` bytes.
    """

    __slots__ = ("body", "headers", "kind", "length", "status", "stream")

    def __init__(self, status: int, body: bytes, kind: Kind = JSON, headers: Headers | None = None) -> None:
        self.status = status
        self.body = body
        self.kind = kind
        self.headers = headers
        self.stream: AsyncGenerator[bytes, None] | None = None
        self.length = len(body)


class Head:
    """The headers that every answer of a kind carries: as pairs, and as the lines that they are on the wire."""

    __slots__ = ("headers", "lines")

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        self.lines = write_lines(headers)


def write_lines(headers: Headers) -> bytes:
    """Headers as they stand in an answer's head.

    Raises:
        ValueError: one of them would end its line, and begin what was never meant.
    """
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if lines.count(b"\r") != len(headers) or lines.count(b"\n") != len(headers):
        raise ValueError("A header holds the end of a line.")
    return lines


class GoneError(Exception):
    """The client left before its request was complete. Nobody is there to be answered."""


class Caller(Protocol):
    """Whoever sent a request: where its body comes from and its answer goes."""

    def whole(self) -> bytes | None:
        """The body, where all of it has arrived; None where it must be waited for with ``piece``."""

    async def piece(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether more may come.

        Raises:
            GoneError: the client left.
        """

    async def answer(self, answer: Answer, head: Head, *, bare: bool) -> None:
        """Give a whole answer; a ``bare`` one, to HEAD, without its body."""

    async def begin(self, answer: Answer, head: Head) -> None:
        """Give the head of an answer whose body follows with ``write``."""

    async def write(self, piece: bytes) -> bool:
        """Give a piece of the body when the client takes it; False when it has left."""

    async def end(self) -> None:
        """Say that the body is whole."""


Endpoint = Callable[[Request], Awaitable[Answer]]
