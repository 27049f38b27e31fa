"""One connection to PostgreSQL that comes back by itself, and what its errors mean in our words.

Not handled here: where the server is (``address.py``), what is said to it (``lane.py``).

Rules:

* a transaction has ``PATIENCE`` for everything, connecting included; one that takes longer ends its connection;
* after that the next ones wait less, until the server answers again: a queue must not stand still behind a dead line
  (one that is cut says so at once, and costs nobody's patience);
* of several servers all are asked at once, and the first that takes writes is the one: one that is dead, or has become
  a standby, costs nobody's patience;
* whatever was under way when a connection broke has failed, and is not tried again; one that turns out to be gone when
  the next transaction begins is replaced, and nobody hears of it (nor where a batch had only read: ``lane.py``);
* one that is ``shut`` connects to nobody, and every transaction fails at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from watchword.adapters.postgres.address import PostgresAddress
from watchword.errors import StoreError

PATIENCE = 4.0  # seconds
LESS_PATIENCE = 1.0

# The connection is gone, or the server is about to be. A timeout is an OSError, too.
LOST = (
    *(OSError, EOFError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError),
    *(asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InternalClientError),
    asyncpg.ReadOnlySQLTransactionError,  # it is a standby now; who takes writes is asked anew
)
# Their messages name roles, databases and states of the server; any other might repeat a value.
_TOLD = (
    *(asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError),
    *(asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError),
    *(asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError),
)


class LostError(StoreError):
    """No transaction could be had, or its connection broke: there is nothing a step by itself could do better."""


def as_store_error(error: BaseException) -> StoreError:
    """Say it in our words, without a value."""
    if isinstance(error, _TOLD):
        return StoreError(f"PostgreSQL: {error}")
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return StoreError("PostgreSQL: none of the servers takes writes")
    if isinstance(error, TimeoutError):
        return StoreError("PostgreSQL does not answer")
    if isinstance(error, OSError) and error.strerror:
        return StoreError(f"PostgreSQL cannot be reached: {error.strerror}")
    return StoreError(f"PostgreSQL: {type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".rstrip())


class Link:
    """Owns a connection. One transaction at a time.

    Each new connection is told ``session`` before anything is asked of it, and then must be to a server that takes
    writes: what such a session says need not begin with anything that a standby would refuse.
    """

    def __init__(self, address: PostgresAddress, session: str = "") -> None:
        self._address = address
        self.session = session
        self._connection: asyncpg.Connection | None = None
        self._patience = PATIENCE
        self.shut = ""  # why nothing may be asked yet, where nothing may

    @asynccontextmanager
    async def connected(self, begin: str = "") -> AsyncIterator[asyncpg.Connection]:
        """The connection, for one transaction, once ``begin`` was said to the server, if there is anything to say.

        Raises:
            LostError: there is none, it broke, or the time was up.
        """
        try:
            async with asyncio.timeout(self._patience):
                yield await self._begun(begin)
        except LOST as error:
            if isinstance(error, TimeoutError):
                self._patience = LESS_PATIENCE
            self._let_go()
            raise LostError(as_store_error(error).detail) from error
        except asyncpg.InterfaceError as error:
            if self._connection is not None and not self._connection.is_closed():
                raise
            self._let_go()
            raise LostError(as_store_error(error).detail) from error
        self._patience = PATIENCE

    async def _begun(self, begin: str) -> asyncpg.Connection:
        if self.shut:
            raise LostError(self.shut)
        if self._connection is not None and not self._connection.is_closed():
            try:
                if begin:
                    await self._connection.execute(begin)
            except (*LOST, asyncpg.InterfaceError):
                self._let_go()  # it had ended while nobody looked, and nothing was asked of it yet
            else:
                return self._connection
        self._connection = await connect(self._address, writes=bool(self.session))
        for words in (self.session, begin):  # apart: else a rollback of what begins here took the settings along
            if words:
                await self._connection.execute(words)
        return self._connection

    async def aclose(self) -> None:
        """Take leave of the server."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=LESS_PATIENCE)
        except (*LOST, asyncpg.InterfaceError):
            connection.terminate()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def connect(address: PostgresAddress, *, writes: bool = False) -> asyncpg.Connection:
    """Connect as the address says, perhaps only where it ``writes``. Raises what the driver raises."""
    if not address.others:
        return await _connect_to(address, address.servers[0], "read-write" if writes else "any")
    asked = [asyncio.create_task(_connect_to(address, server, "read-write")) for server in address.servers]
    chosen, failures = None, list[Exception]()
    try:
        for answer in asyncio.as_completed(asked):
            try:
                chosen = await answer
            except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                failures.append(error)
            else:
                return chosen
    finally:
        for task in asked:
            task.cancel()
        for found in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(found, asyncpg.Connection) and found is not chosen:
                found.terminate()
    # That a standby is one tells the operator less than what is wrong with the other server.
    raise min(failures, key=lambda error: isinstance(error, asyncpg.TargetServerAttributeNotMatched))


async def _connect_to(address: PostgresAddress, server: tuple[str, int], which: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=server[0],
        port=server[1],
        user=address.user,
        password=address.password,
        database=address.database,
        ssl=address.tls or "disable",
        timeout=PATIENCE,
        target_session_attrs=which,
        # Behind a pooler the next transaction may meet another server, which knows none of our statements.
        statement_cache_size=0 if address.pooled else 100,
        max_cached_statement_lifetime=0,
        server_settings={"application_name": "watchword"},
    )
