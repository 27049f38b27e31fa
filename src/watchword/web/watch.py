"""The watch over a process's connections: who only holds on is let go.

Not handled here: what is read from a connection (``connection.py``), requests under way (``watchdog.py``).

Rules:

* whoever is owed nothing (no request under way) and brings nothing whole for ``Bounds.patience`` seconds is let go;
* one watch looks at all connections once a second. A request pays for it with a few assignments: a timer for each
  would cost it more than reading its head.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import Protocol

from watchword.web.outlet import Outlets

EVERY = 1.0  # seconds

_log = logging.getLogger("uvicorn.error")


class Watched(Protocol):
    """What the watch needs of a connection. ``strikes`` are the seconds in which the client brought nothing."""

    loop: asyncio.AbstractEventLoop
    strikes: int

    @property
    def is_owed(self) -> bool:
        """Whether the client waits for us, and not we for the client."""

    def let_go(self) -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What strangers may cost a process."""

    head: int = 32 * 1024  # bytes
    headers: int = 100
    patience: float = 10.0  # seconds for a head to arrive, and for the rest of a body that nobody reads
    connections: int = 4_096
    waiting: int = 64  # requests of a connection that came before the last one was answered


class Watch:
    """Knows every connection of a process and lets go of those that only hold on. Made in one process, used in one."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.outlets = Outlets()
        self.connections: set[Watched] = set()
        self._most_strikes = math.ceil(bounds.patience / EVERY)
        self._timer: asyncio.TimerHandle | None = None
        self._refused = 0

    def begin(self, connection: Watched) -> None:
        """Look at a connection from now on."""
        self.connections.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(EVERY, self._run, connection.loop)

    def count_refusal(self) -> None:
        """Note that a connection was refused. They are told once a second, in one line."""
        self._refused += 1

    def tick(self) -> None:
        """Let a second pass."""
        for connection in tuple(self.connections):
            if connection.is_owed:
                connection.strikes = 0
                continue
            connection.strikes += 1
            if connection.strikes > self._most_strikes:
                connection.let_go()
        if self._refused:
            _log.warning("Connections refused before they made a request: %d in the last second.", self._refused)
            self._refused = 0

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self.tick()
        if self.connections:
            self._timer = loop.call_later(EVERY, self._run, loop)
