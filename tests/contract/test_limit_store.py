"""What every store promises support: limits are seen as they stand, and emptied they are as new."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.world import World, wrong
from watchword.core.limit import FRESH, UNTRIED
from watchword.errors import MismatchError, RateLimitedError
from watchword.ports_limit import BucketKeys


async def keys_of(world: World) -> BucketKeys:
    """The buckets of one recipient, after three sends, which are all it may have for now, and two wrong guesses."""
    verification, code = await world.send()
    row = (await world.create()).verification
    await world.create()
    for _ in range(2):
        with pytest.raises(MismatchError):
            await world.check(verification, wrong(code))
    return BucketKeys([b"r0" + row.recipient], [b"g0" + row.app + row.recipient], [])


@every_store
def test_buckets_are_seen_as_they_stand(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            keys = await keys_of(world)
            found = await world.store.buckets(keys)
            assert found.sends[keys.sends[0]] > FRESH
            assert 2 == len(found.guesses[keys.guesses[0]].log) == found.guesses[keys.guesses[0]].streak
            assert found == await world.store.buckets(keys)

    run(journey())


@every_store
def test_an_emptied_recipient_may_be_sent_to_again_and_keeps_its_streak(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            keys = await keys_of(world)
            with pytest.raises(RateLimitedError):
                await world.create()
            await world.store.empty(keys, now=world.clock.now())
            found = await world.store.buckets(keys)
            assert found.sends[keys.sends[0]] == FRESH
            assert found.guesses[keys.guesses[0]] == UNTRIED._replace(streak=2)
            await world.create()

    run(journey())


@every_store
def test_of_many_sends_that_race_with_emptying_none_passes_a_limit(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            keys = await keys_of(world)
            emptied = world.store.empty(keys, now=world.clock.now())
            told = await asyncio.gather(emptied, *(world.create() for _ in range(16)), return_exceptions=True)
            refused = [each for each in told if isinstance(each, RateLimitedError)]
            assert len(refused) >= 16 - 3

    run(journey())
