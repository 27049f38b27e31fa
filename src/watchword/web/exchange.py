"""A request as endpoints see it, and what they answer with. No ASGI in sight.

Not handled here: who may ask (``guards.py``), reading bodies (``body.py``), writing headers (``headers.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from watchword.core.app import App
from watchword.web.asgi import Headers, Scope
from watchword.web.shortcut import NAME, Shortcut

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
        "shortcut",
        "task",
        "version",
    )

    def __init__(self, scope: Scope, task: asyncio.Task[Any] | None, came_in: int) -> None:
        peer = scope.get("client")
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.version: str = scope["http_version"]
        self.raw_headers: Headers = scope["headers"]
        self.headers: dict[bytes, bytes] = dict(self.raw_headers)
        self.peer: str = peer[0] if peer else ""
        self.client = self.peer
        self.route = UNMATCHED
        self.key = ""
        self.item = ""
        self.pieces: AsyncIterator[bytes] | None = None
        self.app: App | None = None
        self.payload: Any = None
        self.task = task
        self.came_in = came_in
        self.reading = False
        self.overdue = False
        extensions = scope.get("extensions")
        self.shortcut: Shortcut | None = extensions.get(NAME) if extensions else None


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
        self.length = 0


Endpoint = Callable[[Request], Awaitable[Answer]]
