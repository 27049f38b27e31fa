"""Checkpoints on a thread of their own, so that no request waits while the log is written back into the file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import apsw

from watchword.adapters.sqlite.database import as_store_error, connect
from watchword.errors import UnavailableError

Result = TypeVar("Result")
Maintain = Callable[[Callable[[apsw.Connection], None]], Awaitable[None]]

EVERY = 0.5  # seconds


class Checkpointer:
    """Owns a background connection and its thread."""

    def __init__(self, path: Path, written: Callable[[], int], maintain: Maintain) -> None:
        """Write back whenever ``written``, the count of what this process and its scribe have written, has grown.

        ``maintain`` does something with the writing connection between two transactions.
        """
        self._log = path.with_name(path.name + "-wal")
        self._written = written
        self._maintain = maintain
        self._connection = connect(path, patience=0)  # who is busy is not kept waiting, nor waited for
        self._thread = ThreadPoolExecutor(1, "sqlite-background")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Write everything back and let go."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.read(write_back_all)
        self._thread.shutdown()
        self._connection.close()

    async def read(self, work: Callable[[apsw.Connection], Result]) -> Result:
        """Do something slow with the background connection, on its thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        except apsw.Error as error:
            raise as_store_error(error) from error

    async def _work(self) -> None:
        seen = 0
        while True:
            await asyncio.sleep(EVERY)
            written = self._written()
            if written != seen:
                await self.read(write_back)
                # What came meanwhile is little, and in the writer's own turn nothing is added: the log is then all
                # written back and begins afresh. Under steady load it would otherwise never end.
                # Whoever writes may have too much to do, or be gone: there is another turn.
                with suppress(UnavailableError):
                    await self._maintain(write_back)
            elif _size(self._log):
                await self.read(write_back_all)
            seen = written


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # the last process that closed it took it away
        return 0


def write_back(connection: apsw.Connection) -> None:
    """Write back what can be without anybody waiting."""
    # A busy file is checkpointed next time; a broken one is noticed by the writer, which answers for it.
    with suppress(apsw.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def write_back_all(connection: apsw.Connection) -> None:
    """Write back everything and empty the log, if no other process is in the way."""
    with suppress(apsw.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
