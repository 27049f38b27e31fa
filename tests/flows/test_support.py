"""The support desk: why somebody gets no code, and letting them have one again."""

from __future__ import annotations

import asyncio

import pytest

from tests.flows.journeys import journey
from tests.flows.test_limits import STRICT, miss
from tests.flows.test_sms import mobile, text
from tests.support.sms import ceiling, with_sms
from tests.support.world import World
from watchword.core import breaker
from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import Rate
from watchword.core.policy import SmsLimits
from watchword.core.verification import Status
from watchword.errors import BlockedError, ChannelClosedError, InvalidInputError, RateLimitedError
from watchword.flows.limits import SupportDesk


def desk(world: World) -> SupportDesk:
    return SupportDesk(world.store, world.keys, world.clock, world.journal, world.verifications.rules)


@journey()
async def test_a_recipient_that_meets_a_limit_is_told_which_and_for_how_long(world: World) -> None:
    for _ in range(3):
        await world.create()
    masked, limits = await desk(world).show(world.app, "Ann@example.com", by="carol")
    assert "A***@example.com" == masked
    assert [("sends", "anybody", 200), ("sends", "known device", 0)] == [tuple(each[:3]) for each in limits[:2]]
    assert ["guesses", "guesses"] == [each.limit for each in limits[2:]]


@journey()
async def test_support_sees_that_mail_is_answered_and_not_sent(world: World) -> None:
    for _ in range(12):
        await world.create()
        world.clock.move(4 * MINUTE)
    _, (anybody, known, *_) = await desk(world).show(world.app, "ann@example.com", by="carol")
    assert (anybody.lane, anybody.wait, known.quiet) == ("anybody", 0, 0)
    assert 3_600 < anybody.quiet < 86_400
    await desk(world).reset(world.app, "ann@example.com", by="carol")
    await world.send()
    assert (await desk(world).show(world.app, "ann@example.com", by="carol"))[1][0].quiet == 0


@journey()
async def test_looking_changes_nothing(world: World) -> None:
    for _ in range(2):
        await world.create()
    for _ in range(10):
        await desk(world).show(world.app, "ann@example.com", by="carol")
    await world.create()
    with pytest.raises(RateLimitedError):
        await world.create()


@journey()
async def test_a_reset_lets_somebody_have_codes_again_and_is_recorded(world: World) -> None:
    await miss(world, 10)
    assert "a***@example.com" == await desk(world).reset(world.app, "ann@example.com", by="carol")
    raw, code = await world.send()
    assert (await world.check(raw, code)).status is Status.APPROVED
    told = {"app": "Acme", "recipient": "a***@example.com", "by": "carol"}
    assert ("support.reset", {**told, "block": False}) in world.journal.events
    await desk(world).show(world.app, "ann@example.com", by="carol")
    assert ("support.shown", told) in world.journal.events


@journey(STRICT)
async def test_a_channel_that_was_closed_is_opened_by_nobodys_word(world: World) -> None:
    await miss(world, 7)
    await desk(world).reset(world.app, "ann@example.com", by="carol")
    _, limits = await desk(world).show(world.app, "ann@example.com", by="carol")
    assert 7 == max(each.streak for each in limits)
    with pytest.raises(ChannelClosedError):
        await world.create()


@journey(with_sms())
async def test_a_numbers_block_and_range_are_told_and_opened(world: World) -> None:
    for number in range(breaker.NEIGHBOURS):
        await text(world, mobile(number))
    with pytest.raises(BlockedError):
        await text(world, mobile(99))
    masked, limits = await desk(world).show(world.app, mobile(99), by="carol")
    assert "+49***99" == masked
    assert {"block": 600, "range": 0, "country": 0} == {each.limit: each.wait for each in limits[-3:]}
    await desk(world).reset(world.app, mobile(99), by="carol")
    with pytest.raises(BlockedError):  # one number is not worth a thousand
        await text(world, mobile(99))
    await desk(world).reset(world.app, mobile(99), by="carol", block=True)
    assert (await text(world, mobile(99))).status is Status.PENDING


@journey(with_sms(limits=SmsLimits()))
async def test_a_number_that_had_its_texts_is_told_so_and_has_them_again(world: World) -> None:
    for _ in range(3):
        await text(world, mobile(99))
    _, limits = await desk(world).show(world.app, mobile(99), by="carol")
    assert [("sends", "anybody", 200), ("sends", "known device", 0)] == [tuple(each[:3]) for each in limits[:2]]
    with pytest.raises(RateLimitedError):
        await text(world, mobile(99))
    await desk(world).reset(world.app, mobile(99), by="carol")
    _, limits = await desk(world).show(world.app, mobile(99), by="carol")
    assert [0, 0] == [each.wait for each in limits[:2]]
    await text(world, mobile(99))


@journey(with_sms())
async def test_a_block_that_is_opened_early_is_as_new_but_for_its_bucket(world: World) -> None:
    for number in range(breaker.NEIGHBOURS - 1):
        await text(world, mobile(number))
    await desk(world).reset(world.app, mobile(99), by="carol", block=True)
    for number in range(10, 10 + breaker.NEIGHBOURS):
        await text(world, mobile(number))
    with pytest.raises(BlockedError):
        await text(world, mobile(99))


@journey(with_sms(limits=SmsLimits(block_sends=(Rate(3, HOUR),))))
async def test_the_bucket_of_a_block_is_no_recipients_to_empty(world: World) -> None:
    for number in range(3):
        await text(world, mobile(number))
    await desk(world).reset(world.app, mobile(3), by="carol", block=True)
    with pytest.raises(BlockedError):
        await text(world, mobile(3))


@pytest.mark.parametrize("to", ["", "ann", "+49", "+33612345678x"])
@journey()
async def test_what_is_no_recipient_is_refused(world: World, to: str) -> None:
    with pytest.raises(InvalidInputError):
        await desk(world).show(world.app, to, by="carol")


@journey()
async def test_a_reset_among_many_sends_lets_no_more_through_than_one_bucket_more(world: World) -> None:
    async def create() -> bool:
        try:
            await world.create()
        except RateLimitedError:
            return False
        return True

    support = desk(world)
    done = await asyncio.gather(
        *(create() for _ in range(32)),
        support.reset(world.app, "ann@example.com", by="x"),
        *(create() for _ in range(32)),
    )
    assert sum(each is True for each in done) <= 6


@journey()
async def test_support_sees_what_texts_cost_and_a_reset_gives_none_of_it_back(world: World) -> None:
    world.verifications.rules = with_sms(guard=ceiling(1_000_000))
    for number in range(3):
        await text(world, mobile(number))
    world.clock.move(2 * HOUR)
    await text(world, mobile(3))
    cost = {"hour": 80_000, "day": 320_000, "month": 320_000}
    ceilings = {"this app": None, "all apps": 1_000_000}
    told = [(whose, window, cost[window], most) for whose, most in ceilings.items() for window in cost]
    assert told == await desk(world).budgets(world.app)
    await desk(world).reset(world.app, mobile(3), by="carol", block=True)
    assert told == await desk(world).budgets(world.app)
    world.clock.move(32 * DAY)
    assert {0} == {each.spent for each in await desk(world).budgets(world.app)}


@journey()
async def test_where_there_are_no_texts_there_is_no_budget(world: World) -> None:
    assert [] == await desk(world).budgets(world.app)
