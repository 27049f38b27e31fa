"""A lane: one connection on which batches of steps run, each batch one transaction.

A batch begins, reads and locks over arrays what its steps will ask for, runs the steps over that, writes over arrays
what they changed, and commits: five round trips for one call or for 256, while the next batch gathers.

Not handled here: what a step does (``adapters/steps.py``), rows (``shelf.py``), the connection's life (``link.py``).

Rules:

* a result is told only after the commit that holds it; whoever is told StoreError because the connection broke during
  the commit cannot know, and nothing is asked twice on his behalf;
* a refusal leaves the batch alone, because a refusing step has written nothing;
* a batch that clashed (a row that was not there is there now, two waited for each other) was rolled back as a whole
  and runs again: that is certain, and somebody else got on;
* any other failure rolls the batch back, and then each step gets a transaction of its own; where that waits in vain
  for what others hold, twice, the rest is refused at once: else everybody behind waits for all of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import asyncpg

from watchword.adapters.postgres.link import Link, LostError, as_store_error
from watchword.adapters.postgres.shelf import Shelf, UnreadError
from watchword.adapters.postgres.tables import PostgresTables
from watchword.errors import RefusedError, StoreError

TOGETHER = 4  # tries of a batch that clashes, until each step goes alone
ALONE = 40  # tries of a step that clashes alone: each time somebody else got on
STUCK = 2  # steps of a batch that waited alone, in vain, for what others hold
MOST_ROUNDS = 50  # of reading; a step needs two or three

Wants = Callable[[PostgresTables], None]

# Young tables are planned as if they were empty, and a plan outlives that. Every statement here has its index.
_PLANNING = "".join(
    f"SET LOCAL {name} = off; " for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)
# Whoever stops in the middle of a transaction must not hold its rows for long.
_PATIENCE = "SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '5s'"
# Whatever the server or the role has as its usual: an answer is told only when it cannot be lost any more.
WRITING = f"BEGIN; SET LOCAL synchronous_commit = on; {_PLANNING}{_PATIENCE}"
READING = f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {_PLANNING}{_PATIENCE}"


class Call(NamedTuple):
    """A step, and what it will certainly ask for: at once, and once the first of that is there."""

    step: Callable[[PostgresTables], Any]
    wants: Wants | None = None
    follows: Wants | None = None


class ClashError(Exception):
    """Somebody else wrote a row that this batch took for absent. Nothing of the batch stands."""


class Lane:
    """Owns a connection; ``execute`` is what a Batcher calls."""

    def __init__(self, link: Link, *, writes: bool) -> None:
        self._link = link
        self._writes = writes
        self._begin = WRITING if writes else READING
        self._tables = PostgresTables()

    async def execute(self, calls: Sequence[Call]) -> Sequence[Any]:
        """Run a batch. Returns each call's result or exception, in order."""
        try:
            return await self._patiently(calls, TOGETHER)
        except LostError as error:
            return [StoreError(error.detail) for _ in calls]
        except StoreError as error:
            if len(calls) == 1:
                return [StoreError(error.detail)]
        return await self._one_by_one(calls)

    async def _one_by_one(self, calls: Sequence[Call]) -> list[Any]:
        results: list[Any] = []
        stuck, why = 0, ""
        for call in calls:
            if stuck == STUCK:
                results.append(StoreError(why))
                continue
            try:
                results += await self._patiently([call], ALONE)
            except LostError as error:
                return results + [StoreError(error.detail) for _ in calls[len(results) :]]
            except StoreError as error:
                stuck, why = stuck + isinstance(error.__cause__, asyncpg.LockNotAvailableError), error.detail
                results.append(StoreError(why))
        return results

    async def _patiently(self, calls: Sequence[Call], tries: int) -> list[Any]:
        """Run calls in one transaction, again where it clashed.

        Raises:
            StoreError: it failed, and nothing of it stands; where a commit was lost (``LostError``), perhaps all.
        """
        for _ in range(tries):
            try:
                async with self._link.connected(self._begin) as connection:
                    return await self._together(connection, calls)
            except (ClashError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                continue
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise as_store_error(error) from error
        raise StoreError("PostgreSQL: too many others write the same rows")

    async def _together(self, connection: asyncpg.Connection, calls: Sequence[Call]) -> list[Any]:
        try:
            results = await self._settled(connection, calls)
            await self._write(connection)
            await connection.execute("COMMIT")
        except Exception:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        return results

    async def _settled(self, connection: asyncpg.Connection, calls: Sequence[Call]) -> list[Any]:
        """Read and run until no step lacks anything."""
        tables = self._tables
        tables.begin()
        for call in calls:
            if call.wants is not None:
                call.wants(tables)
        await self._read(connection)
        for call in calls:
            if call.follows is not None:
                call.follows(tables)
        for _ in range(MOST_ROUNDS):
            await self._read(connection)
            results = [self._run(call.step) for call in calls]
            if not tables.lacks:
                tables.flush()
                return results
            tables.rewind()
        raise StoreError("a step asked for ever more")

    def _run(self, step: Callable[[PostgresTables], Any]) -> Any:  # noqa: ANN401 - a step's own result
        try:
            return step(self._tables)
        except RefusedError as refusal:
            return refusal.with_traceback(None)  # the places it passed hold the list that it is put into
        except UnreadError:
            return None  # the batch runs again, with what was lacking
        except Exception as error:
            raise StoreError(f"a step failed: {type(error).__name__}") from error

    async def _read(self, connection: asyncpg.Connection) -> None:
        asked = self._tables.asked
        while asked.unread:
            query, arguments = question = asked.unread.pop()
            asked.learn(question, await connection.fetch(query, *arguments))
        for shelf in self._tables.shelves:
            if shelf.unread:
                shelf.learn(await connection.fetch(self._locking(shelf, shelf.by_key), sorted(shelf.unread)))
            if shelf.unread_groups:
                if shelf.guarded and self._writes:
                    await _lock_by_name(connection, shelf)
                query = self._locking(shelf, shelf.by_group)
                shelf.learn_groups(await connection.fetch(query, sorted(shelf.unread_groups)))

    def _locking(self, shelf: Shelf[Any], query: str) -> str:
        return query + shelf.lock if self._writes else query

    async def _write(self, connection: asyncpg.Connection) -> None:
        """Write everything in one statement, which no clash survives."""
        writes = [write for shelf in self._tables.shelves for write in shelf.writes()]
        if not writes:
            return
        statement = _as_one(tuple((write.statement, len(write.columns)) for write in writes))
        written = await connection.fetchrow(statement, *(column for write in writes for column in write.columns))
        assert written is not None  # noqa: S101 - a row of counts
        if any(write.rows not in {None, count} for write, count in zip(writes, written, strict=True)):
            raise ClashError


async def _lock_by_name(connection: asyncpg.Connection, shelf: Shelf[Any]) -> None:
    """Lock groups whether they have rows or not, until the transaction ends."""
    names = (sha256(shelf.guarded + group).digest()[:8] for group in shelf.unread_groups)
    numbers = sorted(int.from_bytes(name, "big", signed=True) for name in names)
    # A statement of its own: what is read next must be what stands once the lock is ours.
    await connection.execute("SELECT pg_advisory_xact_lock(name) FROM unnest($1::bigint[]) name", numbers)


@lru_cache(maxsize=500)
def _as_one(statements: tuple[tuple[str, int], ...]) -> str:
    """One statement of several, each with its number of parameters. There are few such sets, each prepared once."""
    parts, first = [], 0
    for number, (text, parameters) in enumerate(statements):
        statement = text
        for place in range(parameters, 0, -1):  # from the last, so that none is numbered twice
            statement = statement.replace(f"${place}::", f"${place + first}::")
        first += parameters
        parts.append(f"w{number} AS ({statement})")
    counts = ", ".join(f"(SELECT count(*) FROM w{number})" for number in range(len(statements)))  # noqa: S608 - our own
    return f"WITH {', '.join(parts)} SELECT {counts}"
