"""The gate: the one application, and everything that happens around a route.

Our own server hands it requests (``serve``); for any other one it is an ASGI application.

Not handled here: each guard's own rule (``guards.py``, ``body.py``), the routes (``app.py``), their headers
(``headers.py``), how an error looks (``problems.py``).

A request passes, in this order: once-only headers and ``Host``, its route, the process's capacity, who asks, the
body, its shape, the endpoint. Whatever is refused is refused before anything after it was looked at.

Rules:

* every request ends in exactly one answer and one line of access log, whatever is raised;
* the log knows a request by its template, never by its path or query;
* an exception nobody expected is an answer without any detail, and an event with the exception's class and the
  places it passed, without values;
* this code runs for every request: it makes no closures and no layers, and its cost is measured (``make bench``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from traceback import extract_tb
from types import TracebackType

from watchword.core import ids
from watchword.errors import OverloadedError, RateLimitedError, UnauthenticatedError, WatchwordError
from watchword.web import guards, problems, rate_limit
from watchword.web.asgi import Receive, Scope, Send, hand_over
from watchword.web.body import check_json, read_pieces, rest_of_body, whole_body
from watchword.web.exchange import UNMATCHED, Answer, GoneError, Request
from watchword.web.headers import heads
from watchword.web.problems import KeyInQueryError, MalformedError, NoSuchPathError, SlowAnswerError, SlowRequestError
from watchword.web.route import SHARED, Line, Table
from watchword.web.services import Services
from watchword.web.watchdog import Watchdog

GONE = 499  # in the log only: the client left before it was answered
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Gate:
    """The application."""

    def __init__(self, services: Services, table: Table, lost: Callable[[Request], Answer]) -> None:
        config = services.config
        self._services = services
        self._record = services.audit.record
        self._apps = services.apps
        self._table = table
        self._lost = lost
        self._hosts = guards.Hosts(config)
        self._clients = guards.Clients(config.trusted_proxies)
        self._behind_proxy = bool(config.trusted_proxies)
        self._heads = heads(config)
        self._max_body = config.max_body
        self._max_at_once = config.max_at_once
        self.watchdog = Watchdog(config.request_time)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope of an ASGI server's."""
        if scope["type"] == "http":
            await hand_over(self.serve, scope, receive, send)
        else:
            await self._serve_other(scope, receive, send)

    async def serve(self, request: Request) -> None:
        """Serve a request. ``request.task`` is the task that does."""
        began = perf_counter()
        watchdog = self.watchdog
        request.came_in = watchdog.now
        watchdog.under_way.add(request)
        try:
            try:
                answer = await self._answer(request)
            except WatchwordError as error:
                answer = self._refuse(request, error)
            except GoneError:
                self._log(request, GONE, began)
                return
            except asyncio.CancelledError:
                if not request.overdue:
                    raise
                answer = self._give_up(request)
            except Exception as error:  # noqa: BLE001 - the last resort: somebody is waiting for an answer
                answer = self._break(request, error)
            if request.route in self._table.shared:
                answer.headers = [*(answer.headers or ()), *SHARED]
            self._log(request, answer.status, began)
            if answer.stream is None:
                await request.caller.answer(answer, self._heads[answer.kind], bare=request.method == "HEAD")
            else:
                await self._stream(request, answer)
        except asyncio.CancelledError:
            # A client that does not take its answer: the server closes the connection of one that did not end.
            if not request.overdue:
                raise
        finally:
            watchdog.under_way.discard(request)

    async def _answer(self, request: Request) -> Answer:
        if self._behind_proxy:
            request.client = self._clients.client_of(request)
        if len(request.headers) != len(request.raw_headers):
            guards.check_single_headers(request)
        self._hosts.check(request)
        line = self._table.find(request)
        if len(self.watchdog.under_way) > self._max_at_once and not line.essential:
            raise OverloadedError
        if request.query:
            guards.refuse_key_in_query(request)
        if line.by_app:
            key = guards.bearer(request)
            request.app = self._apps.remembered(key) or await self._apps.by_key(key)
        if line.reader is not None:
            most = line.most or self._max_body
            body = whole_body(request, most)
            self._read(request, line, await rest_of_body(request, most) if body is None else body)
        elif line.streams:
            request.pieces = read_pieces(request, lambda: self.watchdog.now)
        return await line.endpoint(request)

    def _read(self, request: Request, line: Line, body: bytes) -> None:
        assert line.reader is not None  # noqa: S101 - for the type checker
        if not body:
            if line.optional:
                return
            raise MalformedError("A JSON body is needed.", field="body")
        check_json(request)
        request.payload = line.reader.read(body)

    async def _stream(self, request: Request, answer: Answer) -> None:
        """Send a long body piece by piece, for as long as somebody takes it. Each piece has the time of a request."""
        assert answer.stream is not None  # noqa: S101 - for the type checker
        caller, head = request.caller, self._heads[answer.kind]
        try:
            if request.method == "HEAD":
                await caller.answer(answer, head, bare=True)
                return
            await caller.begin(answer, head)
            async for piece in answer.stream:
                request.came_in = self.watchdog.now
                if not await caller.write(piece):
                    return
            await caller.end()
        except WatchwordError as error:
            # The head is out: the client sees by the length that it is not whole.
            self._record("http.failed", route=request.route, error=type(error).__name__, detail=error.detail)
        finally:
            await answer.stream.aclose()

    def _log(self, request: Request, status: int, began: float) -> None:
        self._record(
            "http.request",
            method=request.method if request.method in _METHODS else "OTHER",
            route=request.route,
            status=status,
            ms=int((perf_counter() - began) * 1_000_000) / 1_000,  # a tenth of the time that round() takes
            app="" if request.app is None else ids.app_text(request.app.id),
            client=request.client,
        )

    def _refuse(self, request: Request, error: WatchwordError) -> Answer:
        if request.route == UNMATCHED and isinstance(error, NoSuchPathError) and _is_browser(request):
            return self._lost(request)
        answer = problems.answer(error)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._record("http.failed", route=request.route, error=type(error).__name__, detail=error.detail)
        elif isinstance(error, RateLimitedError) and request.app is not None:
            # For backends with a key alone: to anybody else it would tell what there is to get round.
            answer.headers = [*(answer.headers or ()), *rate_limit.of_refusal(error)]
        elif isinstance(error, KeyInQueryError):
            self._record("http.key_in_query", route=request.route, client=request.client)
        elif isinstance(error, UnauthenticatedError):
            self._record("http.unauthenticated", route=request.route, client=request.client)
        return answer

    def _give_up(self, request: Request) -> Answer:
        """Answer a request whose time is up."""
        if request.task is not None:
            request.task.uncancel()
        return self._refuse(request, SlowRequestError() if request.reading else SlowAnswerError())

    def _break(self, request: Request, error: Exception) -> Answer:
        self._record("http.broke", route=request.route, error=type(error).__name__, trace=_trace(error.__traceback__))
        return problems.internal()

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the life of the process; refuse everything that is not HTTP."""
        if scope["type"] != "lifespan":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        await receive()
        try:
            await self._services.start()
            self.watchdog.start()
        except WatchwordError as error:
            await send({"type": "lifespan.startup.failed", "message": error.detail})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.watchdog.stop()
        await self._services.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _is_browser(request: Request) -> bool:
    return b"text/html" in request.headers.get(b"accept", b"")


def _trace(traceback: TracebackType | None) -> list[str]:
    """The places an exception passed. Names and lines of our code only: values may be secrets."""
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in extract_tb(traceback)]
