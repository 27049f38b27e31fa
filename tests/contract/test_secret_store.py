"""What every store promises about secrets (``ports.SecretStore``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.secret import AUTH, JWE, LINK, WRONG, nonce, share
from tests.support.world import World
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.secret import LEASE, LONGEST_LEASE, MOST_GUESSES, REMEMBERED, State
from watchword.errors import (
    BurntError,
    LapsedError,
    LockedError,
    MismatchError,
    OpenedError,
    RateLimitedError,
    UnauthenticatedError,
    UnknownError,
    WatchwordError,
)

AT_ONCE = 64


async def outcome(world: World, raw: bytes, number: int, auth: bytes | None = None) -> str:
    """The class name of what a claim raises, or 'granted'."""
    try:
        granted = await world.secrets.claim(raw, LINK, auth, nonce(number))
    except WatchwordError as error:
        return type(error).__name__
    assert JWE == granted.jwe
    return "granted"


async def held(world: World, raw: bytes) -> bool:
    return raw in await world.store.secrets.held([raw])


@every_store
def test_of_many_openers_of_one_view_exactly_one_wins(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world)).secret.id
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, number) for number in range(AT_ONCE))))
            assert {"granted": 1, "OpenedError": AT_ONCE - 1} == outcomes

    run(journey())


@every_store
def test_three_views_go_to_three_of_many(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, views=3)).secret.id
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, number) for number in range(AT_ONCE))))
            assert {"granted": 3, "OpenedError": AT_ONCE - 3} == outcomes

    run(journey())


@every_store
def test_the_same_claim_spends_one_view_however_often_it_comes(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, views=2)).secret.id
            outcomes = await asyncio.gather(*(outcome(world, raw, 1) for _ in range(AT_ONCE)))
            assert {"granted"} == set(outcomes)
            assert 1 == (await world.secrets.open(raw, LINK)).secret.views_left

    run(journey())


@every_store
def test_of_many_wrong_passphrases_at_once_five_are_looked_at(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, passphrase=True)).secret.id
            tried = (outcome(world, raw, number, WRONG) for number in range(AT_ONCE))
            assert {"MismatchError": 5, "RateLimitedError": AT_ONCE - 5} == Counter(await asyncio.gather(*tried))
            assert "RateLimitedError" == await outcome(world, raw, 1, AUTH)
            world.clock.move(MINUTE)
            assert "granted" == await outcome(world, raw, 1, AUTH)

    run(journey())


@every_store
def test_a_right_passphrase_among_wrong_ones_wins_at_most_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, passphrase=True)).secret.id
            tried = (outcome(world, raw, number, AUTH if number % 2 else WRONG) for number in range(AT_ONCE))
            outcomes = Counter(await asyncio.gather(*tried))
            # The wrong ones of another process may all come first.
            assert 1 >= outcomes["granted"]
            assert 5 >= outcomes["MismatchError"]
            assert 1 == outcomes["granted"] or 5 == outcomes["MismatchError"]

    run(journey())


@every_store
def test_pauses_grow_then_it_is_locked_until_its_maker_unlocks_it(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            shared = await share(world, passphrase=True, expires_in=30 * 86_400)
            raw, token = shared.secret.id, shared.token
            for number in range(MOST_GUESSES):
                with pytest.raises(MismatchError):
                    await world.secrets.claim(raw, LINK, WRONG, nonce(1))
                pause = {0: 0, 1: MINUTE, 2: 5 * MINUTE, 3: 15 * MINUTE}.get(max(0, number - 3), HOUR)
                if pause and number < MOST_GUESSES - 1:
                    world.clock.move(pause - 1)
                    with pytest.raises(RateLimitedError):
                        await world.secrets.claim(raw, LINK, AUTH, nonce(1))
                    world.clock.move(1)
            world.clock.move(DAY)
            with pytest.raises(LockedError):
                await world.secrets.claim(raw, LINK, AUTH, nonce(1))
            assert (await world.secrets.open(raw, LINK)).secret.is_locked
            await world.secrets.unlock(raw, token)
            assert "granted" == await outcome(world, raw, 1, AUTH)

    run(journey())


@every_store
def test_a_reader_gets_it_again_while_others_guess_it_into_a_pause(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, passphrase=True, views=2)).secret.id
            assert "granted" == await outcome(world, raw, 1, AUTH)
            for number in range(2, 9):
                await outcome(world, raw, number, WRONG)
            assert "RateLimitedError" == await outcome(world, raw, 9, AUTH)
            assert "granted" == await outcome(world, raw, 1, AUTH)

    run(journey())


@every_store
def test_the_bare_id_and_a_wrong_link_are_unknown_and_change_nothing(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, passphrase=True)).secret.id
            before = await world.secrets.open(raw, LINK)
            for number in range(AT_ONCE):
                with pytest.raises(UnknownError):
                    await world.secrets.open(raw, WRONG)
                with pytest.raises(UnknownError):
                    await world.secrets.claim(raw, WRONG, WRONG, nonce(number))
                with pytest.raises(UnknownError):
                    await world.secrets.ack(raw, WRONG, nonce(number), "read")
                with pytest.raises(UnknownError):
                    await world.secrets.claim(bytes(16), LINK, None, nonce(number))
                with pytest.raises(UnauthenticatedError):
                    await world.secrets.burn(raw, WRONG)
                with pytest.raises(UnauthenticatedError):
                    await world.secrets.unlock(raw, WRONG)
                with pytest.raises(UnauthenticatedError):
                    await world.secrets.status(raw, WRONG)
            assert before == await world.secrets.open(raw, LINK)
            assert "granted" == await outcome(world, raw, 1, AUTH)

    run(journey())


@every_store
def test_a_lease_ends_15_minutes_after_the_last_answer_and_a_day_after_the_first(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world)).secret.id
            fetched = 0
            while await outcome(world, raw, 1) == "granted":
                fetched += 1
                world.clock.move(LEASE - SECOND)
            assert LONGEST_LEASE // (LEASE - SECOND) + 1 == fetched
            other = (await share(world)).secret.id
            await outcome(world, other, 1)
            world.clock.move(LEASE)
            assert "OpenedError" == await outcome(world, other, 1)

    run(journey())


@every_store
def test_an_ack_erases_what_nobody_else_may_fetch(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            shared = await share(world, views=2)
            raw = shared.secret.id
            await outcome(world, raw, 1)
            await world.secrets.ack(raw, LINK, nonce(1), "enrolled")
            assert await held(world, raw)
            await outcome(world, raw, 2)
            for _ in range(2):  # an ack whose answer was lost comes again
                await world.secrets.ack(raw, LINK, nonce(2), "read")
            assert not await held(world, raw)
            with pytest.raises(UnknownError):
                await world.secrets.ack(raw, LINK, nonce(3), "read")
            status = await world.secrets.status(raw, shared.token)
            assert (State.OPENED, "enrolled", world.clock.at) == (
                *(status.state, status.secret.outcome),
                status.secret.opened_at,
            )

    run(journey())


@every_store
def test_many_acks_and_burns_at_once_end_it_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            shared = await share(world)
            raw = shared.secret.id
            await outcome(world, raw, 1)
            acks = [world.secrets.ack(raw, LINK, nonce(1), "read") for _ in range(AT_ONCE)]
            burns = [world.secrets.burn(raw, shared.token) for _ in range(AT_ONCE)]
            ended = await asyncio.gather(*acks, *burns)
            assert {State.OPENED} == {each.state for each in ended}
            assert not await held(world, raw)

    run(journey())


@every_store
def test_of_a_burn_and_a_claim_at_once_either_is_whole(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            for number in range(AT_ONCE):
                shared = await share(world)
                raw = shared.secret.id
                pair = [outcome(world, raw, 1), world.secrets.burn(raw, shared.token)]
                got, _ = await asyncio.gather(*(pair if number % 2 else reversed(pair)))
                got, ended = (got, _) if number % 2 else (_, got)
                assert (got, ended.state) in {("granted", State.OPENED), ("BurntError", State.BURNT)}
                assert not await held(world, raw)

    run(journey())


def shuffled(number: int, *tried: Coroutine[Any, Any, Any]) -> list[Coroutine[Any, Any, Any]]:
    """In an order of its own for each trial."""
    return Random(number).sample(tried, len(tried))


@every_store
def test_of_many_claims_and_burns_at_once_a_view_goes_to_one_or_to_nobody(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            ends = Counter[State]()
            for number in range(AT_ONCE):
                shared = await share(world)
                raw, got = shared.secret.id, list[str]()

                async def claim(claimer: int, raw: bytes = raw, got: list[str] = got) -> None:
                    got.append(await outcome(world, raw, claimer))

                burns = [world.secrets.burn(raw, shared.token) for _ in range(4)]
                await asyncio.gather(*shuffled(number, *(claim(claimer) for claimer in range(16)), *burns))
                state = (await world.secrets.status(raw, shared.token)).state
                others = {State.OPENED: {"granted": 1, "OpenedError": 15}, State.BURNT: {"BurntError": 16}}[state]
                assert others == Counter(got)
                assert not await held(world, raw)
                assert (await outcome(world, raw, 1)).endswith("Error")
                ends[state] += 1
            assert {State.OPENED, State.BURNT} == ends.keys()

    run(journey())


@every_store
def test_an_unlock_among_guesses_and_a_right_passphrase_gives_five_more_tries_and_no_view(
    store: str, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            seen = Counter[int]()
            for number in range(16):
                shared = await share(world, passphrase=True)
                raw, got = shared.secret.id, list[str]()

                async def claim(claimer: int, auth: bytes, raw: bytes = raw, got: list[str] = got) -> None:
                    got.append(await outcome(world, raw, claimer, auth))

                guesses = [claim(claimer, WRONG) for claimer in range(20)]
                right = [claim(claimer, AUTH) for claimer in range(100, 102)]
                await asyncio.gather(*shuffled(number, *guesses, *right, world.secrets.unlock(raw, shared.token)))
                outcomes = Counter(got)
                assert outcomes["granted"] <= 1
                assert outcomes["MismatchError"] <= 10
                seen[outcomes["MismatchError"]] += 1
                await world.secrets.unlock(raw, shared.token)
                assert 1 == outcomes["granted"] + (await outcome(world, raw, 200, AUTH) == "granted")
            assert max(seen) > 5

    run(journey())


@every_store
def test_an_ack_among_repeats_of_its_claim_and_claims_of_others_ends_its_own_alone(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            for number in range(AT_ONCE):
                raw = (await share(world, views=2)).secret.id
                assert "granted" == await outcome(world, raw, 1)
                others, again = list[str](), list[str]()

                async def claim(claimer: int, into: list[str], raw: bytes = raw) -> None:
                    into.append(await outcome(world, raw, claimer))

                tried = [*(claim(claimer, others) for claimer in range(2, 10)), *(claim(1, again) for _ in range(8))]
                await asyncio.gather(*shuffled(number, *tried, world.secrets.ack(raw, LINK, nonce(1), "read")))
                # Whoever acked and claims once more is like anybody else: one of them all has the second view.
                late = [each for each in again if each != "granted"]
                assert {"OpenedError"} >= set(late)
                assert 1 >= Counter(others)["granted"]
                assert await held(world, raw)
                assert 0 == (await world.secrets.open(raw, LINK)).secret.views_left

    run(journey())


@every_store
def test_a_burnt_secret_tells_holders_of_the_link_alone(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            shared = await share(world)
            raw = shared.secret.id
            assert State.BURNT is (await world.secrets.burn(raw, shared.token)).state
            assert not await held(world, raw)
            with pytest.raises(BurntError):
                await world.secrets.claim(raw, LINK, None, nonce(1))
            with pytest.raises(UnknownError):
                await world.secrets.claim(raw, WRONG, None, nonce(1))
            assert State.BURNT is (await world.secrets.open(raw, LINK)).state

    run(journey())


@every_store
def test_it_expires_whether_or_not_anything_was_purged(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await share(world, expires_in=60)).secret.id
            world.clock.move(MINUTE)
            with pytest.raises(LapsedError):
                await world.secrets.claim(raw, LINK, None, nonce(1))
            assert await held(world, raw)
            await world.purge.once()
            assert not await held(world, raw)
            with pytest.raises(LapsedError):
                await world.secrets.claim(raw, LINK, None, nonce(1))

    run(journey())


@every_store
def test_a_purge_leaves_live_leases_and_forgets_tombstones(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            shared = await share(world, expires_in=60)
            raw = shared.secret.id
            world.clock.move(MINUTE - 1)
            assert "granted" == await outcome(world, raw, 1)
            world.clock.move(LEASE - 1)
            await world.purge.once()
            assert "granted" == await outcome(world, raw, 1)
            world.clock.move(LEASE)
            await world.purge.once()
            assert not await held(world, raw)
            opened_at = shared.secret.created_at + MINUTE - 1
            world.clock.at = opened_at + REMEMBERED - 1
            await world.purge.once()
            assert opened_at == (await world.secrets.open(raw, LINK)).secret.opened_at
            with pytest.raises(OpenedError):
                await world.secrets.claim(raw, LINK, None, nonce(2))
            world.clock.move(1)
            await world.purge.once()
            with pytest.raises(UnknownError):
                await world.secrets.open(raw, LINK)
            assert 0 == await world.purge.once()

    run(journey())


@every_store
def test_a_source_makes_no_more_than_it_may_however_many_come_at_once(store: str, tmp_path: Path) -> None:
    async def create(world: World, source: str) -> str:
        try:
            await share(world, source=source)
        except RateLimitedError as error:
            return f"wait {error.retry_after}"
        return "created"

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            world.secrets.rules = world.secrets.rules._replace(creates=Rate(3, MINUTE))
            sources = [f"2001:db8:1:2::{number:x}" for number in range(AT_ONCE)]
            outcomes = Counter(await asyncio.gather(*(create(world, source) for source in sources)))
            assert {"created": 3, "wait 30": AT_ONCE - 3} == outcomes
            assert "created" == await create(world, "2001:db8:1:3::1")
            assert "created" == await create(world, "192.0.2.7")

    run(journey())
