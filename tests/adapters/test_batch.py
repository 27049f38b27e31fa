"""Natural batching (``adapters/batch.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from watchword.adapters.batch import Batcher
from watchword.errors import MismatchError, OverloadedError, StoreError


class RoundTrips:
    """Executes batches when told to, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.started = asyncio.Event()

    async def execute(self, operations: Sequence[int]) -> list[object]:
        self.batches.append(list(operations))
        self.started.set()
        await self.go.wait()
        return [MismatchError() if operation < 0 else operation * 10 for operation in operations]


def test_a_lone_operation_leaves_at_once() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        trips.go.set()
        assert await Batcher(trips.execute).submit(7) == 70
        assert trips.batches == [[7]]

    asyncio.run(journey())


def test_what_arrives_during_a_round_trip_travels_together_in_the_next() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        batcher = Batcher(trips.execute)
        first = batcher.submit(1)
        await trips.started.wait()
        later = [batcher.submit(number) for number in range(2, 10)]
        trips.go.set()
        assert await asyncio.gather(first, *later) == [number * 10 for number in range(1, 10)]
        assert trips.batches == [[1], list(range(2, 10))]

    asyncio.run(journey())


def test_what_arrives_while_a_round_trip_waits_to_begin_travels_along() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        trips.go.set()
        asked, may_begin = asyncio.Event(), asyncio.Event()

        async def begin() -> None:
            asked.set()
            await may_begin.wait()

        batcher = Batcher(trips.execute, begin=begin)
        first = batcher.submit(1)
        await asked.wait()
        second = batcher.submit(2)
        may_begin.set()
        assert [await first, await second] == [10, 20]
        assert trips.batches == [[1, 2]]

    asyncio.run(journey())


def test_a_round_trip_that_cannot_begin_fails_everybody_who_waits_and_the_next_one_begins_anew() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        trips.go.set()
        refusals = [StoreError("locked")]

        async def begin() -> None:
            if refusals:
                raise refusals.pop()

        batcher = Batcher(trips.execute, begin=begin)
        answers = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["locked"] * 2
        assert await batcher.submit(3) == 30
        assert trips.batches == [[3]]
        assert (batcher.batches, batcher.operations) == (2, 3)

    asyncio.run(journey())


def test_an_operation_that_fails_harms_no_neighbour() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        trips.go.set()
        batcher = Batcher(trips.execute)
        results = await asyncio.gather(*(batcher.submit(n) for n in (1, -1, 2)), return_exceptions=True)
        assert [results[0], results[2]] == [10, 20]
        assert isinstance(results[1], MismatchError)

    asyncio.run(journey())


def test_a_batch_that_cannot_be_executed_fails_for_all_and_the_next_one_runs() -> None:
    async def journey() -> None:
        broken = True

        async def execute(operations: Sequence[int]) -> list[object]:
            if broken:
                raise OSError("the disk is gone")
            return list(operations)

        batcher = Batcher(execute)
        results = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
        assert all(isinstance(result, StoreError) for result in results)
        broken = False
        assert await batcher.submit(3) == 3

    asyncio.run(journey())


def test_a_full_queue_refuses_at_once() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        batcher = Batcher(trips.execute, waiting=2)
        first = batcher.submit(1)
        await trips.started.wait()
        waiting = [batcher.submit(2), batcher.submit(3)]
        with pytest.raises(OverloadedError):
            await batcher.submit(4)
        trips.go.set()
        assert await asyncio.gather(first, *waiting) == [10, 20, 30]

    asyncio.run(journey())


def test_an_operation_whose_caller_has_gone_is_carried_out_all_the_same() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        batcher = Batcher(trips.execute)
        gone = batcher.submit(1)
        await trips.started.wait()
        gone.cancel()
        stays = batcher.submit(2)
        trips.go.set()
        assert await stays == 20
        with suppress(asyncio.CancelledError):
            await gone
        assert trips.batches == [[1], [2]]

    asyncio.run(journey())


def test_a_batch_has_a_largest_size() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        trips.go.set()
        batcher = Batcher(trips.execute, most=4)
        await asyncio.gather(*(batcher.submit(number) for number in range(10)))
        assert [len(batch) for batch in trips.batches] == [4, 4, 2]

    asyncio.run(journey())


def test_drain_waits_for_everything_that_was_queued() -> None:
    async def journey() -> None:
        trips = RoundTrips()
        trips.go.set()
        batcher = Batcher(trips.execute)
        futures = [batcher.submit(number) for number in range(3)]
        await batcher.drain()
        assert all(future.done() for future in futures)

    asyncio.run(journey())
