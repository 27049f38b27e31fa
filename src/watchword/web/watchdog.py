"""One watchdog for all requests of a process, instead of a timer for each.

It counts ticks, one a second, and looks after requests by the tick they came in: a clock that steps hurts nobody,
and a test ticks by hand.

Not handled here: what an overdue request is answered with (``gate.py``).
"""

from __future__ import annotations

import asyncio
import math

from watchword.web.exchange import Request

EVERY = 1.0  # seconds


class Watchdog:
    """Knows every request under way and stops those whose time is up."""

    def __init__(self, request_time: float) -> None:
        self._patience = math.ceil(request_time / EVERY)
        self._ticking: asyncio.Task[None] | None = None
        self.now = 0
        self.under_way: set[Request] = set()

    def start(self) -> None:
        """Begin to tick."""
        self._ticking = asyncio.create_task(self._run(), name="watchdog")

    async def stop(self) -> None:
        """End ticking. Requests under way are left to finish."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
            self._ticking = None

    def tick(self) -> None:
        """Let a second pass."""
        self.now += 1
        for request in tuple(self.under_way):
            if self.now - request.came_in > self._patience and not request.overdue and request.task is not None:
                request.overdue = True
                request.task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self.tick()
