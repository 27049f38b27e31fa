"""What a durable store promises to a fast one beside it (``ports_limit.GuessStore``, and apps by their id)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.contract.stores import a_world, every_store, run
from tests.support.world import START
from watchword.core.instant import DAY, HOUR
from watchword.core.limit import UNTRIED, Guesses, GuessLimits, Rate

AT_ONCE = 64
LIMITS = GuessLimits((Rate(1_000, HOUR), Rate(1_000, DAY)), 1_000)
KEY = b"g0" + b"a" * 16 + b"r" * 16


@every_store
def test_of_many_wrong_guesses_at_once_none_is_lost(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            assert await world.store.guesses(KEY) == UNTRIED
            noting = (world.store.note_guess(KEY, wrong=True, limits=LIMITS, now=START + n) for n in range(AT_ONCE))
            await asyncio.gather(*noting)
            assert await world.store.guesses(KEY) == Guesses(tuple(range(START, START + AT_ONCE)), AT_ONCE)
            assert await world.store.guesses(KEY[:-1] + b"s") == UNTRIED

    run(journey())


@every_store
def test_a_right_guess_ends_the_streak_and_buys_no_wrong_ones(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            await world.store.note_guess(KEY, wrong=False, limits=LIMITS, now=START)
            assert await world.store.guesses(KEY) == UNTRIED
            await world.store.note_guess(KEY, wrong=True, limits=LIMITS, now=START)
            await world.store.note_guess(KEY, wrong=False, limits=LIMITS, now=START)
            assert await world.store.guesses(KEY) == Guesses((START,), 0)

    run(journey())


@every_store
def test_a_wrong_guess_beyond_a_budget_is_kept_and_told_of(store: str, tmp_path: Path) -> None:
    """Two fast stores that count by themselves must not let through what each of them may."""

    async def journey() -> None:
        three = GuessLimits((Rate(3, HOUR), Rate(1_000, DAY)), 1_000)
        async with a_world(store, tmp_path) as world:
            noting = (world.store.note_guess(KEY, wrong=True, limits=three, now=START) for _ in range(AT_ONCE))
            told = await asyncio.gather(*noting)
            assert [True] * 3 == sorted(told, reverse=True)[:3]
            assert 3 == sum(told)
            assert AT_ONCE == (await world.store.guesses(KEY)).streak
            assert await world.store.note_guess(KEY, wrong=False, limits=three, now=START)
            assert await world.store.note_guess(KEY, wrong=True, limits=three, now=START + HOUR)

    run(journey())


@every_store
def test_an_app_is_found_by_its_id(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            assert await world.store.app(world.app.id) == world.app
            assert await world.store.app(bytes(16)) is None

    run(journey())
