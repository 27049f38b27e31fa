"""A lane: one connection on which batches of steps run, each batch written in one transaction.

A batch reads over arrays what its steps will ask for, runs the steps over that, and writes over arrays what they
changed, for one call or for 256, while the next batch gathers. There are two ways:

    comparing   read, run, write what is still as it was read: each statement a transaction of its own, mostly three
    locking     begin, read and lock, run, write, commit: five round trips, where the first way clashed or cannot be

Not handled here: what a step does (``adapters/steps.py``), rows (``shelf.py``), the connection's life (``link.py``).

Rules:

* a result is told only after the commit that holds it; whoever is told StoreError because the connection broke during
  the commit cannot know, and nothing is asked twice on his behalf;
* a refusal leaves the batch alone, because a refusing step has written nothing;
* a batch that clashed (a row has changed, or is there now that was not, or two waited for each other) was rolled back
  as a whole and runs again, and this and the next ones lock: that is certain, and somebody else got on;
* whatever is decided over more than the rows of some keys or groups (a question, a set that may be empty) is locked;
* any other failure rolls the batch back, and then each step gets a transaction of its own; where that waits in vain
  for what others hold, twice, the rest is refused at once: else everybody behind waits for all of them in turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
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
CAREFUL = 16  # batches that lock after one that had to: what it met, the next ones are likely to meet
STUCK = 2  # steps of a batch that waited alone, in vain, for what others hold
MOST_ROUNDS = 50  # of reading; a step needs two or three
# A row was not what it was taken for, which ``_as_one`` says by dividing, or two waited for each other.
CLASHED = (asyncpg.DivisionByZeroError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

Wants = Callable[[PostgresTables], None]

_SETTINGS = [
    # Young tables are planned as if they were empty, and a plan outlives that. Every statement here has its index.
    *(f"{name} = off" for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")),
    # Whoever stops in the middle of a transaction must not hold its rows for long.
    *("lock_timeout = '2s'", "idle_in_transaction_session_timeout = '5s'"),
]
# Whatever the server or the role has as its usual: an answer is told only when it cannot be lost any more.
_LASTING = ["synchronous_commit = on", *_SETTINGS]
WRITING = "; ".join(("BEGIN", *(f"SET LOCAL {setting}" for setting in _LASTING)))
READING = "; ".join(
    ("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", *(f"SET LOCAL {setting}" for setting in _SETTINGS))
)
SESSION = "; ".join(f"SET {setting}" for setting in _LASTING)  # for statements that are transactions by themselves


class Call(NamedTuple):
    """A step, and what it will certainly ask for: at once, and once the first of that is there."""

    step: Callable[[PostgresTables], Any]
    wants: Wants | None = None
    follows: Wants | None = None


Read = Callable[[asyncpg.Connection, Sequence[Call]], Awaitable[None]]


class MustLockError(Exception):
    """What a batch asks for cannot be compared. Nothing of it stands."""


class Lane:
    """Owns a connection; ``execute`` is what a Batcher calls.

    It compares where its link's sessions begin with ``SESSION``: each thing that it says then is a transaction.
    """

    def __init__(self, link: Link, *, writes: bool) -> None:
        self._link = link
        self._writes = writes
        self._compares = writes and link.session == SESSION
        self._careful = 0  # batches, or steps that run alone, which will lock
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
        compares = self._compares and not self._careful
        self._careful = max(0, self._careful - 1)
        for _ in range(tries):
            try:
                if compares and (results := await self._compared(calls)) is not None:
                    return results
                async with self._link.connected(self._begin) as connection:
                    return await self._locked(connection, calls)
            except CLASHED:
                compares, self._careful = False, CAREFUL
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise as_store_error(error) from error
        raise StoreError("PostgreSQL: too many others write the same rows")

    async def _compared(self, calls: Sequence[Call]) -> list[Any] | None:
        """Run calls on what is still as it was read. None where that cannot be, and nothing was written."""
        writes = False
        try:
            async with self._link.connected() as connection:
                results = await self._settled(connection, calls, self._read_at_once)
                writes = True
                await self._write(connection, holds=True)
        except MustLockError:
            self._careful = CAREFUL
            return None
        except LostError as error:
            if writes or isinstance(error.__cause__, TimeoutError):
                raise
            return None  # nothing was written: it is connected again, and nobody hears of it
        return results

    async def _locked(self, connection: asyncpg.Connection, calls: Sequence[Call]) -> list[Any]:
        try:
            results = await self._settled(connection, calls, self._read)
            await self._write(connection, holds=False)
            await connection.execute("COMMIT")
        except Exception:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        return results

    async def _settled(self, connection: asyncpg.Connection, calls: Sequence[Call], read: Read) -> list[Any]:
        """Read and run until no step lacks anything."""
        tables = self._tables
        tables.begin()
        for call in calls:
            if call.wants is not None:
                call.wants(tables)
        for _ in range(MOST_ROUNDS):
            await read(connection, calls)
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

    async def _read(self, connection: asyncpg.Connection, calls: Sequence[Call]) -> None:
        """Read table by table, where it writes with locks: what comes after a wait must be what stands then.

        What follows from the rows of one table is wanted before the next one is locked, so that all of them are locked
        in the order of their tables.
        """
        asked = self._tables.asked
        while asked.unread:
            query, arguments = question = asked.unread.pop()
            asked.learn(question, await connection.fetch(query, *arguments))
        for shelf in self._tables.shelves:
            lock = shelf.lock if self._writes else ""
            if shelf.unread:
                shelf.learn(await connection.fetch(shelf.by_key + lock, sorted(shelf.unread)))
            if shelf.unread_groups:
                if shelf.guarded and self._writes:
                    await _lock_by_name(connection, shelf)
                shelf.learn_groups(await connection.fetch(shelf.by_group + lock, sorted(shelf.unread_groups)))
            if shelf in self._tables.leading:
                self._follow(calls)

    async def _read_at_once(self, connection: asyncpg.Connection, calls: Sequence[Call]) -> None:
        """Read of all tables in one statement, and what follows from that in another.

        Raises:
            MustLockError: something is asked that is about more than the rows of some keys or groups.
        """
        await self._read_arrays(connection)
        self._follow(calls)
        await self._read_arrays(connection)

    def _follow(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if call.follows is not None:
                call.follows(self._tables)

    async def _read_arrays(self, connection: asyncpg.Connection) -> None:
        lacking = [shelf for shelf in self._tables.shelves if shelf.lacks]
        if self._tables.asked.unread or any(shelf.guarded for shelf in lacking):
            raise MustLockError
        if not lacking:
            return
        keyed = [shelf for shelf in lacking if shelf.unread]
        grouped = [shelf for shelf in lacking if shelf.unread_groups]
        statement = _as_row((*(shelf.by_key for shelf in keyed), *(shelf.by_group for shelf in grouped)))
        wanted = [*(sorted(shelf.unread) for shelf in keyed), *(sorted(shelf.unread_groups) for shelf in grouped)]
        found = await connection.fetchrow(statement, *wanted)
        assert found is not None  # noqa: S101 - a row of arrays
        for shelf, records in zip(keyed, found[: len(keyed)], strict=True):
            shelf.learn(records)
        for shelf, records in zip(grouped, found[len(keyed) :], strict=True):
            shelf.learn_groups(records)

    async def _write(self, connection: asyncpg.Connection, *, holds: bool) -> None:
        """Write everything in one statement, which no clash survives.

        Where it ``holds``, rows that were only looked at must be as they were read, too.
        """
        shelves = self._tables.shelves
        writes = [write for shelf in shelves for write in (*(shelf.holds() if holds else ()), *shelf.writes())]
        if not writes:
            return
        statement = _as_one(tuple((write.statement, len(write.columns), write.rows is not None) for write in writes))
        columns = [column for write in writes for column in write.columns]
        await connection.fetchrow(statement, *columns, *(write.rows for write in writes if write.rows is not None))


async def _lock_by_name(connection: asyncpg.Connection, shelf: Shelf[Any]) -> None:
    """Lock groups whether they have rows or not, until the transaction ends."""
    names = (sha256(shelf.guarded + group).digest()[:8] for group in shelf.unread_groups)
    numbers = sorted(int.from_bytes(name, "big", signed=True) for name in names)
    # A statement of its own: what is read next must be what stands once the lock is ours.
    await connection.execute("SELECT pg_advisory_xact_lock(name) FROM unnest($1::bigint[]) name", numbers)


@lru_cache(maxsize=500)
def _as_row(queries: tuple[str, ...]) -> str:
    """One statement of several, each with a parameter: their rows, as an array each."""
    numbered = (_numbered(text, 1, first) for first, text in enumerate(queries))
    return f"SELECT {', '.join(f'ARRAY(SELECT found FROM ({text}) found)' for text in numbered)}"  # noqa: S608 - our own


@lru_cache(maxsize=500)
def _as_one(statements: tuple[tuple[str, int, bool], ...]) -> str:
    """One statement of several, each with its number of parameters and whether it must touch a certain number of rows.

    Those numbers are the last parameters. Where one is wrong the whole fails, by a division by zero. There are few such
    sets, each prepared once.
    """
    parts, first = [], 0
    for number, (text, parameters, _) in enumerate(statements):
        parts.append(f"w{number} AS ({_numbered(text, parameters, first)})")
        first += parameters
    told = [number for number, (_, _, is_told) in enumerate(statements) if is_told]
    counts = [f"(SELECT count(*) FROM w{number}) = ${first + place}" for place, number in enumerate(told, start=1)]  # noqa: S608 - our own
    return f"WITH {', '.join(parts)} SELECT 1 / ({' AND '.join(counts) or 'true'})::int"


def _numbered(text: str, parameters: int, first: int) -> str:
    """A statement whose parameters come after as many others."""
    for place in range(parameters, 0, -1):  # from the last, so that none is numbered twice
        text = text.replace(f"${place}::", f"${place + first}::")
    return text
