"""A bounded set of live connections to one relay.

Not handled here: how a connection is opened and what it must prove (``smtp_connection.py``), what is said over it
(``smtp.py``), when the relay is left alone (``smtp_circuit.py``).

Rules:

* Never more than ``size`` connections, idle ones included; one that idled out and is saying QUIT no longer counts.
* A connection with an unfinished transaction never comes back: it is cut, also when the sender was cancelled.
* One that idled for a few seconds answers NOOP before it is lent; one that idled too long says QUIT, and so do all
  that idled longer than one that does not answer.
* Idleness is measured by the loop's monotonic clock; there is no wall clock here.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from watchword.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from watchword.adapters.smtp_circuit import Circuit
    from watchword.adapters.smtp_connection import Connection

_NOOP_SECONDS = 5.0  # a relay that takes longer to say nothing is replaced
_OK = 250


class Loan:
    """One connection, lent to one sender. ``reused`` tells that it may have gone stale since it was last used.

    From ``accepted`` on, when the relay took MAIL, what it refuses is one message, and says nothing about others.
    """

    def __init__(self, open_new: Callable[[], Awaitable[Connection]], connection: Connection, *, reused: bool) -> None:
        self._open_new = open_new
        self.connection = connection
        self.reused = reused
        self.accepted = False

    async def replace(self) -> None:
        """Cut the connection and open a new one in its place."""
        self.connection.cut()
        self.connection = await self._open_new()
        self.reused = False


class ConnectionPool:
    """Lends connections, newest first, and opens one when none is idle."""

    def __init__(
        self,
        open_new: Callable[[], Awaitable[Connection]],
        circuit: Circuit,
        *,
        size: int,
        idle: float,
        recheck_after: float,
    ) -> None:
        self._open_new = open_new
        self._circuit = circuit
        self._slots = asyncio.Semaphore(size)
        self._idle_seconds = idle
        self._recheck_after = recheck_after
        self._resting: dict[Connection, tuple[float, asyncio.TimerHandle]] = {}
        self._farewells: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Loan]:
        """Lend one connection, waiting while all are out.

        Raises:
            DeliveryError: none can be opened, or the relay is left alone.
        """
        self._circuit.demand()
        async with self._slots:
            self._circuit.demand()
            rested = await self._wake()
            loan = Loan(self._connect, rested or await self._connect(), reused=rested is not None)
            try:
                yield loan
            except DeliveryError as error:
                if not loan.accepted:
                    self._circuit.failed(error)
                raise
            else:
                if not loan.reused:
                    self._circuit.succeeded()
            finally:
                self._take_back(loan.connection)

    @asynccontextmanager
    async def lend_new(self) -> AsyncIterator[Connection]:
        """Lend a connection that was opened just now, also while the relay is left alone. Nothing is learnt from it.

        Raises:
            DeliveryError: none can be opened.
        """
        async with self._slots:
            await self._make_room()
            connection = await self._open_new()
            try:
                yield connection
            finally:
                self._take_back(connection)

    async def aclose(self) -> None:
        """Say QUIT on every idle connection. One that is lent is closed when its sender is done with it."""
        self._closed = True
        for connection in tuple(self._resting):
            self._dismiss(connection)
        await asyncio.gather(*self._farewells)

    async def _connect(self) -> Connection:
        return await self._circuit.connect(self._open_new)

    async def _make_room(self) -> None:
        """Let the connection that rests longest go, and wait until it is gone."""
        for connection in tuple(self._resting)[:1]:
            _, timer = self._resting.pop(connection)
            timer.cancel()
            await connection.leave()

    async def _wake(self) -> Connection | None:
        """Return the connection that was used last and still answers, or None."""
        now = asyncio.get_running_loop().time()
        while self._resting:
            connection, (since, timer) = self._resting.popitem()
            timer.cancel()
            if connection.is_open and (now - since < self._recheck_after or await _answers(connection)):
                return connection
            connection.cut()
            self._dismiss_those_that_rest_since(since)
        return None

    def _dismiss_those_that_rest_since(self, then: float) -> None:
        """Let go of those that rested as long as one that does not answer: each may take as long not to."""
        for connection, (since, _) in tuple(self._resting.items()):
            if since <= then:
                self._dismiss(connection)

    def _take_back(self, connection: Connection) -> None:
        if self._closed or not connection.settled or not connection.is_open:
            connection.cut()
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._idle_seconds, self._dismiss, connection)
        self._resting[connection] = (loop.time(), timer)

    def _dismiss(self, connection: Connection) -> None:
        """Let go of an idle connection, politely and without making anybody wait for it."""
        _, timer = self._resting.pop(connection)
        timer.cancel()
        farewell = asyncio.get_running_loop().create_task(connection.leave())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)


async def _answers(connection: Connection) -> bool:
    """Ask whether the relay is still there. A connection whose answer nobody waited for is unsettled."""
    connection.settled = False
    try:
        connection.settled = await connection.ask(b"NOOP", seconds=_NOOP_SECONDS) == _OK
    except DeliveryError:
        return False
    finally:
        if not connection.settled:
            connection.cut()
    return connection.settled
