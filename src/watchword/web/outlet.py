"""Where answers leave a process: together, at the end of the loop's turn.

Writing to a socket wakes whoever reads it. Done between the work for two requests, that costs as much as the work:
the other side has fallen asleep again each time, and the processor comes back from the kernel with cold caches
(docs/adr/0011). So what is written in one turn of the loop is kept, and goes out in one row.

Not handled here: what is written (the web server), who reads too slowly (its flow control, which sees every byte).

Rules:

* the order within a connection stays; closing one writes what is kept first, aborting one forgets it;
* nothing waits for a timer: a turn that writes ends with everything on its way;
* no more than ``MOST`` bytes of a connection are kept, so that streaming meets flow control as before.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

MOST = 64 * 1024  # bytes


class Outlets:
    """The connections of a process that have something to write in this turn."""

    def __init__(self) -> None:
        self._filled: list[Outlet] = []

    def add(self, outlet: Outlet) -> None:
        """Note a connection that begins to keep something."""
        if not self._filled:
            asyncio.get_running_loop().call_soon(self.empty)
        self._filled.append(outlet)

    def empty(self) -> None:
        """Write what all of them keep."""
        filled, self._filled = self._filled, []
        for outlet in filled:
            outlet.empty()


class Outlet:
    """A connection's transport as the web server uses one."""

    __slots__ = (
        "_kept",
        "_outlets",
        "_size",
        "_transport",
        "get_extra_info",
        "is_closing",
        "pause_reading",
        "resume_reading",
        "set_protocol",
    )

    def __init__(self, transport: asyncio.Transport, outlets: Outlets) -> None:
        self._transport = transport
        self._outlets = outlets
        self._kept: list[bytes] = []
        self._size = 0
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.set_protocol = transport.set_protocol

    def write(self, content: bytes) -> None:
        """Keep it for the end of the turn."""
        if not self._kept:
            self._outlets.add(self)
        self._kept.append(content)
        self._size += len(content)
        if self._size > MOST:
            self.empty()

    def empty(self) -> None:
        """Write what is kept."""
        if self._kept:
            content = b"".join(self._kept)
            self._kept.clear()
            self._size = 0
            # The loop's word for a client that is gone and whose end it has yet to tell of. Others must not hear it.
            with suppress(RuntimeError):
                self._transport.write(content)

    def close(self) -> None:
        """Write what is kept, and close."""
        self.empty()
        self._transport.close()

    def abort(self) -> None:
        """Close without writing."""
        self._kept.clear()
        self._transport.abort()
