"""The one writer of a process: runs batches of steps, each batch one transaction on disk.

Statements run on the event loop's thread, a few microseconds each; what may wait (the commit's fsync, the write
lock while another process holds it) runs on the writer's own thread. A second Python thread stepping statements
would fight the loop for the interpreter lock at every single one (docs/adr/0004).
In a scribe there is nobody else to serve, and whatever waits does so where it is (``scribe.py``).

Rules:

* a result is told only after the commit that holds it is on disk;
* a refusal leaves the batch alone, because a refusing step has written nothing;
* any other failure rolls the whole batch back, and then each step gets a transaction of its own: the one that
  cannot succeed fails alone;
* a transaction that cannot be had fails its whole batch at once, and the next one waits less for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw

from watchword.adapters.sqlite.database import BUSY, LESS_PATIENCE, PATIENCE, as_store_error, begin_patiently
from watchword.adapters.sqlite.tables import SqliteTables
from watchword.adapters.thread import LoopThread
from watchword.errors import RefusedError, StoreError

Step = tuple[Callable[..., Any], tuple[object, ...]]  # a function of the tables, and what else it is given
Result = TypeVar("Result")


class Hands(Protocol):
    """Where a writer has done what may wait (``LoopThread``)."""

    async def run(self, work: Callable[..., Result], *arguments: Any, lend: bool = False) -> Result:  # noqa: ANN401 - the work's own
        """Have something done, and wait for it."""
        ...

    def close(self) -> None:
        """Finish what was asked for."""
        ...


class _NotBegunError(StoreError):
    """No transaction could be had, so that there is nothing a step by itself could do better."""


class Writer:
    """Owns the writing connection; ``begin`` and ``execute`` are what a Batcher calls, one after the other."""

    def __init__(self, connection: apsw.Connection, path: Path, hands: Hands | None = None) -> None:
        self._path = path
        self._identity = _identity(path)
        self._connection = connection
        # One cursor for every transaction. What Connection.execute returns would be a cursor of its own, born on one
        # thread and freed on another: where that meets a statement under way, apsw keeps it until the connection ends,
        # and goes through all it keeps whenever it frees the next.
        self._transact = connection.cursor().execute
        self._tables = SqliteTables(connection)
        self._hands = hands or LoopThread("sqlite-writer")
        self._turn = asyncio.Lock()
        self._patience = PATIENCE

    async def begin(self) -> None:
        """Begin a transaction. Which steps it is for is decided after the wait for other processes.

        Raises:
            StoreError: there is none to be had.
        """
        await self._turn.acquire()
        try:
            await self._begin()
        except BaseException as error:
            self._turn.release()
            if isinstance(error, _NotBegunError):
                raise StoreError(error.detail) from None
            raise

    async def execute(self, steps: Sequence[Step]) -> Sequence[Any]:
        """Run a batch in the transaction that was begun. Returns each step's result or exception, in order."""
        try:
            try:
                return await self._together(steps)
            except (apsw.Error, StoreError) as error:
                if len(steps) == 1:
                    return [_told(error)]
            return await self._one_by_one(steps)
        finally:
            self._turn.release()

    async def maintain(self, work: Callable[[apsw.Connection], Result]) -> Result:
        """Do something with the connection between two batches, outside any transaction, by the writer's hands."""
        async with self._turn:
            try:
                return await self._hands.run(work, self._connection)
            except apsw.Error as error:
                raise as_store_error(error) from error

    def close(self) -> None:
        """Let go of thread and connection."""
        self._hands.close()
        self._connection.close()

    async def _together(self, steps: Sequence[Step]) -> list[Any]:
        try:
            results = [self._run(step) for step in steps]
            self._tables.guard.flush()
            # For one that is alone there is nothing to do meanwhile, and lending would only hold it up.
            await self._hands.run(self._transact, "COMMIT", lend=len(steps) > 1)
        except BaseException as error:
            self._tables.guard.forget()  # nothing of this batch stands, or nobody knows
            if isinstance(error, Exception):
                self._roll_back()
            raise
        self._tables.guard.keep()
        return results

    async def _one_by_one(self, steps: Sequence[Step]) -> list[Any]:
        results: list[Any] = []
        for step in steps:
            try:
                await self._begin()
                results += await self._together([step])
            except _NotBegunError as error:
                return results + [StoreError(error.detail) for _ in steps[len(results) :]]
            except (apsw.Error, StoreError) as error:
                results.append(_told(error))
        return results

    def _run(self, step: Step) -> Any:  # noqa: ANN401 - a step's own result
        try:
            work, arguments = step
            return work(self._tables, *arguments)
        except RefusedError as refusal:
            return refusal.with_traceback(None)  # the places it passed hold the list that it is put into
        except apsw.Error:
            raise
        except Exception as error:
            raise StoreError(f"a step failed: {type(error).__name__}") from error

    async def _begin(self) -> None:
        if _identity(self._path) != self._identity:
            # SQLite would go on writing to a file that has no name any more, and every answer would be lost.
            raise _NotBegunError("the database file was taken away or replaced: restart the service")
        try:
            try:
                self._transact("BEGIN IMMEDIATE")
            except BUSY:
                await self._hands.run(begin_patiently, self._connection, self._patience)
        except apsw.Error as error:
            self._patience = LESS_PATIENCE  # whoever comes next must not wait as long again for the same lock
            raise _NotBegunError(as_store_error(error).detail) from error
        self._patience = PATIENCE

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._transact("ROLLBACK")
        except apsw.Error:
            # SQLite has rolled back by itself (a full disk, an I/O error); there is nothing left to undo.
            return


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _told(error: apsw.Error | StoreError) -> StoreError:
    return error if isinstance(error, StoreError) else as_store_error(error)
