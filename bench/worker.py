"""The process under load: the service with its courier paused, or the yardstick R, under the same server settings.

    python -m bench.worker watchword FOLDER
    python -m bench.worker reference

It says where it listens in one line of JSON. A line ``purge`` on standard input lets three days pass for the purge
alone, and is answered with how many rows went.

Not handled here: load (``generator.py``), starting and stopping this (``children.py``).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvicorn

from bench.links import REDIRECT
from bench.reference import reference
from watchword import bootstrap
from watchword.adapters.log import listen_to_libraries
from watchword.adapters.system import SystemClock, settle_to_serve, trim_memory
from watchword.cli.serve import SERVER, server_config
from watchword.core.app import App
from watchword.core.instant import DAY, Instant
from watchword.flows.purge import Purge
from watchword.settings import Settings


class Told(msgspec.Struct, frozen=True):
    """What the worker says when it listens."""

    port: int
    api_key: str = ""
    app: bytes = b""


class LaterClock:
    """The system's clock, three days on: everything is over."""

    def now(self) -> Instant:
        """As the port says."""
        return SystemClock().now() + 3 * DAY


class Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._ready()


# Where a bench of another store says where that is.
STORES = ("WATCHWORD_STORE", "WATCHWORD_FAST_STORE")
ADDED = "added.toml"  # in the worker's folder: more of the file of settings

# All secrets and links of a run come from one address; its buckets are looked up and written as any other, and never
# full.
CONFIG = """
[limits]
public_requests = "2592000000/30d"

[secrets]
source_creates = "2592000000/30d"
source_kib = "2592000000/30d"
"""


def settings_of(folder: Path, **more: str) -> Settings:
    """The settings of a service in production, with a relay and a gateway that nobody asks; a bench may add some."""
    config, added = folder / "watchword.toml", folder / ADDED
    config.write_text(CONFIG + (added.read_text("utf-8") if added.exists() else ""), encoding="utf-8")
    environ = {
        "WATCHWORD_CONFIG": str(config),
        "WATCHWORD_DATA": str(folder),
        "WATCHWORD_SMTP": "smtps://nobody:nothing@localhost:1",
        "WATCHWORD_SMS_GATEWAY": "http://nobody:nothing@localhost:1/",
        "WATCHWORD_MAIL_FROM": "Bench <codes@bench.example.org>",
    }
    chosen = {name: os.environ[name] for name in STORES if name in os.environ}
    return Settings.load(environ | chosen | more)


async def new_app(settings: Settings, service: bootstrap.Service) -> tuple[App, str]:
    """Make an app with a key."""
    async with bootstrap.opened_apps(settings, service.audit) as apps:
        return await apps.create(f"Bench {os.getpid()}", [REDIRECT])  # another one on a folder that was there


def _run(config: uvicorn.Config, told: Callable[[int], Told], beside: Callable[[], None]) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=False) as listener:
        settle_to_serve()  # as serve does

        def ready() -> None:
            print(msgspec.json.encode(told(listener.getsockname()[1])).decode(), flush=True)
            beside()

        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(Server(config, ready).serve([listener]))


def _watchword(folder: Path) -> None:
    # The address of a database server holds a password, so it comes in a file, as in production.
    server = folder / "store"
    settings = settings_of(folder, **({"WATCHWORD_STORE": f"file:{server}"} if server.exists() else {}))
    bootstrap.prepare(settings)
    scribe = bootstrap.scribe_for(settings, lambda _: None)
    service = bootstrap.build(settings, courier=False, scribe=scribe)
    listen_to_libraries(service.log, settings.log_level)
    config = server_config(service.asgi())
    config.load()
    if scribe is not None:
        scribe.hire()  # as serve does
    app, key = asyncio.run(new_app(settings, service))
    under_way: set[asyncio.Task[None]] = set()

    async def purge() -> None:
        rows = await Purge(service.store, LaterClock(), service.audit, trim_memory).once()
        print(rows, flush=True)

    def asked() -> None:
        if os.read(0, 64):
            under_way.add(asyncio.create_task(purge()))
        else:
            asyncio.get_running_loop().remove_reader(0)

    _run(
        config,
        lambda port: Told(port, key, app.id),
        lambda: asyncio.get_running_loop().add_reader(0, asked),
    )


if __name__ == "__main__":
    if sys.argv[1] == "reference":
        _run(uvicorn.Config(reference, http="httptools", **SERVER), Told, lambda: None)
    else:
        _watchword(Path(sys.argv[2]))
