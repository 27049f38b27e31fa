"""A web server in this process, and raw connections to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
import uvloop

from watchword.web.connection import Application, BoundedConfig, Connection
from watchword.web.exchange import TEXT, Answer, Head, Request
from watchword.web.watch import Bounds, Watch

GET = b"GET / HTTP/1.1\r\nHost: here\r\n"
BOUNDS = Bounds(head=1_000, headers=10, patience=3.0, connections=20)

HEAD = Head([])
SETTINGS: dict[str, Any] = {
    "lifespan": "off",
    "ws": "none",
    "log_config": None,
    "proxy_headers": False,
    "timeout_graceful_shutdown": 1,
}


class Plain:
    """An application that is one function, as the web server loads one."""

    def __init__(self, serve: Callable[[Request], Awaitable[None]]) -> None:
        self.serve = serve

    async def __call__(self, _scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("Our own server does not speak ASGI.")


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on the loop that the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 (what is waited for is the server's doing, without an event of its own)
            await asyncio.sleep(0)


async def answer(request: Request) -> None:
    """The plainest way to serve: well, whatever was asked."""
    await request.caller.answer(Answer(200, b"ok", TEXT), HEAD, bare=False)


PLAIN = Plain(answer)


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def ask(self, content: bytes = GET + b"\r\n") -> int:
        """Send a request and read its answer; the status."""
        await self.send(content)
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        return int(head[9:12])

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(60):
            try:
                return await self.reader.read()
            except ConnectionResetError:  # it closed with something of ours unread
                return b""


class Server:
    """A web server in this process."""

    def __init__(self, port: int, watch: Watch) -> None:
        self.port = port
        self.watch = watch
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        """Connect, and wait until the server has taken the connection."""
        before = len(self.watch.connections)
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        await until(lambda: len(self.watch.connections) > before)
        return client

    @property
    def one(self) -> Connection:
        """The only connection there is."""
        (connection,) = self.watch.connections
        assert isinstance(connection, Connection)
        return connection

    async def has_read(self, size: int) -> None:
        """Wait until the server has read so many bytes that made nothing whole."""
        await until(lambda: self.one._before == size and not self.one._whole)

    def let_pass(self, seconds: int) -> None:
        for _ in range(seconds):
            self.watch.tick()


@asynccontextmanager
async def running(config: uvicorn.Config) -> AsyncIterator[int]:
    """A web server, by its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup([listener])
        try:
            yield listener.getsockname()[1]
        finally:
            await server.shutdown([listener])


@asynccontextmanager
async def listening(app: Application = PLAIN, bounds: Bounds = BOUNDS, *, ticks: bool = False) -> AsyncIterator[Server]:
    """Our own server, with its connections to be looked at. Unless it ``ticks``, a second passes as a test says so."""
    config = BoundedConfig(app, bounds=bounds, **SETTINGS)  # type: ignore[arg-type] # it is callable, too
    hour = asyncio.get_running_loop().call_later(3600, int)
    if not ticks:
        config.watch._timer = hour
    async with running(config) as port:
        server = Server(port, config.watch)
        try:
            yield server
        finally:
            hour.cancel()
            for client in server.clients:
                client.writer.transport.abort()
