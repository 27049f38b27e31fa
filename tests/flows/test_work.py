"""Texts into a blocked country: held until the browser at their hosted page has worked for them."""

from __future__ import annotations

import msgspec
import pytest

from tests.flows.journeys import journey
from tests.support.sms import ceiling
from tests.support.work import ask, block_the_country, scattered, solve, working
from tests.support.world import World
from watchword.core import breaker
from watchword.core.guard import GuardRules
from watchword.core.instant import MINUTE
from watchword.core.magic_link import page_proof
from watchword.core.verification import Status
from watchword.core.work import LIFETIME, WorkDone
from watchword.errors import BlockedError, ChallengeError, RateLimitedError
from watchword.flows.magic_link import PageSeen
from watchword.flows.verification import Request, Shown

HERE = "192.0.2.7"


async def work_for(world: World, shown: Shown) -> WorkDone:
    assert shown.ticket is not None
    return solve(await world.magic_links.challenge(shown.verification.id, page_proof(shown.ticket), HERE))


async def send(world: World, shown: Shown, done: WorkDone | None = None) -> PageSeen:
    assert shown.ticket is not None
    return await world.magic_links.resend(shown.verification.id, page_proof(shown.ticket), HERE, done)


@journey(working())
async def test_a_text_into_a_blocked_country_waits_for_work_at_its_page(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world)
    assert (shown.status, shown.verification.is_held) == (Status.PENDING, True)
    assert await world.courier.drain() == 0
    assert ("guard.challenged", {"reason": "country", "country": "DE"}) in world.journal.events

    seen = await send(world, shown, await work_for(world, shown))
    assert not seen.shown.verification.is_held
    assert ("guard.allowed", {"reason": "work", "country": "DE"}) in world.journal.events
    await world.courier.drain()
    assert (await world.check(shown.verification.id, world.outbox.last_code)).status is Status.APPROVED


@journey(working())
async def test_nothing_is_sent_before_the_work_is_done(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world)
    with pytest.raises(ChallengeError):
        await send(world, shown)
    assert await world.courier.drain() == 0


@journey(working())
async def test_an_app_without_a_page_is_blocked_as_before_and_so_is_its_resend(world: World) -> None:
    await block_the_country(world)
    with pytest.raises(BlockedError):
        await world.verifications.create(world.app, Request("sms", "+4915788888888", "login"))
    shown = await ask(world)
    with pytest.raises(BlockedError):
        await world.verifications.resend(world.app, shown.verification.id)


@journey(working())
async def test_the_pause_over_the_message_goes_out_without_any_work(world: World) -> None:
    await block_the_country(world)
    world.clock.move(6 * MINUTE)
    shown = await ask(world)
    world.clock.move(4 * MINUTE)
    assert not (await send(world, shown)).shown.verification.is_held
    assert await world.courier.drain() == 1


@journey(working())
async def test_work_counts_once(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world)
    done = await work_for(world, shown)
    await send(world, shown, done)
    world.clock.move(MINUTE)
    with pytest.raises(ChallengeError):
        await send(world, shown, done)
    await send(world, shown, await work_for(world, shown))


@journey(working())
async def test_work_for_another_verification_does_not_count(world: World) -> None:
    await block_the_country(world)
    mine, other = await ask(world), await ask(world, "+4915777777777")
    with pytest.raises(ChallengeError):
        await send(world, mine, await work_for(world, other))


@journey(working())
async def test_work_comes_too_late_after_its_lifetime(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world, expires_in=600)
    done = await work_for(world, shown)
    world.clock.move(LIFETIME)
    with pytest.raises(ChallengeError):
        await send(world, shown, done)


@pytest.mark.parametrize(
    "change",
    [{"cost": 1}, {"key_prefix": ""}, {"key_prefix": "0"}, {"algorithm": "SHA-256"}, {"data": {"until": 2**60}}],
    ids=str,
)
@journey(working())
async def test_work_that_was_made_easier_does_not_count(world: World, change: dict[str, object]) -> None:
    await block_the_country(world)
    shown = await ask(world)
    given = (await work_for(world, shown)).challenge
    easier = msgspec.structs.replace(given, parameters=msgspec.structs.replace(given.parameters, **change))
    with pytest.raises(ChallengeError):
        await send(world, shown, solve(easier))


@journey(working())
async def test_an_answer_that_was_not_found_does_not_count(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world)
    done = await work_for(world, shown)
    for change in ({"counter": done.solution.counter + 1}, {"derived_key": "00" * 32}, {"counter": -1}):
        with pytest.raises(ChallengeError):
            await send(
                world,
                shown,
                msgspec.structs.replace(done, solution=msgspec.structs.replace(done.solution, **change)),
            )


@journey(working())
async def test_work_buys_no_more_into_a_country_than_its_rate(world: World) -> None:
    await block_the_country(world)
    for number in range(breaker.UNUSUAL):
        shown = await ask(world, scattered(100 + number))
        await send(world, shown, await work_for(world, shown))
    shown = await ask(world)
    with pytest.raises(RateLimitedError):
        await send(world, shown, await work_for(world, shown))


@journey(working(guard=ceiling((breaker.UNUSUAL + 1) * 80_000)))
async def test_work_buys_nothing_beyond_the_budget(world: World) -> None:
    await block_the_country(world)
    with pytest.raises(BlockedError) as refused:
        await ask(world)
    assert "budget" == refused.value.reason


@journey(working())
async def test_work_opens_no_range_of_numbers_that_never_answer(world: World) -> None:
    await block_the_country(world)
    for number in range(breaker.NEIGHBOURS):
        shown = await ask(world, f"+491578888800{number}")
        await send(world, shown, await work_for(world, shown))
    with pytest.raises(BlockedError) as refused:
        await ask(world, "+4915788888009")
    assert "neighbours" == refused.value.reason


@journey(working(guard=GuardRules("monitor")))
async def test_a_guard_that_only_watches_asks_for_no_work(world: World) -> None:
    await block_the_country(world)
    assert not (await ask(world)).verification.is_held


@journey(working(challenge=0))
async def test_without_challenges_a_page_is_blocked_like_all(world: World) -> None:
    await block_the_country(world)
    with pytest.raises(BlockedError):
        await ask(world)


@journey(working())
async def test_a_decoy_is_held_like_all(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world, decoy=True)
    assert shown.verification.is_held
    await send(world, shown, await work_for(world, shown))
    await world.courier.drain()
    assert not world.outbox.mails


@journey(working())
async def test_asking_again_under_a_key_shows_what_is_held(world: World) -> None:
    await block_the_country(world)
    first, second = [await ask(world, idempotency_key="once", fingerprint=b"x") for _ in range(2)]
    assert (first.verification, True) == (second.verification, second.verification.is_held)


@journey(working())
async def test_what_was_held_and_withdrawn_is_never_sent(world: World) -> None:
    await block_the_country(world)
    shown = await ask(world)
    assert not (await world.verifications.cancel(world.app, shown.verification.id)).verification.is_held
    assert await world.courier.drain() == 0
