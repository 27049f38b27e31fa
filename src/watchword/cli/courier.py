"""``watchword courier``: deliver what the outbox holds, in a process apart from those that answer requests.

Not handled here: how a message is handed over (``flows/courier.py``), purging and re-sealing (``bootstrap/service``),
which every process of the service takes part in, what it answers of itself (``endpoint.py``).

Rules: any number of couriers share one outbox, on any number of hosts; signals mean what they mean to ``serve``; a port
is opened where ``--bind`` says so, and never for a setting that is ``serve``'s.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvloop

from watchword import bootstrap
from watchword.adapters.log import Log, listen_to_libraries
from watchword.adapters.system import SystemClock
from watchword.cli import console, hangup
from watchword.core.policy import Rules
from watchword.errors import SettingsError
from watchword.settings import Settings

if TYPE_CHECKING:
    from watchword.cli.endpoint import Endpoint


def courier(settings: Settings, *, bind: str | None, data: str | None, as_json: bool) -> None:
    """Deliver until a signal says otherwise."""
    if not settings.storage.durable:
        detail = "With WATCHWORD_STORE=memory a courier would have an outbox of its own, which nobody writes to."
        raise SettingsError(detail, setting="WATCHWORD_STORE")
    if settings.development:
        raise SettingsError(
            "Without a relay there is nothing to deliver: set WATCHWORD_SMTP.", setting="WATCHWORD_SMTP"
        )
    with _endpoint(bind) as endpoint:
        if bootstrap.prepare(settings):
            console.say(f"Made the key file {settings.storage.key_file}: keep a copy, apart from the database.")
        log = Log(SystemClock(), level=settings.log_level)
        listen_to_libraries(log, settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_deliver(settings, log, endpoint, data, as_json=as_json))
        log.close()


def _endpoint(bind: str | None) -> AbstractContextManager[Endpoint | None]:
    if not bind:
        return nullcontext()
    from watchword.cli.endpoint import opened  # noqa: PLC0415 (a web server, which a courier without it has no need of)

    return opened(bind)


async def _deliver(settings: Settings, log: Log, endpoint: Endpoint | None, data: str | None, *, as_json: bool) -> None:
    service = bootstrap.build(settings, log=log)
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def leave() -> None:
        service.begin_stop()
        over.set()

    def again() -> Rules:
        return Settings.load(os.environ, data=data).rules

    await service.start()
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, leave)
        loop.add_signal_handler(signal.SIGHUP, service.reload, again)
        hangup.heard()
        async with endpoint.answering(service) if endpoint else nullcontext():
            _greet(endpoint, as_json=as_json)
            await over.wait()
    finally:
        await service.stop()


def _greet(endpoint: Endpoint | None, *, as_json: bool) -> None:
    text = f"Watchword {version('watchword')} delivers what is to be sent"
    document = {"version": version("watchword"), "mode": "courier"}
    if endpoint is not None:
        text += f", and says on {endpoint.url} how it is"
        document["url"] = endpoint.url
    console.result(f"{text}.", document, as_json=as_json)
