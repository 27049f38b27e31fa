"""What every store promises support: limits are seen as they stand, and emptied they are as new."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.listening import until
from tests.support.world import World, wrong
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import FRESH, UNTRIED, Rate
from watchword.core.policy import Limits, Rules
from watchword.errors import MismatchError, RateLimitedError, WatchwordError
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
def test_a_refusal_that_was_told_leaves_nothing_for_the_collector(store: str, tmp_path: Path) -> None:
    """It comes seldom, and what is refused comes by the thousand from whoever means harm."""

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            await keys_of(world)
            try:
                await world.create()
            except RateLimitedError as error:
                told = weakref.ref(error)
            await until(lambda: told() is None)

    gc.disable()
    try:
        run(journey())
    finally:
        gc.enable()


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


AT_ONCE = 64


async def guessed(world: World, raw: bytes, typed: str) -> str:
    """What a check came to."""
    try:
        await world.check(raw, typed)
    except WatchwordError as error:
        return type(error).__name__
    return "approved"


@every_store
def test_64_guesses_at_once_over_many_verifications_never_exceed_a_recipients_budget_by_one(
    store: str, tmp_path: Path
) -> None:
    async def journey() -> None:
        rules = Rules(limits=Limits((), (), (), (), (Rate(7, HOUR), Rate(50, DAY))))
        async with a_world(store, tmp_path, rules) as world:
            sent = [await world.send() for _ in range(16)]
            asked = (guessed(world, raw, wrong(code)) for raw, code in sent for _ in range(AT_ONCE // len(sent)))
            assert Counter(await asyncio.gather(*asked)) == {"MismatchError": 7, "RateLimitedError": AT_ONCE - 7}

    run(journey())


@every_store
def test_64_sends_at_once_from_one_source_never_exceed_its_bucket_by_one(store: str, tmp_path: Path) -> None:
    async def sent(world: World, number: int) -> str:
        try:
            await world.create(f"user{number}@example.com", source="192.0.2.1")
        except RateLimitedError:
            return "limited"
        return "sent"

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            told = Counter(await asyncio.gather(*(sent(world, number) for number in range(AT_ONCE))))
            assert told == {"sent": 20, "limited": AT_ONCE - 20}

    run(journey())


@every_store
def test_neither_a_restart_nor_a_resend_nor_a_new_verification_resets_anything(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            for _ in range(4):
                assert await guessed(world, raw, wrong(code)) == "MismatchError"
            await world.store.aclose()
            await world.store.open()
            world.clock.move(30 * SECOND)
            await world.verifications.resend(world.app, raw)
            assert await guessed(world, raw, wrong(code)) == "MismatchError"
            assert await guessed(world, raw, code) == "ExhaustedError"
            raw, code = await world.send()
            await world.store.aclose()
            await world.store.open()
            with pytest.raises(RateLimitedError) as refused:
                await world.create()
            assert refused.value.retry_after == 170
            for _ in range(5):
                assert await guessed(world, raw, wrong(code)) == "MismatchError"
            world.clock.move(5 * MINUTE)
            raw, code = await world.send()
            await world.store.aclose()
            await world.store.open()
            assert await guessed(world, raw, code) == "RateLimitedError"

    run(journey())


@every_store
def test_no_two_bursts_pass_at_an_edge_between_windows(store: str, tmp_path: Path) -> None:
    async def passed(world: World, tries: int) -> int:
        sent = 0
        for _ in range(tries):
            with suppress(RateLimitedError):
                await world.create()
                sent += 1
        return sent

    async def journey() -> None:
        rules = Rules(limits=Limits(recipient_sends=(Rate(3, 10 * MINUTE),)))
        async with a_world(store, tmp_path, rules) as world:
            world.clock.move(10 * MINUTE - world.clock.now() % (10 * MINUTE) - 1)  # the last moment of a fixed window
            assert await passed(world, 6) == 3
            world.clock.move(2)
            assert await passed(world, 6) == 0
            world.clock.move(10 * MINUTE - 3)
            assert await passed(world, 6) == 2  # what was refilled meanwhile, and the burst is not there again

    run(journey())
