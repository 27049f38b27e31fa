"""Checkpoints on a thread of their own, so that no request waits while the log is written back into the file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from watchword.adapters.sqlite.database import as_store_error, connect

Result = TypeVar("Result")

EVERY = 0.5  # seconds
LONG = 64 * 1024 * 1024  # bytes of log after which a checkpoint insists on starting the log afresh


class Checkpointer:
    """Owns a background connection and its thread."""

    def __init__(self, path: Path) -> None:
        self._log = path.with_name(path.name + "-wal")
        self._connection = connect(path)
        self._connection.execute("PRAGMA busy_timeout = 200")
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
        await self.read(lambda connection: _checkpoint(connection, "TRUNCATE"))
        self._thread.shutdown()
        self._connection.close()

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something slow with the background connection, on its thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        except sqlite3.Error as error:
            raise as_store_error(error) from error

    async def _work(self) -> None:
        seen = 0
        while True:
            await asyncio.sleep(EVERY)
            size = self._log.stat().st_size if self._log.exists() else 0
            if size not in {0, seen} or size > LONG:
                mode = "RESTART" if size > LONG else "PASSIVE"
                await asyncio.get_running_loop().run_in_executor(self._thread, _checkpoint, self._connection, mode)
            seen = size


def _checkpoint(connection: sqlite3.Connection, mode: str) -> None:
    # A busy file is checkpointed next time; a broken one is noticed by the writer, which answers for it.
    with suppress(sqlite3.Error):
        connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
