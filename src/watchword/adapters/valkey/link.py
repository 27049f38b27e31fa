"""The way to one server, kept open: connected, introduced, watched, and connected again when it is lost.

Not handled here: what is said over it (``connection.py``), which server has a key (``cluster.py``).

Rules:

* nothing is asked of a server before its certificate was verified (where we speak TLS), it knows who we are, has our
  scripts, and has told us its *term*: which process it is, and since which change of masters. What another term wrote
  may lack what was approved since, and is worth nothing (``row.py``);
* once a second it is asked again, and where the term is another, the connection is given up with all that is under way;
* while there is no connection every call fails at once: nobody waits for a server that may not come back.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from watchword.adapters.batch import Tally
from watchword.adapters.meanwhile import AwayError
from watchword.adapters.valkey.address import Server
from watchword.adapters.valkey.connection import Argument, Connection
from watchword.adapters.valkey.scripts import ALL, Script
from watchword.errors import OverloadedError, StoreError, UnavailableError

INTRODUCTION: Final = 3.0  # seconds from the first packet until a server is ready for us
HASTE: Final = 1.0  # seconds for that where whoever opens goes on without
HEARTBEAT: Final = 1.0  # seconds between two looks at who is there
_FIRST_PAUSE: Final = 0.05  # seconds until the next try to connect; doubles
_LONGEST_PAUSE: Final = 1.0


class FastServer(NamedTuple):
    """How a server is set up, as far as it matters to us. ``room`` is 0 where its memory has no limit."""

    place: str
    is_open: bool  # whoever is on the network between reads along
    version: str
    used: int
    room: int
    policy: str


class Link:
    """One server, for as long as the store is open."""

    def __init__(self, server: Server, *, tls: ssl.SSLContext | None, waiting: int) -> None:
        self.server = server
        self._tls = tls
        self._waiting = waiting
        self._connection: Connection | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._trouble = f"Valkey at {server.name}: not connected"
        self._ready = asyncio.Event()
        self.tally = Tally()

    @property
    def term(self) -> bytes:
        """The term of the server that we are connected to, empty where we are not."""
        return self._connection.term if self._connection is not None else b""

    @property
    def depth(self) -> int:
        """How many calls are under way."""
        return self._connection.depth if self._connection is not None else 0

    async def open(self, *, patient: bool = False) -> None:
        """Connect, and stay connected from now on. A ``patient`` one connects later where it cannot now.

        Raises:
            StoreError: the server cannot be reached, is not what it should be, or does not know us.
        """
        try:
            async with asyncio.timeout(HASTE if patient else None):
                await self._connect()
        except (StoreError, TimeoutError):
            if not patient:
                raise
        self.start()

    def start(self) -> None:
        """Stay connected from now on, beginning whenever the server lets us."""
        if self._keeping is None:
            self._keeping = asyncio.get_running_loop().create_task(self._keep(), name=f"valkey {self.server.name}")

    async def until_ready(self) -> None:
        """Wait for the connection, for as long as an introduction may take.

        Raises:
            StoreError: there is none yet.
        """
        self.start()
        try:
            async with asyncio.timeout(INTRODUCTION):
                await self._ready.wait()
        except TimeoutError:
            raise StoreError(self._trouble) from None

    async def aclose(self) -> None:
        """Let go."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        if self._connection is not None:
            self._connection.close()
            await self._connection.lost

    def command(self, *words: Argument) -> asyncio.Future[Any]:
        """Call a command."""
        return self._there().command(*words)

    def run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run a script."""
        return self._there().run(script, keys, arguments)

    def ask(self, script: Script | None, words: Sequence[Any]) -> asyncio.Future[Any]:
        """Run a script, or call a command, for a key that is just being moved to this server."""
        connection = self._there()
        connection.command(b"ASKING").add_done_callback(_heed)
        return connection.command(*words) if script is None else connection.run(script, words[0], words[1])

    async def describe(self) -> FastServer:
        """How the server is set up."""
        about, memory = await asyncio.gather(self.command(b"INFO", b"server"), self.command(b"INFO", b"memory"))
        told = _read_info(about + memory)
        version = f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"
        return FastServer(
            place=self.server.name,
            is_open=self._tls is None and not self.server.is_loopback,
            version=version,
            used=int(told["used_memory"]),
            room=int(told["maxmemory"]),
            policy=told["maxmemory_policy"],
        )

    def _there(self) -> Connection:
        connection = self._connection
        if connection is None:
            raise AwayError(self._trouble)
        return connection

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = self._connection or await self._connect()
            except UnavailableError as error:
                self._trouble = error.detail
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
                continue
            pause = _FIRST_PAUSE
            await self._watch(connection)
            self._connection = None
            self._ready.clear()
            self._trouble = f"Valkey at {self.server.name}: the connection was lost"

    async def _watch(self, connection: Connection) -> None:
        """Come back when the connection is lost, or given up because another master answers there now."""
        while not connection.lost.done():
            await asyncio.wait((connection.lost,), timeout=HEARTBEAT)
            if connection.lost.done():
                return
            try:
                term = await _term_of(connection)
            except OverloadedError:  # there is no room to ask: whoever fills it is being answered, or the line is cut
                continue
            except StoreError:
                term = b""
            if term != connection.term:
                connection.close("another term has begun there")
                await connection.lost

    async def _connect(self) -> Connection:
        connection = await _connected(self.server, self._tls, lambda: Connection(self._waiting, self.tally), _introduce)
        self._connection = connection
        self._ready.set()
        return connection


async def read_slots(server: Server, tls: ssl.SSLContext | None) -> Sequence[Any]:
    """What a server of a cluster, master or not, says about who has which slots. Takes a connection of its own.

    Raises:
        StoreError: it cannot be reached, does not know us, or is in no cluster.
    """
    slots: Sequence[Any] = ()

    async def ask(connection: Connection, server: Server) -> None:
        nonlocal slots
        *_, slots = await asyncio.gather(*_credentials(connection, server), connection.command(b"CLUSTER", b"SLOTS"))

    connection = await _connected(server, tls, lambda: Connection(len(ALL), Tally()), ask)
    connection.close()
    await connection.lost
    return slots


async def _connected(
    server: Server,
    tls: ssl.SSLContext | None,
    make: Callable[[], Connection],
    begin: Callable[[Connection, Server], Awaitable[None]],
) -> Connection:
    """Connect and do what comes first, all within one span."""
    try:
        async with asyncio.timeout(INTRODUCTION):
            _, connection = await asyncio.get_running_loop().create_connection(
                make,
                *(server.host, server.port),
                ssl=tls,
                server_hostname=server.host if tls else None,
            )
            try:
                await begin(connection, server)
            except BaseException:
                connection.close()
                raise
    except ssl.SSLError:
        raise StoreError(f"Valkey at {server.name}: its certificate or its TLS does not verify") from None
    except UnicodeError:
        raise StoreError(f"Valkey at {server.name}: this is no name of a server") from None
    except OSError as error:  # TimeoutError is one
        reason = "no answer in time" if isinstance(error, TimeoutError) else "it cannot be reached"
        raise StoreError(f"Valkey at {server.name}: {reason}") from None
    return connection


def _credentials(connection: Connection, server: Server) -> list[asyncio.Future[Any]]:
    if not server.password:
        return []
    return [connection.command(b"AUTH", *filter(None, (server.user, server.password)))]


async def _introduce(connection: Connection, server: Server) -> None:
    asked = _credentials(connection, server)
    if server.database:
        asked.append(connection.command(b"SELECT", server.database))
    asked += [connection.command(b"SCRIPT", b"LOAD", script.source) for script in ALL]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:  # the first says most: a wrong password spoils all that follow
        if isinstance(answer, BaseException):
            raise answer
    connection.term = await _term_of(connection)


async def _term_of(connection: Connection) -> bytes:
    """Which process answers there, and since which change of masters.

    The process alone would not do: one that was a replica for a while is the same process, with another's data. Its
    replication id changes each time it becomes a master.

    Raises:
        StoreError: it is no master, or is not ready.
    """
    process, replication = await asyncio.gather(
        connection.command(b"INFO", b"server"), connection.command(b"INFO", b"replication")
    )
    told = _read_info(process + replication)
    if told.get("role") != "master":
        raise StoreError("Valkey: this server is a replica, name its master")
    if not told.keys() >= {"run_id", "master_replid"}:
        raise StoreError("Valkey: this server does not tell which process it is")
    return hashlib.sha256(f"{told['run_id']} {told['master_replid']}".encode()).digest()[:8]


def _read_info(text: bytes) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)


def _heed(done: asyncio.Future[Any]) -> None:
    """Whatever came of it, the call that follows tells."""
    if not done.cancelled():
        done.exception()
