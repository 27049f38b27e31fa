"""The journey of an email code, and every way in which it must not end."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.flows.journeys import generous, journey
from tests.support.world import World, wrong
from watchword.adapters.memory import MemoryStore
from watchword.core import ids
from watchword.core.delivery import DeliveryStatus
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.policy import PURPOSES
from watchword.core.verification import Status
from watchword.errors import (
    AlreadyUsedError,
    CanceledError,
    ChannelForbiddenError,
    DeliveryError,
    EndedError,
    ExhaustedError,
    ExpiredError,
    InvalidInputError,
    MismatchError,
    NotAcceptedError,
    RateLimitedError,
    SendsSpentError,
    TamperedError,
    UndeliverableError,
    UnknownError,
)
from watchword.flows.verification import Request, Verifications


def rows(world: World) -> dict[bytes, Any]:
    assert isinstance(world.store, MemoryStore)
    return world.store.tables.verifications


@journey()
async def test_the_code_that_was_mailed_is_accepted(world: World) -> None:
    raw, code = await world.send()
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_what_is_shown_has_a_masked_address_and_both_words(world: World) -> None:
    shown = await world.create("Ann.O+shop@Example.com")
    await world.courier.drain()
    assert shown.to == "A***@example.com"
    assert shown.watchword.split()[1] == world.outbox.mails[0][1].countersign


@journey()
async def test_mail_goes_to_the_address_as_typed(world: World) -> None:
    await world.send("Ann.O+shop@Example.com")
    assert world.outbox.mails[0][0] == "Ann.O+shop@example.com"


@journey()
async def test_a_message_says_app_purpose_language_and_lifetime(world: World) -> None:
    await world.send(purpose="recovery", locale="de-AT", expires_in=1800)
    message = world.outbox.mails[0][1]
    assert (message.app_name, message.purpose, message.locale) == ("Acme", "recovery", "de-AT")
    assert message.lifetime == 30 * MINUTE


@journey()
async def test_a_code_is_accepted_a_second_before_its_ten_minutes_are_over(world: World) -> None:
    raw, code = await world.send()
    world.clock.move(599 * SECOND)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_code_is_refused_when_its_ten_minutes_are_over(world: World) -> None:
    raw, code = await world.send()
    world.clock.move(600 * SECOND)
    with pytest.raises(ExpiredError):
        await world.check(raw, code)


@pytest.mark.parametrize("purpose", ["address_confirmation", "recovery"])
@journey()
async def test_a_code_that_confirms_lives_an_hour(world: World, purpose: str) -> None:
    raw, code = await world.send(purpose=purpose)
    world.clock.move(HOUR - 1)
    assert (await world.check(raw, code)).status is Status.APPROVED
    raw, code = await world.send(purpose=purpose)
    world.clock.move(HOUR)
    with pytest.raises(ExpiredError):
        await world.check(raw, code)


@journey()
async def test_a_lifetime_is_measured_from_the_request_and_not_from_delivery_or_resend(world: World) -> None:
    shown = await world.create(expires_in=60)
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, shown.verification.id)
    await world.courier.drain()
    world.clock.move(30 * SECOND)
    with pytest.raises(ExpiredError):
        await world.check(shown.verification.id, world.outbox.last_code)


@journey()
async def test_a_code_counts_once(world: World) -> None:
    raw, code = await world.send()
    await world.check(raw, code)
    for _ in range(2):
        with pytest.raises(AlreadyUsedError):
            await world.check(raw, code)


@journey()
async def test_a_replay_costs_nothing_and_is_written_down(world: World) -> None:
    raw, code = await world.send()
    await world.check(raw, code)
    with pytest.raises(AlreadyUsedError) as refused:
        await world.check(raw, code)
    assert refused.value.attempts_remaining == 5
    assert world.journal.events[-1][0] == "verification.refused"
    assert world.journal.events[-1][1]["reason"] == "used"


@journey()
async def test_of_many_checks_at_once_one_is_accepted(world: World) -> None:
    raw, code = await world.send()
    answers = await asyncio.gather(*(world.check(raw, code) for _ in range(32)), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1


@journey()
async def test_each_wrong_code_leaves_one_try_less(world: World) -> None:
    raw, code = await world.send()
    left = []
    for _ in range(5):
        with pytest.raises(MismatchError) as refused:
            await world.check(raw, wrong(code))
        left.append(refused.value.attempts_remaining)
    assert left == [4, 3, 2, 1, 0]


@journey()
async def test_after_five_wrong_codes_the_right_one_is_refused(world: World) -> None:
    raw, code = await world.send()
    for _ in range(5):
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(code))
    with pytest.raises(ExhaustedError):
        await world.check(raw, code)


@journey()
async def test_a_resend_gives_no_tries_back(world: World) -> None:
    raw, code = await world.send()
    for _ in range(4):
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(code))
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    with pytest.raises(MismatchError):
        await world.check(raw, wrong(code))
    with pytest.raises(ExhaustedError):
        await world.check(raw, code)


@journey()
async def test_a_resend_is_the_same_code_again_and_a_mail_of_its_own(world: World) -> None:
    raw, code = await world.send()
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    await world.courier.drain()
    (_, first), (_, second) = world.outbox.mails
    assert first.code == second.code == code
    assert first.key != second.key


@journey(generous())
async def test_resends_wait_30_60_120_and_300_seconds(world: World) -> None:
    raw, _ = await world.send(purpose="recovery")
    for seconds in (30, 60, 120, 300):
        world.clock.move((seconds - 1) * SECOND)
        with pytest.raises(RateLimitedError) as refused:
            await world.verifications.resend(world.app, raw)
        assert refused.value.retry_after == 1
        world.clock.move(SECOND)
        await world.verifications.resend(world.app, raw)


@journey(generous())
async def test_there_is_no_sixth_send(world: World) -> None:
    raw, _ = await world.send(purpose="recovery")
    for _ in range(4):
        world.clock.move(5 * MINUTE)
        await world.verifications.resend(world.app, raw)
    shown = await world.verifications.get(world.app, raw)
    assert shown.verification.sends_remaining == 0
    world.clock.move(5 * MINUTE)
    with pytest.raises(SendsSpentError):
        await world.verifications.resend(world.app, raw)
    await world.courier.drain()
    assert len((await world.verifications.get(world.app, raw)).deliveries) == 5


@journey()
async def test_a_resend_that_is_too_early_neither_sends_nor_counts(world: World) -> None:
    raw, _ = await world.send()
    for _ in range(20):
        with pytest.raises(RateLimitedError):
            await world.verifications.resend(world.app, raw)
    assert await world.courier.drain() == 0
    world.clock.move(30 * SECOND)
    assert (await world.verifications.resend(world.app, raw)).verification.sends == 2


@journey()
async def test_a_failed_send_rotates_nothing(world: World) -> None:
    raw, code = await world.send()
    world.clock.move(30 * SECOND)
    world.outbox.trouble = lambda: DeliveryError(reason="refused", permanent=True)
    await world.verifications.resend(world.app, raw)
    await world.courier.drain()
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_canceled_verification_takes_no_code(world: World) -> None:
    raw, code = await world.send()
    assert (await world.verifications.cancel(world.app, raw)).status is Status.CANCELED
    with pytest.raises(CanceledError):
        await world.check(raw, code)


@journey()
async def test_canceling_twice_is_no_error(world: World) -> None:
    raw, _ = await world.send()
    await world.verifications.cancel(world.app, raw)
    assert (await world.verifications.cancel(world.app, raw)).status is Status.CANCELED


@journey()
async def test_what_was_approved_cannot_be_canceled(world: World) -> None:
    raw, code = await world.send()
    await world.check(raw, code)
    with pytest.raises(EndedError) as refused:
        await world.verifications.cancel(world.app, raw)
    assert refused.value.status == "approved"


@pytest.mark.parametrize("end", ["approve", "exhaust", "cancel", "expire"])
@journey()
async def test_what_is_over_is_not_sent_again(world: World, end: str) -> None:
    raw, code = await world.send()
    world.clock.move(30 * SECOND)
    if end == "approve":
        await world.check(raw, code)
    elif end == "exhaust":
        for _ in range(5):
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
    elif end == "cancel":
        await world.verifications.cancel(world.app, raw)
    else:
        world.clock.move(10 * MINUTE)
    with pytest.raises(EndedError):
        await world.verifications.resend(world.app, raw)
    assert await world.courier.drain() == 0


@journey()
async def test_a_code_that_never_reached_anybody_is_told_apart(world: World) -> None:
    world.outbox.trouble = lambda: DeliveryError(reason="refused", permanent=True)
    shown = await world.create()
    await world.courier.drain()
    with pytest.raises(UndeliverableError):
        await world.check(shown.verification.id, "123456")


@journey()
async def test_a_code_is_accepted_as_people_type_it(world: World) -> None:
    raw, code = await world.send()
    typed = f" {code[:3]}\u2009-{code[3:]} ".translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    assert (await world.check(raw, typed)).status is Status.APPROVED


@pytest.mark.parametrize("typed", ["", " ", "12345²", "①②③④⑤⑥", "١٢٣٤٥٦", "+123456", "abcdef", "🔑", "9" * 10_000])
@journey()
async def test_what_cannot_be_a_code_costs_no_try(world: World, typed: str) -> None:
    raw, code = await world.send()
    for _ in range(10):
        with pytest.raises(InvalidInputError):
            await world.check(raw, typed)
    shown = await world.check(raw, code)
    assert shown.verification.attempts == 0


@pytest.mark.parametrize(
    "change", [lambda code: code[:5], lambda code: code + "0", lambda code: code[-1], lambda code: code * 5]
)
@journey()
async def test_a_code_of_another_length_is_a_counted_mismatch(world: World, change: Any) -> None:
    raw, code = await world.send()
    with pytest.raises(MismatchError) as refused:
        await world.check(raw, change(code))
    assert refused.value.attempts_remaining == 4


@journey()
async def test_the_code_of_another_length_of_the_same_id_is_a_mismatch(world: World) -> None:
    raw, code = await world.send(digits=8)
    with pytest.raises(MismatchError):
        await world.check(raw, code[2:])  # what a six-digit code of this id would be
    assert (await world.check(raw, code)).status is Status.APPROVED


@pytest.mark.parametrize("other", [purpose for purpose in PURPOSES if purpose != "login"])
@journey()
async def test_a_code_for_one_purpose_is_none_for_another(world: World, other: str) -> None:
    raw, code = await world.send()
    with pytest.raises(MismatchError):
        await world.check(raw, code, purpose=other)
    assert (await world.check(raw, code, purpose="login")).status is Status.APPROVED


@journey()
async def test_a_code_for_one_address_is_none_for_another(world: World) -> None:
    raw, code = await world.send("eve@example.com")
    with pytest.raises(MismatchError):
        await world.check(raw, code, to="ann@example.com")
    assert (await world.check(raw, code, to="Eve@Example.com")).status is Status.APPROVED


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("ann+evil@example.com", "ann@example.com"),
        ("jo\u017fe@example.com", "jose@example.com"),
        ("stra\u00dfe@example.com", "strasse@example.com"),
    ],
)
@journey()
async def test_one_bucket_for_limits_is_not_one_address(world: World, sent: str, expected: str) -> None:
    raw, code = await world.send(sent)
    with pytest.raises(MismatchError):
        await world.check(raw, code, to=expected)
    assert (await world.check(raw, code, to=sent)).status is Status.APPROVED


@journey()
async def test_a_check_of_something_else_costs_a_try_and_no_budget(world: World) -> None:
    for _ in range(2):
        raw, code = await world.send()
        for _ in range(5):
            with pytest.raises(MismatchError):
                await world.check(raw, code, purpose="recovery")
    raw, code = await world.send()
    assert (await world.check(raw, code)).status is Status.APPROVED


@pytest.mark.parametrize("to", ["", "ann", "ann@example.com\r\n"])
@journey()
async def test_an_expected_address_that_is_none_is_refused_and_never_skipped(world: World, to: str) -> None:
    raw, code = await world.send()
    with pytest.raises(InvalidInputError) as refused:
        await world.check(raw, code, to=to)
    assert refused.value.field == "to"


@pytest.mark.parametrize("purpose", ["", "LOGIN", "sudo"])
@journey()
async def test_an_expected_purpose_that_is_none_is_refused(world: World, purpose: str) -> None:
    raw, code = await world.send()
    with pytest.raises(InvalidInputError) as refused:
        await world.check(raw, code, purpose=purpose)
    assert refused.value.field == "purpose"


@journey()
async def test_a_code_of_one_verification_is_none_for_another(world: World) -> None:
    first, code = await world.send()
    second, other = await world.send()
    assert code != other
    with pytest.raises(MismatchError):
        await world.check(second, code)
    assert (await world.check(first, code)).status is Status.APPROVED


@journey()
async def test_another_apps_verification_is_unknown(world: World) -> None:
    raw, code = await world.send()
    other, _ = await world.apps.create("Other")
    with pytest.raises(UnknownError):
        await world.verifications.check(other, raw, code)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_an_id_nobody_made_is_unknown(world: World) -> None:
    with pytest.raises(UnknownError):
        await world.check(ids.verification_id(world.clock.now(), 1, bytes(9)), "123456")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"methods": []}, "methods"),
        ({"methods": ["code", "code"]}, "methods"),
        ({"methods": ["code", "sms"]}, "methods"),
        ({"methods": ["link"]}, "link"),
        ({"methods": ["code", "link"]}, "link"),
        ({"locale": ""}, "locale"),
        ({"locale": "../../etc/passwd"}, "locale"),
        ({"locale": "en\r\nBcc: x"}, "locale"),
        ({"locale": "en-" + "a" * 9}, "locale"),
        ({"locale": "en\n"}, "locale"),
        ({"purpose": "sudo"}, "purpose"),
        ({"to": "ann"}, "to"),
        ({"to": "ann@example.com\r\nBcc: eve@example.com"}, "to"),
        ({"expires_in": 59}, "expires_in"),
        ({"expires_in": 601}, "expires_in"),
        ({"digits": 5}, "digits"),
        ({"digits": 11}, "digits"),
        ({"source": "localhost"}, "requester.ip"),
        ({"source": ""}, "requester.ip"),
        ({"source": "192.0.2.1:80"}, "requester.ip"),
        ({"source": "fe80::1%eth0"}, "requester.ip"),
        ({"idempotency_key": ""}, "Idempotency-Key"),
        ({"idempotency_key": "é"}, "Idempotency-Key"),
        ({"idempotency_key": "a\n"}, "Idempotency-Key"),
        ({"idempotency_key": "a" * 256}, "Idempotency-Key"),
    ],
)
@journey()
async def test_a_request_that_cannot_be_is_refused_by_field_and_charges_nothing(
    world: World, asked: dict[str, Any], field: str
) -> None:
    for _ in range(10):
        with pytest.raises(InvalidInputError) as refused:
            await world.create(**asked)
        assert field == refused.value.field
    assert rows(world) == {}
    for _ in range(3):
        await world.create()


@journey()
async def test_a_channel_that_the_policy_does_not_allow_is_forbidden(world: World) -> None:
    with pytest.raises(ChannelForbiddenError):
        await world.verifications.create(world.app, Request("sms", "+491701234567", "login"))


@journey()
async def test_the_only_method_may_be_named(world: World) -> None:
    assert (await world.create(methods=["code"])).status is Status.PENDING


@pytest.mark.parametrize("digits", [6, 7, 8, 9, 10])
@journey()
async def test_a_code_of_any_length_offered_works(world: World, digits: int) -> None:
    raw, code = await world.send(digits=digits)
    assert digits == len(code)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_no_code_address_or_word_is_at_rest(world: World) -> None:
    raw, code = await world.send("canary@example.com")
    row = rows(world)[raw]
    at_rest = repr(row).encode() + msgspec.msgpack.encode(row)
    assert code.encode() not in at_rest
    assert b"canary" not in at_rest
    assert world.outbox.mails[0][1].countersign.encode() not in at_rest


@journey()
async def test_an_altered_row_is_tampered(world: World) -> None:
    raw = (await world.create()).verification.id
    sealed = rows(world)[raw].sealed
    rows(world)[raw] = msgspec.structs.replace(rows(world)[raw], sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(TamperedError):
        await world.verifications.get(world.app, raw)


@journey()
async def test_an_address_moved_from_another_row_is_tampered_and_not_sent_to(world: World) -> None:
    ann = (await world.create("ann@example.com")).verification.id
    eve = (await world.create("eve@example.com")).verification.id
    rows(world)[ann] = msgspec.structs.replace(rows(world)[ann], sealed=rows(world)[eve].sealed)
    with pytest.raises(TamperedError):
        await world.verifications.get(world.app, ann)
    await world.courier.drain()
    assert [to for to, _ in world.outbox.mails] == ["eve@example.com"]
    _, (delivery,) = await world.store.find(world.app.id, ann)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "tampered")


@journey()
async def test_a_clock_that_stepped_back_accepts_a_code_and_accepts_it_once(world: World) -> None:
    raw, code = await world.send()
    world.clock.move(-DAY)
    assert (await world.check(raw, code)).status is Status.APPROVED
    with pytest.raises(AlreadyUsedError):
        await world.check(raw, code)


@journey()
async def test_a_clock_that_leapt_and_came_back_leaves_a_code_as_it_was(world: World) -> None:
    raw, code = await world.send()
    world.clock.move(400 * DAY)
    with pytest.raises(ExpiredError):
        await world.check(raw, code)
    world.clock.move(-400 * DAY)
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_wait_that_a_clock_wrote_when_it_leapt_is_told_as_it_counts(world: World) -> None:
    world.clock.move(DAY)
    raw = (await world.create()).verification.id
    world.clock.move(-DAY)
    shown = await world.verifications.get(world.app, raw)
    assert world.clock.now() == shown.verification.resend_at
    resent = await world.verifications.resend(world.app, raw)
    assert (2, world.clock.now() + MINUTE) == (resent.verification.sends, resent.verification.resend_at)


@journey()
async def test_every_refused_proof_has_one_public_face(world: World) -> None:
    raw, code = await world.send()
    with pytest.raises(NotAcceptedError) as refused:
        await world.check(raw, wrong(code))
    assert refused.value.code == "not_accepted"
    assert code not in repr(refused.value)


@journey()
async def test_news_of_a_message_wakes_the_courier(world: World) -> None:
    woken: list[str] = []
    world.verifications = Verifications(
        world.store,
        world.keys,
        world.clock,
        world.dice,
        world.journal,
        world.verifications.rules,
        lambda: woken.append("news"),
    )
    raw = (await world.create()).verification.id
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    assert woken == ["news", "news"]
