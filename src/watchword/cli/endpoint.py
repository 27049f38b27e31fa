"""The endpoint of a courier: ``/healthz``, ``/readyz`` and ``/metrics`` on a port of its own, and nothing else.

Not handled here: what is answered (``web/app.py``), how the web server is set up (``serve.py``), its socket
(``listening.py``), when a courier begins and ends (``courier.py``).

Rules:

* it is for an operator's few machines, and messages come first: it takes few connections, and at the end nobody who
  holds on to one delays the courier by more than a second;
* signals are the courier's own: the server hears none.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from watchword.bootstrap import Service
from watchword.cli.listening import bound, bounds_within, listen
from watchword.cli.serve import server_config
from watchword.settings import Bind
from watchword.web.app import create_health_app
from watchword.web.watch import Bounds

CONNECTIONS = 64  # at once; who probes and who scrapes are a handful
PARTING = 2  # seconds for requests that are under way at the end, longer than a connection lingers


@contextmanager
def opened(address: str) -> Iterator[Endpoint]:
    """An endpoint with its socket bound. To be opened before the store and the loop ask for files.

    Raises:
        SettingsError: that is no address or cannot be listened on, or the system gives too few file descriptors.
    """
    with bound(Bind.parse(address, "--bind"), "--bind") as listener:
        yield Endpoint(listener, bounds_within(CONNECTIONS))


class Endpoint:
    """An endpoint on a socket that is bound."""

    def __init__(self, listener: socket.socket, bounds: Bounds) -> None:
        self._listener = listener
        self._bounds = bounds
        host, port = listener.getsockname()[:2]
        self.bind = Bind(host, port)

    @property
    def url(self) -> str:
        """Where this machine itself reaches it."""
        return f"http://{self.bind.local}"

    @asynccontextmanager
    async def answering(self, service: Service) -> AsyncIterator[None]:
        """Answer for a service that runs, which the server's lifespan stops at the end.

        Raises:
            SettingsError: somebody else listens there by now.
        """
        config = server_config(create_health_app(service.services()), bounds=self._bounds)
        config.timeout_graceful_shutdown = PARTING
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        listen(self._listener, "--bind")
        # The steps of ``Server.serve``, which would take the signals.
        await server.startup([self._listener])
        ticking = asyncio.create_task(server.main_loop(), name="endpoint")
        try:
            yield
        finally:
            server.should_exit = True
            await ticking
            await server.shutdown([self._listener])
