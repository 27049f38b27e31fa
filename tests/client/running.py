"""The real app on a real port, in a thread, over a store in memory and a clock that stands still."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import uvicorn

from tests.support.world import World
from watchword.core.instant import Span
from watchword.core.message import PasscodeMessage
from watchword.core.policy import Rules
from watchword.web.app import create_app
from watchword.web.services import Services, WebConfig

_Result = TypeVar("_Result")

_PATIENCE = 60.0  # seconds, on a machine that has much else to do


def services_of(world: World, public_url: str = "https://codes.example.org") -> Services:
    """What the web layer is given, out of a world."""

    async def nothing() -> None:
        return None

    return Services(
        verifications=world.verifications,
        reports=world.reports,
        magic_links=world.magic_links,
        authenticators=world.authenticators,
        enrolments=world.enrolments,
        recovery_codes=world.recovery_codes,
        handovers=world.handovers,
        addresses=world.addresses,
        secrets=world.secrets,
        secret_files=world.secret_files,
        apps=world.apps,
        mailbox=None,
        ping=world.store.ping,
        audit=world.journal,
        metrics=lambda: b"",
        clock=world.clock,
        start=nothing,
        stop=nothing,
        config=WebConfig(public_url=public_url),
    )


class RunningApp:
    """Serves while its ``with`` block runs. ``key`` is an API key, ``delivered`` the code of the latest mail.

    ``redirect_uris`` are those of its app, ``public_url`` is where people find it.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        redirect_uris: Sequence[str] = (),
        public_url: str = "https://codes.example.org",
    ) -> None:
        self.world = World(rules=rules)
        self._public_url = public_url
        self._redirect_uris = redirect_uris
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def key(self) -> str:
        return self.world.key

    def delivered(self) -> str:
        """Hand over what waits and return the code of the latest mail."""
        return self.mail().code

    def mail(self) -> PasscodeMessage:
        """Hand over what waits and return the latest mail."""
        self.run(self.world.courier.drain())
        return self.world.outbox.mails[-1][1]

    def move(self, span: Span) -> None:
        self.world.clock.move(span)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
        self._listener.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open())
        app: Any = create_app(services_of(self.world, self._public_url))
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        # The listener takes connections from now on; whoever comes before uvicorn accepts, waits in its queue.
        self._ready.set()
        self._loop.run_until_complete(self._server.serve(sockets=[self._listener]))
        self._loop.close()

    async def _open(self) -> None:
        world = await self.world.open()
        if self._redirect_uris:
            world.app = await world.apps.update(world.app, redirect_uris=self._redirect_uris)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Let something happen in the loop that serves."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)
