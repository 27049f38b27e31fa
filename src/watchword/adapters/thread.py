"""One thread beside an event loop, for what may wait: commits, locks.

An executor of the standard library hands a result over through two futures and a lock; for work that comes with every
batch that is a twentieth of what a request costs.

A thread that is only woken gets the interpreter's lock when the loop has nothing left to do, and then the loop waits
for a disk that was asked too late. So a loop with other things to do may lend it the lock until the work has begun
(docs/adr/0042).

Not handled here: what is done there. Rules:

* one piece of work after the other, in the order of asking;
* lending holds the loop up until idle hands have taken the work, for some tens of microseconds, and never behind work;
* who asks and who closes are one thread, of one process: a thread that another closed meanwhile, or that a fork left
  behind, takes nothing, and whoever lent to it would be held up for ever;
* whoever stopped waiting changes nothing: the work is done all the same, and its result dropped;
* ``close`` waits for what was asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")
Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...], bool]


class LoopThread:
    """A thread with a name. It begins with the first work."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._taken: SimpleQueue[None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._asked = 0
        self._done = 0  # the thread's count, as the other is the loop's
        self._started = False
        self._closed = False

    async def run(self, work: Callable[..., Result], *arguments: Any, lend: bool = False) -> Result:  # noqa: ANN401 - the work's own
        """Have something done there, and wait for it. ``lend`` has it begin before anything else is done here.

        Raises:
            RuntimeError: the thread was closed.
            And whatever the work raises.
        """
        if self._closed:
            raise RuntimeError("This thread was closed.")
        if not self._started:
            self._thread.start()
            self._started = True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        lend = lend and self._asked == self._done
        self._asked += 1
        self._queue.put((loop, future, work, arguments, lend))
        if lend:
            self._taken.get()  # without the interpreter's lock
        return await future

    def close(self) -> None:
        """Finish what was asked for, and end."""
        self._closed = True
        self._queue.put(None)
        if self._started:
            self._thread.join()

    def _serve(self) -> None:
        while (asked := self._queue.get()) is not None:
            loop, future, work, arguments, lent = asked
            result, error = None, None
            if lent:
                self._taken.put(None)
            try:
                result = work(*arguments)
            except BaseException as raised:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
                error = raised
            self._done += 1
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, future, result, error)
            del asked, future, work, arguments, result, error


def _tell(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
