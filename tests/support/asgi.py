"""Calls an ASGI application in process, as raw as a wire: any headers, a body in pieces, clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Application = Callable[..., Awaitable[None]]

HOST = (b"host", b"127.0.0.1:8000")
JSON = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes

    def header(self, name: str) -> str:
        """The one value of a header; '' where it is absent."""
        found = [value.decode() for key, value in self.headers if key == name.lower().encode()]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Wire:
    """A connection to an application. ``headers`` go with every request unless it brings its own list."""

    app: Application
    headers: list[tuple[bytes, bytes]] = field(default_factory=lambda: [HOST])
    peer: str = "192.0.2.7"

    async def send(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        only: Iterable[tuple[bytes, bytes]] | None = None,
        pieces: Iterable[bytes] | None = None,
        leaves: bool = False,
        version: str = "1.1",
    ) -> Reply:
        """Send one request.

        ``body`` is bytes, or something to write as JSON. ``only`` replaces all headers. ``pieces`` arrive one by one;
        after them a client that ``leaves`` is gone, and any other has said all it had to say.
        """
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = list(only) if only is not None else [*self.headers, *headers]
        if body is not None and not isinstance(body, bytes) and only is None:
            sent.append(JSON)
        arriving = [raw] if pieces is None else list(pieces)
        return await self._exchange(_scope(self, method, target, sent, version), arriving, leaves=leaves)

    async def _exchange(self, scope: dict[str, Any], arriving: list[bytes], *, leaves: bool) -> Reply:
        started: list[MutableMapping[str, Any]] = []
        body = bytearray()

        async def receive() -> dict[str, Any]:
            if arriving:
                piece = arriving.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(arriving) or leaves}
            if leaves:
                return {"type": "http.disconnect"}
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # nothing more comes

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            else:
                body.extend(message.get("body", b""))

        await self.app(scope, receive, send)
        assert len(started) < 2, "two answers to one request"
        return Reply(started[0]["status"], list(started[0]["headers"]), bytes(body)) if started else Reply(0, [], b"")


def _scope(wire: Wire, method: str, target: str, headers: list[tuple[bytes, bytes]], version: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": version,
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": (wire.peer, 50_000),
        "server": ("127.0.0.1", 8000),
    }
