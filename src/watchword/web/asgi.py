"""Requests that an ASGI server brings: any server's, and the tests'.

The server that we bring along does without (``turn.py``): ASGI's messages cost it more than our own work around a
route does. Both give the same bytes, and tests compare them.

Not handled here: what is done with a request (``gate.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from watchword.web.exchange import Answer, GoneError, Head, Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def hand_over(serve: Callable[[Request], Awaitable[None]], scope: Scope, receive: Receive, send: Send) -> None:
    """Have the request that a scope describes served."""
    peer = scope.get("client")
    caller = AsgiCaller(receive, send)
    request = Request(
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"],
        scope["http_version"],
        scope["headers"],
        peer[0] if peer else "",
        caller,
    )
    request.task = asyncio.current_task()
    try:
        await serve(request)
    finally:
        caller.close()


class AsgiCaller:
    """A client at the other end of ASGI's messages (``exchange.Caller``)."""

    __slots__ = ("_leaving", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._leaving: asyncio.Future[None] | None = None

    def whole(self) -> bytes | None:
        """Never known before it is asked for."""
        return None

    async def piece(self) -> tuple[bytes, bool]:
        """The next piece of the body."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise GoneError
        return message.get("body", b""), message.get("more_body", False)

    async def answer(self, answer: Answer, head: Head, *, bare: bool) -> None:
        """Give a whole answer."""
        await self._begin(answer, head)
        await self._send({"type": "http.response.body", "body": b"" if bare else answer.body})

    async def begin(self, answer: Answer, head: Head) -> None:
        """Begin a long answer, and listen for the client to leave."""
        self._leaving = asyncio.ensure_future(self._left())
        await self._begin(answer, head)

    async def write(self, piece: bytes) -> bool:
        """Give a piece."""
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        return self._leaving is None or not self._leaving.done()

    async def end(self) -> None:
        """Say that the body is whole."""
        await self._send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Stop listening."""
        if self._leaving is not None:
            self._leaving.cancel()

    async def _begin(self, answer: Answer, head: Head) -> None:
        headers = [*head.headers, (b"content-length", b"%d" % answer.length), *(answer.headers or ())]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def _left(self) -> None:
        while (await self._receive())["type"] == "http.request":
            pass
