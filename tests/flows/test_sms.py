"""Verifications by text: whom they go to, what is asked before, what the guard lets through."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.support.sms import ANN, BOB, SMS, WIDE_OPEN, ceiling, with_sms
from tests.support.world import World, wrong
from watchword.core import breaker, ids
from watchword.core.budget import Budget
from watchword.core.guard import GuardRules
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.policy import ASVS_L3, BALANCED, NIST, PURPOSES, SmsLimits
from watchword.core.verification import Status
from watchword.errors import (
    BlockedError,
    ChannelForbiddenError,
    CountryForbiddenError,
    DeliveryError,
    InvalidInputError,
    MismatchError,
    NoticeError,
    RateLimitedError,
)
from watchword.flows.guard import SmsGuard
from watchword.flows.verification import Request, Shown


async def text(world: World, to: str = ANN, purpose: str = "login", **more: object) -> Shown:
    return await world.verifications.create(world.app, Request("sms", to, purpose, **more))  # type: ignore[arg-type]


async def texted(world: World, to: str = ANN, purpose: str = "login", **more: object) -> tuple[bytes, str]:
    shown = await text(world, to, purpose, **more)
    await world.courier.drain()
    raw = shown.verification.id
    name = ids.to_text(ids.VERIFICATION, raw)
    return raw, next(message.code for _, message in world.outbox.mails if message.key.startswith(name))


def mobile(number: int) -> str:
    """One of a hundred thousand neighbours."""
    return f"+49151234{number:05d}"


@journey()
async def test_there_is_no_sms_until_somebody_takes_on_its_duties(world: World) -> None:
    for purpose in PURPOSES:
        with pytest.raises(ChannelForbiddenError):
            await text(world, purpose=purpose)


@journey(with_sms(ASVS_L3))
async def test_level_three_has_no_sms_whatever_is_taken_on(world: World) -> None:
    with pytest.raises(ChannelForbiddenError):
        await text(world)


@journey(with_sms())
async def test_a_code_that_was_texted_is_accepted_once(world: World) -> None:
    raw, code = await texted(world)
    to, message = world.outbox.mails[-1]
    assert (ANN, "sms") == (to, message.channel)
    assert (await world.check(raw, code, to="+49 151 23456789", purpose="login")).status is Status.APPROVED


@journey(with_sms(limits=SmsLimits()))
async def test_what_a_number_takes_still_is_told_by_its_lane(world: World) -> None:
    lefts = [(await text(world, known_device=known)).left for known in (False, False, True, False)]
    assert [2, 1, 2, 0] == [left.left.more for left in lefts if left is not None]


@journey(with_sms())
async def test_a_code_for_another_number_is_not_accepted(world: World) -> None:
    raw, code = await texted(world)
    for other in (BOB, "ann@example.com"):
        with pytest.raises(MismatchError):
            await world.check(raw, code, to=other)


@journey(with_sms())
async def test_a_number_is_masked_and_nowhere_in_the_record(world: World) -> None:
    shown = await text(world)
    assert "+49***89" == shown.to
    assert ANN[3:] not in repr(world.journal.events)


@journey(with_sms())
async def test_a_text_lives_five_minutes_and_at_most_ten(world: World) -> None:
    shown = await text(world)
    assert 5 * MINUTE == shown.verification.expires_at - world.clock.now()
    with pytest.raises(InvalidInputError):
        await text(world, BOB, expires_in=601)


@pytest.mark.parametrize("methods", [["link"], ["code", "link"], ["link", "code"]])
@journey(with_sms())
async def test_a_text_carries_no_link(world: World, methods: list[str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await text(world, methods=methods)
    assert "methods" == refused.value.field


@journey(with_sms())
async def test_a_number_of_a_country_that_is_not_on_the_list_is_refused(world: World) -> None:
    with pytest.raises(CountryForbiddenError):
        await text(world, "+33612345678")
    assert not world.outbox.mails


@journey(with_sms(countries=frozenset()))
async def test_a_list_of_no_countries_sends_nowhere(world: World) -> None:
    with pytest.raises(CountryForbiddenError):
        await text(world)


@pytest.mark.parametrize("acknowledged", [None, "2026-10", ""])
@pytest.mark.parametrize("purpose", ["binding", "address_confirmation"])
@journey(with_sms())
async def test_a_number_is_not_bound_before_its_owner_saw_the_notice(
    world: World, purpose: str, acknowledged: str | None
) -> None:
    with pytest.raises(NoticeError):
        await text(world, purpose=purpose, notice_acknowledged=acknowledged)


@journey(with_sms())
async def test_what_was_acknowledged_is_kept_with_the_verification(world: World) -> None:
    shown = await text(world, purpose="binding", notice_acknowledged="2026-11")
    assert "2026-11" == shown.verification.notice
    assert ("verification.noticed", "2026-11") in [
        (event, facts.get("notice")) for event, facts in world.journal.events
    ]


@journey(with_sms())
async def test_mail_has_no_notice_and_another_purpose_needs_none(world: World) -> None:
    with pytest.raises(InvalidInputError):
        await world.create(notice_acknowledged="2026-11")
    with pytest.raises(InvalidInputError):
        await text(world, notice_acknowledged="2026-10")
    assert "2026-11" == (await text(world, notice_acknowledged="2026-11")).verification.notice


@journey(with_sms(NIST, voip=True))
async def test_internet_telephony_counts_where_the_profile_says_so(world: World) -> None:
    assert NIST.voip
    assert not BALANCED.voip
    world.verifications.rules = world.verifications.rules._replace(sms=SMS._replace(countries=frozenset({"GB"})))
    with pytest.raises(InvalidInputError):
        await text(world, "+445612345678")


@journey(with_sms())
async def test_a_number_has_budgets_of_its_own_across_apps(world: World) -> None:
    for _ in range(3):
        await text(world)
    world.app, _ = await world.apps.create("Other")
    with pytest.raises(RateLimitedError) as refused:
        await text(world)
    assert not isinstance(refused.value, BlockedError)
    assert (await world.create()).status is Status.PENDING


@journey(with_sms())
async def test_neighbours_that_nobody_answers_are_blocked_and_others_are_not(world: World) -> None:
    for number in range(breaker.NEIGHBOURS):
        await text(world, mobile(number))
    with pytest.raises(BlockedError) as refused:
        await text(world, mobile(99))
    assert "neighbours" == refused.value.reason
    assert "neighbours" not in refused.value.detail
    assert (await text(world, BOB)).status is Status.PENDING
    assert ("guard.blocked", {"reason": "neighbours", "country": "DE"}) in world.journal.events


@journey(with_sms())
async def test_somebody_in_an_attacked_range_who_was_there_before_still_enters(world: World) -> None:
    raw, code = await texted(world, mobile(500))
    await world.check(raw, code)
    for number in range(breaker.NEIGHBOURS * 3):
        try:
            await text(world, mobile(number))
        except BlockedError:
            break
    raw, code = await texted(world, mobile(500))
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(with_sms(limits=SmsLimits()))
async def test_a_known_device_still_enters_when_its_range_and_its_number_are_spent(world: World) -> None:
    for number in range(breaker.NEIGHBOURS):
        await text(world, mobile(number))
    for _ in range(2):
        await text(world, BOB)
    with pytest.raises(BlockedError):
        await text(world, mobile(1))
    raw, code = await texted(world, mobile(1), known_device=True)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(with_sms(guard=ceiling(3 * 80_000), limits=WIDE_OPEN))
async def test_nothing_is_sent_beyond_the_budget(world: World) -> None:
    for number in range(3):
        await text(world, mobile(1_000 * number))
    with pytest.raises(BlockedError) as refused:
        await text(world, mobile(5_000), known_device=True)
    assert "budget" == refused.value.reason
    world.clock.move(31 * DAY)
    assert (await text(world)).status is Status.PENDING


@journey(with_sms(guard=GuardRules(app_budget=Budget(hour=160_000)), limits=WIDE_OPEN))
async def test_an_apps_budget_is_its_own(world: World) -> None:
    for number in range(2):
        await text(world, mobile(1_000 * number))
    with pytest.raises(BlockedError):
        await text(world, mobile(5_000))
    world.app, _ = await world.apps.create("Other")
    assert (await text(world, mobile(5_000))).status is Status.PENDING


@journey(with_sms(guard=ceiling(160_000), limits=WIDE_OPEN))
async def test_a_resend_is_paid_for_as_well(world: World) -> None:
    shown = await text(world)
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, shown.verification.id)
    world.clock.move(60 * SECOND)
    with pytest.raises(BlockedError):
        await world.verifications.resend(world.app, shown.verification.id)


@journey(with_sms(guard=GuardRules("monitor"), limits=SmsLimits(network_sends=(Rate(1, DAY),))))
async def test_monitoring_sends_what_it_would_block_and_says_so(world: World) -> None:
    for number in range(breaker.NEIGHBOURS + 2):
        assert (await text(world, mobile(number), source="192.0.2.1")).status is Status.PENDING
    said = [(event, facts["reason"]) for event, facts in world.journal.events if event.startswith("guard.")]
    assert ("guard.allowed", "") == said[0]
    assert ("guard.monitored", "bucket") == said[1]
    assert ("guard.monitored", "neighbours") == said[-1]


@journey(with_sms(limits=SmsLimits(network_sends=(Rate(5, HOUR),))))
async def test_a_whole_network_is_one_source_of_texts(world: World) -> None:
    for number in range(5):
        await text(world, mobile(number * 1_000), source=f"192.0.2.{number}")
    with pytest.raises(BlockedError) as refused:
        await text(world, mobile(9_000), source="192.0.2.200")
    assert "bucket" == refused.value.reason
    assert (await text(world, mobile(9_000), source="192.0.3.1")).status is Status.PENDING


@journey(with_sms())
async def test_a_relay_that_is_down_does_not_look_like_fraud(world: World) -> None:
    world.outbox.trouble = lambda: DeliveryError(reason="refused", permanent=True)
    for number in range(4 * breaker.NEIGHBOURS):
        await text(world, mobile(number))
        await world.courier.drain()
        world.clock.move(5 * MINUTE)
    world.outbox.trouble = lambda: None
    assert (await text(world, mobile(999))).status is Status.PENDING


@journey(with_sms())
async def test_a_text_that_cannot_be_delivered_fails_and_nothing_else_is_sent(world: World) -> None:
    world.outbox.trouble = lambda: DeliveryError(reason="unreachable")
    shown = await text(world)
    for _ in range(30):
        await world.courier.drain()
        world.clock.move(15 * SECOND)
    assert not world.outbox.mails
    assert (await world.verifications.get(world.app, shown.verification.id)).status in {Status.FAILED, Status.EXPIRED}


@journey(with_sms())
async def test_a_wrong_code_answers_nothing(world: World) -> None:
    for number in range(breaker.NEIGHBOURS):
        raw, code = await texted(world, mobile(number))
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(code))
    with pytest.raises(BlockedError):
        await text(world, mobile(99))


class Signals:
    """Somebody who knows, or does not."""

    def __init__(self, answer: bool | DeliveryError) -> None:
        self.answer = answer

    async def changed_lately(self, number: str) -> bool:
        assert number == ANN
        if isinstance(self.answer, DeliveryError):
            raise self.answer
        return self.answer


@journey(with_sms())
async def test_nothing_is_sent_to_a_number_whose_sim_was_changed_a_moment_ago(world: World) -> None:
    world.verifications._sms = SmsGuard(world.journal, Signals(answer=True))
    with pytest.raises(BlockedError):
        await text(world)
    assert (await text(world, purpose="binding", notice_acknowledged="2026-11")).status is Status.PENDING


@journey(with_sms())
async def test_a_signal_that_does_not_come_is_recorded_and_holds_nobody_up(world: World) -> None:
    world.verifications._sms = SmsGuard(world.journal, Signals(DeliveryError(reason="timeout")))
    assert (await text(world)).status is Status.PENDING
    assert ("guard.signal_failed", {"reason": "timeout"}) in world.journal.events


@journey(with_sms())
async def test_a_number_whose_sim_is_what_it_was_is_sent_to(world: World) -> None:
    world.verifications._sms = SmsGuard(world.journal, Signals(answer=False))
    assert (await text(world)).status is Status.PENDING


@journey(with_sms(limits=WIDE_OPEN))
async def test_no_text_is_sent_again_once_the_operator_gave_up_the_duties(world: World) -> None:
    raw, code = await texted(world)
    world.verifications.rules = world.verifications.rules._replace(sms=None)
    with pytest.raises(ChannelForbiddenError):
        await world.verifications.resend(world.app, raw)
    assert (await world.check(raw, code)).status is Status.APPROVED
