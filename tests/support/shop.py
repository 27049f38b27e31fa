"""The example app on a port of its own, in a thread of its own: for browsers that run in the test's own thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.login.app import create_app
from watchword.client import AsyncClient

# An app gives up sooner: here a service that is slow for a moment is to be waited for.
_PATIENCE = timedelta(minutes=1)


class Shop:
    """The app. It has its address from the start, so that it can be registered, and serves once it has a service.

    ``referers`` are what browsers told it of where they came from.
    """

    def __init__(self) -> None:
        self.referers: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Another host than the service's, as in life: cookies do not know ports.
        self.url = f"http://localhost:{self._listener.getsockname()[1]}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def callback(self) -> str:
        return f"{self.url}/callback"

    def serve(self, service: str, key: str) -> None:
        """Serve with a service. Who connects earlier waits in the listener's queue."""

        async def run() -> None:
            async with AsyncClient(service, key, timeout=_PATIENCE) as client:
                app = self._watched(create_app(client, service, self.url))
                config = uvicorn.Config(app, log_config=None, access_log=False)
                self._server = uvicorn.Server(config)
                await self._server.serve(sockets=[self._listener])

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()

    def _watched(self, app: ASGIApp) -> ASGIApp:
        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            self.referers += [value for name, value in scope.get("headers", ()) if name == b"referer"]
            await app(scope, receive, send)

        return watch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
        self._listener.close()
