"""Routes: what a line of the table in ``app.py`` holds, and finding the line for a request.

Not handled here: which routes there are (``app.py``), what happens around them (``gate.py``).

A path is compared as a string: first whole, then around its parameter (``/v1/verifications/{id}/check``), then with
another one at its end. That is all this service needs, and takes a microsecond less than a list of regular expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from watchword.web.exchange import TEXT, Answer, Endpoint, Headers, Kind, Request
from watchword.web.problems import NoSuchMethodError, NoSuchPathError
from watchword.web.wire import Reader


class Auth(Enum):
    """Who may call a route."""

    ANYBODY = "anybody"  # everybody may
    APP = "app"  # an app, by its API key
    OPTIONAL = "optional"  # everybody or an app: the route looks at the key itself
    MAKER = "maker"  # whoever made a secret, by its manage token: the route looks at it itself


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem a route may answer with, beyond what any request may meet at the gate."""

    status: int
    when: str


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table: what serves it and what OpenAPI says about it.

    ``name`` is its operation id, ``takes`` the shape of its body, ``gives`` that of its answer (or the kind, where it
    is no JSON), ``optional`` tells that the body may be left out. A ``hidden`` route is no API and not in the
    document; an ``essential`` one answers even while the process has all the work it may take.
    """

    method: str
    path: str
    endpoint: Endpoint
    name: str = ""
    summary: str = ""
    tag: str = ""
    auth: Auth = Auth.ANYBODY
    takes: type[msgspec.Struct] | None = None
    gives: type[msgspec.Struct] | Kind | None = None
    status: int = 200
    refusals: tuple[Refusal, ...] = ()
    optional: bool = False
    idempotent: bool = False
    hidden: bool = False
    essential: bool = False
    streams: bool = False  # takes its body in pieces
    most: int | None = None  # bytes of its body, where not as many as of any
    limited: bool = False  # its answers tell what is left of the limits (rate_limit.py)
    alike: bool = False  # answers everybody alike, so that its answers leave at even times, too (even.py)
    shared: bool = False  # pages of every origin may call it: what it takes is a proof, and no cookie of theirs


class Line:
    """A route with what is needed to serve it at speed."""

    __slots__ = ("by_app", "endpoint", "essential", "most", "optional", "path", "reader", "streams")

    def __init__(self, route: Route) -> None:
        self.path = route.path
        self.endpoint = route.endpoint
        self.by_app = route.auth is Auth.APP
        self.reader = Reader(route.takes) if route.takes is not None else None
        self.optional = route.optional
        self.essential = route.essential
        self.most = route.most
        self.streams = route.streams


Lines = dict[str, Line]

# For a route that is shared: on every answer, and what a browser asks before it sends JSON from elsewhere.
SHARED: Headers = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"date, retry-after")]
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"7200"),
]


class Table:
    """Finds the line for a request."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._whole: dict[str, Lines] = {}
        self._around: dict[str, dict[str, Lines]] = {}
        self.shared = frozenset(route.path for route in routes if route.shared)
        for route in routes:
            before, brace, after = route.path.partition("{")
            if brace:
                rest = after.partition("}")[2]
                # A second parameter stands at the end, and is written as an open brace: "/blobs/{".
                rest = rest.partition("{")[0] + "{" * ("{" in rest)
                lines = self._around.setdefault(before, {}).setdefault(rest, {})
            else:
                lines = self._whole.setdefault(before, {})
            lines[route.method] = Line(route)
        for lines in (*self._whole.values(), *(lines for around in self._around.values() for lines in around.values())):
            _complete(lines, self.shared)

    def find(self, request: Request) -> Line:
        """The line for a request; notes its template and its parameter there.

        Raises:
            NoSuchPathError: no route has this path.
            NoSuchMethodError: none has it with this method.
        """
        lines = self._whole.get(request.path) or self._by_parameter(request)
        if lines is None:
            raise NoSuchPathError
        line = lines.get(request.method)
        if line is None:
            request.route = lines["OPTIONS"].path
            raise NoSuchMethodError(allowed=", ".join(sorted(lines)))
        request.route = line.path
        return line

    def _by_parameter(self, request: Request) -> Lines | None:
        path = request.path
        for before, around in self._around.items():
            if path.startswith(before):
                parameter, slash, after = path[len(before) :].partition("/")
                lines = around.get(slash + after)
                if lines is None and "/" in after:
                    stem, _, request.item = after.rpartition("/")
                    lines = around.get(f"/{stem}/{{")
                if lines is not None and parameter:
                    request.key = parameter
                    return lines
        return None


def _complete(lines: Lines, shared: frozenset[str]) -> None:
    """Add HEAD and OPTIONS, which every address takes and which change nothing."""
    if "GET" in lines:
        lines["HEAD"] = lines["GET"]
    path = next(iter(lines.values())).path
    allowed = ", ".join(sorted({*lines, "OPTIONS"})).encode()

    headers = [(b"allow", allowed), *(_PREFLIGHT if path in shared else ())]

    async def tell_methods(_: Request) -> Answer:
        return Answer(200, b"", TEXT, [*headers])

    lines["OPTIONS"] = Line(Route("OPTIONS", path, tell_methods))
