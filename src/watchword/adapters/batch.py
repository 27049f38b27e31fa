"""Natural batching: what arrives while a round trip is under way travels together in the next one.

No timer and no artificial delay: a lone operation leaves at once, and under load the batch grows by itself.
The stores share this module; what a round trip is, they say (``execute``).

What must be waited for before a round trip may start (``begin``) is waited for before its operations are chosen, so
that those which arrive meanwhile travel along.

Rules:

* the queue is bounded, and full means ``OverloadedError`` at once;
* ``execute`` answers for every operation by itself, so that one which fails harms no neighbour;
* an operation whose caller has gone is carried out all the same, and its result dropped;
* nothing is ever tried twice here.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from watchword.errors import OverloadedError, StoreError

Operation = TypeVar("Operation")

ENDS = (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1_000, 5_000)  # of buckets, in milliseconds

# What execute returns for each operation, in order: its result, or the exception that its caller shall see.
Results = Sequence[Any]


class Tally:
    """What was carried in batches since the start: how many, and how long it took."""

    def __init__(self) -> None:
        self.batches = 0
        self.operations = 0
        self.took = [0.0] * (len(ENDS) + 2)  # batches by bucket, the last beyond all; then their sum in milliseconds

    def note(self, milliseconds: float) -> None:
        """Note how long one took."""
        self.took[bisect_left(ENDS, milliseconds)] += 1
        self.took[-1] += milliseconds


class Batcher(Tally, Generic[Operation]):
    """Collects operations and executes them batch by batch, one batch at a time. Made on the loop that it works for."""

    def __init__(
        self,
        execute: Callable[[Sequence[Operation]], Awaitable[Results]],
        *,
        begin: Callable[[], Awaitable[None]] | None = None,
        most: int = 256,
        waiting: int = 10_000,
    ) -> None:
        super().__init__()
        self._execute = execute
        self._begin = begin
        self._most = most
        self._waiting = waiting
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Operation, asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """How many operations wait for the next batch."""
        return len(self._queue)

    def submit(self, operation: Operation) -> asyncio.Future[Any]:
        """Queue an operation. The future holds its result or its exception.

        Raises:
            OverloadedError: the queue is full.
        """
        if len(self._queue) >= self._waiting:
            raise OverloadedError
        future = self._loop.create_future()
        self._queue.append((operation, future))
        if self._worker is None:
            # A task starts in the next turn of the loop, so that whatever arrives in this turn joins the batch.
            self._worker = self._loop.create_task(self._work())
        return future

    async def drain(self) -> None:
        """Wait until everything that was queued is done."""
        while self._worker is not None:
            await asyncio.shield(self._worker)

    async def _work(self) -> None:
        try:
            while self._queue:
                await self._round_trip()
        finally:
            self._worker = None

    async def _round_trip(self) -> None:
        began = self._loop.time()
        batch: list[tuple[Operation, asyncio.Future[Any]]] = []
        try:
            if self._begin is not None:
                await self._begin()
            batch = self._take()
            results = await self._execute([operation for operation, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must hear of it
            failure = error if isinstance(error, StoreError) else StoreError(f"a batch failed: {type(error).__name__}")
            batch = batch or self._take()
            results = [failure] * len(batch)
        self.note((self._loop.time() - began) * 1_000)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():  # cancelled: the caller has gone
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _take(self) -> list[tuple[Operation, asyncio.Future[Any]]]:
        queue = self._queue
        batch = [queue.popleft() for _ in range(min(len(queue), self._most))]
        self.batches += 1
        self.operations += len(batch)
        return batch


class Counted(Protocol):
    """A ``Tally`` of what operations wait for."""

    @property
    def depth(self) -> int:
        """How many operations wait."""
        ...

    batches: int
    operations: int
    took: list[float]


def figures(*batchers: Counted) -> dict[str, float]:
    """What a store tells of them: how many wait now; since the start, batches, operations and how long it took.

    ``took_0`` to the last are the parts of ``Tally.took``, which metrics put together again.
    """
    took = {
        f"took_{place}": sum(parts) for place, parts in enumerate(zip(*(each.took for each in batchers), strict=True))
    }
    return took | {
        "queue_depth": sum(each.depth for each in batchers),
        "batches": sum(each.batches for each in batchers),
        "operations": sum(each.operations for each in batchers),
    }
