"""Limits across verifications: recipients, sources, lanes, apps and everybody."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.flows.journeys import generous, journey
from tests.support.world import World, wrong
from watchword.core import passcode
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.policy import BALANCED, Limits, Rules
from watchword.core.verification import Status
from watchword.errors import (
    ChannelClosedError,
    ExhaustedError,
    InvalidInputError,
    MismatchError,
    NotAcceptedError,
    RateLimitedError,
)
from watchword.flows.verification import Shown

STRICT = generous(BALANCED._replace(failure_ceiling=7))


async def miss(world: World, times: int, to: str = "ann@example.com", *, known_device: bool = False) -> None:
    """Guess wrong so often, with as many verifications as it takes."""
    while times > 0:
        raw, code = await world.send(to, known_device=known_device)
        for _ in range(min(times, 5)):
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
        times -= 5


@journey()
async def test_a_recipient_gets_three_messages_in_ten_minutes(world: World) -> None:
    for _ in range(3):
        await world.create()
    with pytest.raises(RateLimitedError) as refused:
        await world.create()
    assert refused.value.retry_after == 200


@journey()
async def test_a_recipient_gets_no_more_than_ten_messages_at_the_start_of_a_day(world: World) -> None:
    for _ in range(24):
        await world.create()
        await world.courier.drain()
        world.clock.move(4 * MINUTE)
    assert len(world.outbox.mails) == 10
    assert world.journal.names().count("guard.quieted") == 14


@journey()
async def test_whoever_floods_a_mailbox_is_still_told_to_slow_down(world: World) -> None:
    for _ in range(10):
        await world.create()
        world.clock.move(4 * MINUTE)
    for _ in range(3):  # of which one refills meanwhile
        await world.create()
    with pytest.raises(RateLimitedError):
        await world.create()


@journey()
async def test_a_known_device_is_told_that_its_day_is_spent(world: World) -> None:
    for _ in range(10):
        await world.send(known_device=True)
        world.clock.move(4 * MINUTE)
    with pytest.raises(RateLimitedError):
        await world.create(known_device=True)
    assert len(world.outbox.mails) == 10


@journey(Rules(flooded="refuse"))
async def test_an_operator_may_have_mail_beyond_a_day_refused(world: World) -> None:
    sent = 0
    for _ in range(24):
        with suppress(RateLimitedError):
            await world.create()
            sent += 1
        world.clock.move(4 * MINUTE)
    assert sent == 10


@journey(Rules(limits=Limits(recipient_sends=(Rate(2, DAY),))))
async def test_where_a_day_is_all_that_there_is_nobody_is_refused(world: World) -> None:
    for _ in range(20):
        await world.create()
    await world.courier.drain()
    assert len(world.outbox.mails) == 2


@pytest.mark.parametrize("variant", ["ANN@example.com", "ann+1@example.com", "Ann+x+y@EXAMPLE.COM"])
@journey()
async def test_variants_of_an_address_share_its_bucket(world: World, variant: str) -> None:
    for _ in range(3):
        await world.create("ann@example.com")
    with pytest.raises(RateLimitedError):
        await world.create(variant)


@journey()
async def test_a_recipients_bucket_is_shared_by_all_apps(world: World) -> None:
    for _ in range(3):
        await world.create()
    world.app, _ = await world.apps.create("Other")
    with pytest.raises(RateLimitedError):
        await world.create()


@journey()
async def test_a_resend_pays_into_the_recipients_bucket(world: World) -> None:
    raw, _ = await world.send()
    await world.create()
    await world.create()
    world.clock.move(30 * SECOND)
    with pytest.raises(RateLimitedError):
        await world.verifications.resend(world.app, raw)


@journey()
async def test_resends_leave_less_for_the_next_verification(world: World) -> None:
    raw, _ = await world.send()
    for seconds in (30, 60):
        world.clock.move(seconds * SECOND)
        await world.verifications.resend(world.app, raw)
    with pytest.raises(RateLimitedError) as refused:
        await world.create()
    assert refused.value.retry_after == 200 - 90


@journey()
async def test_one_address_that_asks_for_many_users_is_stopped(world: World) -> None:
    for number in range(20):
        await world.create(f"user{number}@example.com", source="192.0.2.1")
    for number in range(20, 1000):
        with pytest.raises(RateLimitedError):
            await world.create(f"user{number}@example.com", source="192.0.2.1")
    assert (await world.create("user999@example.com", source="192.0.2.2")).status is Status.PENDING


@journey()
async def test_many_addresses_that_ask_for_one_user_are_stopped(world: World) -> None:
    for number in range(3):
        await world.create(source=f"192.0.2.{number}")
    for number in range(1000):
        with pytest.raises(RateLimitedError):
            await world.create(source=f"198.51.{number // 250}.{number % 250}")
    assert (await world.create("bob@example.com", source="198.51.0.1")).status is Status.PENDING


@journey()
async def test_all_addresses_of_one_ipv6_network_are_one_source(world: World) -> None:
    for number in range(20):
        await world.create(f"user{number}@example.com", source=f"2001:db8:1:2:{number:x}::{number:x}")
    with pytest.raises(RateLimitedError):
        await world.create("ann@example.com", source="2001:db8:1:2:ffff::1")
    assert (await world.create("ann@example.com", source="2001:db8:1:3::1")).status is Status.PENDING


@journey()
async def test_an_ipv4_address_written_as_ipv6_is_the_same_source(world: World) -> None:
    for number in range(20):
        await world.create(f"user{number}@example.com", source="192.0.2.1")
    for spelling in ("::ffff:192.0.2.1", "::FFFF:c000:201"):
        with pytest.raises(RateLimitedError):
            await world.create("ann@example.com", source=spelling)
    assert (await world.create("ann@example.com", source="::ffff:192.0.2.2")).status is Status.PENDING


@journey()
async def test_a_known_device_still_gets_in_when_strangers_spent_the_sends(world: World) -> None:
    for _ in range(3):
        await world.send()
    with pytest.raises(RateLimitedError):
        await world.create()
    raw, code = await world.send(known_device=True)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_known_device_still_gets_in_when_strangers_spent_the_guesses(world: World) -> None:
    await miss(world, 10)
    raw, code = await world.send(known_device=True)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_of_a_thousand_sources_that_spend_a_users_sends_and_guesses_none_keeps_the_known_device_out(
    world: World,
) -> None:
    tried: list[tuple[bytes, str]] = []
    for number in range(1_000):
        with suppress(RateLimitedError):
            shown = await world.create(source=f"198.51.{number // 250}.{number % 250}")
            tried.append((shown.verification.id, wrong(code_of(world, shown))))
        for raw, typed in tried[-1:]:
            with suppress(RateLimitedError, NotAcceptedError):
                await world.check(raw, typed)
        world.clock.move(SECOND)
    raw, code = await world.send(known_device=True, source="192.0.2.1")
    assert (await world.check(raw, code)).status is Status.APPROVED


def code_of(world: World, shown: Shown) -> str:
    row = shown.verification
    return passcode.derive_code(world.keys.ring, row.app, row.id, row.digits)


@journey()
async def test_the_lane_of_known_devices_has_the_same_limits(world: World) -> None:
    for _ in range(3):
        await world.create(known_device=True)
    with pytest.raises(RateLimitedError):
        await world.create(known_device=True)


@journey(STRICT)
async def test_a_channel_closed_by_strangers_is_open_for_a_known_device(world: World) -> None:
    await miss(world, 7)
    with pytest.raises(ChannelClosedError):
        await world.create()
    raw, code = await world.send(known_device=True)
    assert (await world.check(raw, code)).status is Status.APPROVED
    with pytest.raises(ChannelClosedError):
        await world.create()


@journey(STRICT)
@pytest.mark.parametrize("known", [True, False])
async def test_binding_opens_only_the_lane_that_it_was_asked_for_in(world: World, known: bool) -> None:
    for lane in (True, False):
        await miss(world, 7, known_device=lane)
    raw, code = await world.send(purpose="binding", known_device=known)
    assert (await world.check(raw, code)).status is Status.APPROVED
    assert (await world.create(known_device=known)).status is Status.PENDING
    with pytest.raises(ChannelClosedError):
        await world.create(known_device=not known)


@journey(generous(app_sends=(Rate(2, MINUTE),)))
async def test_an_app_may_have_a_limit_of_its_own(world: World) -> None:
    await world.create("ann@example.com")
    await world.create("bob@example.com")
    with pytest.raises(RateLimitedError):
        await world.create("eve@example.com")
    world.app, _ = await world.apps.create("Other")
    assert (await world.create("eve@example.com")).status is Status.PENDING


@journey(generous(global_sends=(Rate(2, MINUTE),)))
async def test_there_may_be_a_limit_for_everybody_together(world: World) -> None:
    await world.create("ann@example.com")
    world.app, _ = await world.apps.create("Other")
    await world.create("bob@example.com")
    with pytest.raises(RateLimitedError) as refused:
        await world.create("eve@example.com")
    assert refused.value.retry_after == 30


@journey(generous())
async def test_what_is_not_limited_is_not_limited(world: World) -> None:
    for _ in range(200):
        await world.create(source="192.0.2.1")


@journey(Rules(limits=Limits(source_sends=())))
async def test_a_source_that_is_no_address_is_refused_where_sources_are_not_limited_too(world: World) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await world.create(source="not an address")

    assert "requester.ip" == refused.value.field


@journey(Rules(limits=Limits(source_sends=(Rate(1, DAY),))))
async def test_a_refusal_by_one_bucket_charges_no_other(world: World) -> None:
    await world.create("bob@example.com", source="192.0.2.1")
    for _ in range(50):
        with pytest.raises(RateLimitedError):
            await world.create("ann@example.com", source="192.0.2.1")
    for number in (2, 3, 4):
        await world.create("ann@example.com", source=f"192.0.2.{number}")


@journey()
async def test_a_refusal_does_not_tell_which_bucket(world: World) -> None:
    told = set()
    for number in range(20):
        await world.create(f"user{number}@example.com", source="192.0.2.1")
    for _ in range(3):
        await world.create()
    for to, source in (("ann@example.com", None), ("new@example.com", "192.0.2.1")):
        with pytest.raises(RateLimitedError) as refused:
            await world.create(to, source=source)
        told.add((type(refused.value), refused.value.detail, refused.value.code))
    assert len(told) == 1


@journey()
async def test_ten_wrong_guesses_an_hour_spend_a_recipients_budget_over_verifications(world: World) -> None:
    await miss(world, 10)
    raw, code = await world.send()
    with pytest.raises(RateLimitedError) as refused:
        await world.check(raw, code)
    assert refused.value.retry_after == 3600


@journey()
async def test_guesses_while_the_budget_is_spent_are_neither_evaluated_nor_counted(world: World) -> None:
    await miss(world, 10)
    raw, code = await world.send(purpose="recovery", expires_in=7200)
    for typed in (code, wrong(code)) * 20:
        with pytest.raises(RateLimitedError):
            await world.check(raw, typed)
    world.clock.move(HOUR)
    shown = await world.check(raw, code)
    assert shown.verification.attempts == 0


@journey()
async def test_a_budget_is_back_a_millisecond_after_not_before(world: World) -> None:
    await miss(world, 10)
    raw, code = await world.send(purpose="recovery", expires_in=7200)
    world.clock.move(HOUR - 1)
    with pytest.raises(RateLimitedError) as refused:
        await world.check(raw, code)
    assert refused.value.retry_after == 1
    world.clock.move(1)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_neither_resend_nor_new_verification_nor_success_gives_guesses_back(world: World) -> None:
    await miss(world, 9)
    raw, code = await world.send()
    await world.check(raw, code)
    world.clock.move(10 * MINUTE)
    raw, code = await world.send(purpose="recovery")
    with pytest.raises(MismatchError):
        await world.check(raw, wrong(code))
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    with pytest.raises(RateLimitedError):
        await world.check(raw, code)


@journey()
async def test_wrong_guesses_in_one_app_cost_nothing_in_another(world: World) -> None:
    await miss(world, 10)
    world.clock.move(10 * MINUTE)
    world.app, _ = await world.apps.create("Other")
    raw, code = await world.send()
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(generous(wrong_guesses=(Rate(10, HOUR), Rate(50, DAY))))
async def test_no_day_takes_more_than_fifty_wrong_guesses(world: World) -> None:
    world.verifications.rules = world.verifications.rules._replace(profile=BALANCED._replace(failure_ceiling=100))
    for _ in range(5):
        await miss(world, 10)
        world.clock.move(HOUR)
    raw, code = await world.send()
    with pytest.raises(RateLimitedError) as refused:
        await world.check(raw, wrong(code))
    assert refused.value.retry_after == 19 * 3600


@journey(STRICT)
async def test_a_right_code_ends_the_streak(world: World) -> None:
    for _ in range(4):
        await miss(world, 4)
        raw, code = await world.send()
        await world.check(raw, code)
    assert (await world.create()).status is Status.PENDING


@journey(STRICT)
async def test_a_streak_at_the_ceiling_closes_even_what_is_already_out(world: World) -> None:
    other, its_code = await world.send()
    await miss(world, 7)
    with pytest.raises(ChannelClosedError):
        await world.check(other, its_code)


@journey(STRICT)
async def test_a_closed_channel_sends_and_charges_nothing(world: World) -> None:
    await miss(world, 7)
    sent = len(world.outbox.mails)
    for _ in range(5):
        with pytest.raises(ChannelClosedError):
            await world.create()
    assert await world.courier.drain() == 0
    assert sent == len(world.outbox.mails)


@journey(STRICT)
async def test_time_does_not_open_a_closed_channel(world: World) -> None:
    await miss(world, 7)
    for _ in range(13):
        world.clock.move(30 * DAY)
        await world.purge.once()
    with pytest.raises(ChannelClosedError):
        await world.create()


@journey(STRICT)
async def test_only_a_right_code_for_binding_opens_a_closed_channel(world: World) -> None:
    await miss(world, 7)
    bound, code = await world.send(purpose="binding")
    with pytest.raises(ChannelClosedError):
        await world.create()
    with pytest.raises(MismatchError):
        await world.check(bound, wrong(code))
    with pytest.raises(ChannelClosedError):
        await world.create()
    await world.check(bound, code)
    raw, code = await world.send()
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(STRICT)
async def test_a_closed_channel_is_closed_for_that_recipient_alone(world: World) -> None:
    await miss(world, 7)
    raw, code = await world.send("bob@example.com")
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(generous())
async def test_a_hundred_wrong_guesses_in_a_row_are_never_evaluated(world: World) -> None:
    evaluated = 0
    for _ in range(40):
        try:
            raw, code = await world.send()
        except ChannelClosedError:
            break
        for _ in range(5):
            with pytest.raises((MismatchError, ChannelClosedError)) as refused:
                await world.check(raw, wrong(code))
            evaluated += refused.type is MismatchError
    assert evaluated == BALANCED.failure_ceiling


@journey()
async def test_an_exhausted_verification_takes_no_more_from_the_budget(world: World) -> None:
    raw, code = await world.send()
    for _ in range(5):
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(code))
    for _ in range(50):
        with pytest.raises(ExhaustedError):
            await world.check(raw, wrong(code))
    await miss(world, 5)
    raw, code = await world.send()
    with pytest.raises(RateLimitedError):
        await world.check(raw, code)


@journey()
async def test_a_clock_that_steps_back_gives_no_sends_back(world: World) -> None:
    for _ in range(3):
        await world.create()
    world.clock.move(-5 * MINUTE)
    with pytest.raises(RateLimitedError) as refused:
        await world.create()
    assert refused.value.retry_after == 5 * 60 + 200


@journey(Rules(limits=Limits((), (), (), (), (Rate(10, HOUR),))))
async def test_a_clock_that_steps_back_gives_no_guesses_back(world: World) -> None:
    await miss(world, 10)
    world.clock.move(-30 * MINUTE)
    raw, code = await world.send()
    with pytest.raises(RateLimitedError) as refused:
        await world.check(raw, code)
    assert refused.value.retry_after == 90 * 60


@journey(Rules(limits=Limits((), (), (), (), (Rate(10, HOUR),))))
async def test_a_clock_that_leaps_frees_no_more_than_the_time_it_shows(world: World) -> None:
    await miss(world, 10)
    world.clock.move(400 * DAY)
    await miss(world, 10)
    raw, code = await world.send()
    with pytest.raises(RateLimitedError):
        await world.check(raw, code)
