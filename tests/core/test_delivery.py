"""Deliveries: what a claim, a courier's word and a failure make of them."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from tests.core.test_verification import NOW, a_verification
from watchword.core.delivery import (
    POSSIBLE_DUPLICATE,
    USEFUL,
    Delivery,
    DeliveryStatus,
    Due,
    Report,
    Settlement,
    claim,
    heard,
    next_try,
    settle,
)
from watchword.core.instant import DAY, MINUTE, SECOND
from watchword.core.verification import Status

LEASE = 2 * MINUTE
LATE = NOW + DAY


def a_delivery(**changed: object) -> Delivery:
    return msgspec.structs.replace(Delivery(b"i" * 16, 1, NOW, NOW), **changed)


def a_due(tries: int) -> Due:
    return Due(a_verification(), "Acme", 1, tries, uncertain=False)


SENT = Settlement(DeliveryStatus.SENT, NOW, "T1")
GONE = Settlement(DeliveryStatus.FAILED, NOW, reason="refused")


def test_a_claim_holds_a_delivery_for_the_lease() -> None:
    taken, hand_over = claim(a_delivery(), a_verification(), NOW, LEASE)
    assert hand_over
    assert (taken.due_at, taken.tries, taken.handed_over, taken.uncertain) == (NOW + LEASE, 1, True, False)


def test_a_claim_of_what_somebody_had_before_is_uncertain() -> None:
    taken, hand_over = claim(a_delivery(handed_over=True, tries=1), a_verification(), NOW, LEASE)
    assert hand_over
    assert (taken.tries, taken.uncertain) == (2, True)


def test_a_code_with_just_enough_to_live_is_sent() -> None:
    verification = a_verification()
    _, hand_over = claim(a_delivery(), verification, verification.expires_at - USEFUL, LEASE)
    assert hand_over


@pytest.mark.parametrize("before_the_end", [USEFUL - 1, 0, -1])
def test_a_code_that_would_arrive_too_late_is_not_sent(before_the_end: int) -> None:
    verification = a_verification()
    closed, hand_over = claim(a_delivery(), verification, verification.expires_at - before_the_end, LEASE)
    assert not hand_over
    assert (closed.status, closed.reason, closed.due_at) == (DeliveryStatus.FAILED, "expired", None)


def test_what_kept_a_message_until_it_was_too_late_stays_readable() -> None:
    closed, _ = claim(a_delivery(reason="tls_certificate"), a_verification(), LATE, LEASE)
    assert closed.reason == "tls_certificate"


def test_what_may_have_arrived_stays_uncertain_when_it_is_too_late_to_repeat_it() -> None:
    closed, _ = claim(a_delivery(handed_over=True, tries=1), a_verification(), LATE, LEASE)
    assert (closed.status, closed.uncertain, closed.handed_over) == (DeliveryStatus.FAILED, True, False)


@pytest.mark.parametrize("now", [NOW, LATE])
@pytest.mark.parametrize("status", [Status.APPROVED, Status.CANCELED, Status.EXHAUSTED, Status.FAILED])
def test_what_is_over_is_dropped_with_its_status_as_the_reason(status: Status, now: int) -> None:
    closed, hand_over = claim(a_delivery(), a_verification(status=status), now, LEASE)
    assert not hand_over
    assert (closed.status, closed.reason) == (DeliveryStatus.DROPPED, status.value)


def test_a_decoy_is_marked_as_sent_and_handed_to_nobody() -> None:
    closed, hand_over = claim(a_delivery(), a_verification(decoy=True), NOW, LEASE)
    assert not hand_over
    assert (closed.status, closed.transport, closed.due_at) == (DeliveryStatus.SENT, "T0", None)


def test_the_word_of_the_latest_courier_counts() -> None:
    closed = settle(a_delivery(tries=1, handed_over=True), a_due(1), GONE)
    assert closed is not None
    assert (closed.status, closed.due_at, closed.handed_over) == (DeliveryStatus.FAILED, None, False)


def test_the_word_of_a_courier_that_lost_its_lease_does_not_count() -> None:
    assert settle(a_delivery(tries=2, handed_over=True), a_due(1), GONE) is None


def test_that_a_message_was_sent_counts_from_anybody() -> None:
    closed = settle(a_delivery(tries=2, handed_over=True), a_due(1), SENT)
    assert closed is not None
    assert closed.status is DeliveryStatus.SENT


def test_a_late_word_that_it_was_sent_says_that_another_courier_may_have_sent_it_too() -> None:
    closed = settle(a_delivery(tries=2, handed_over=True, uncertain=True), a_due(1), SENT)
    assert closed is not None
    assert closed.reason == POSSIBLE_DUPLICATE


@pytest.mark.parametrize("settlement", [SENT, GONE])
def test_nothing_counts_once_a_delivery_is_settled(settlement: Settlement) -> None:
    assert settle(a_delivery(tries=1, due_at=None), a_due(1), settlement) is None


def test_what_is_queued_again_is_due_again_and_keeps_its_reason() -> None:
    again = Settlement(DeliveryStatus.QUEUED, NOW, reason="refused", again_at=NOW + SECOND)
    queued = settle(a_delivery(tries=1, handed_over=True), a_due(1), again)
    assert queued is not None
    assert (queued.due_at, queued.reason, queued.handed_over) == (NOW + SECOND, "refused", False)


def test_an_outcome_nobody_saw_is_remembered() -> None:
    again = Settlement(DeliveryStatus.QUEUED, NOW, reason="timeout", again_at=NOW + SECOND, uncertain=True)
    queued = settle(a_delivery(tries=1, handed_over=True), a_due(1), again)
    assert queued is not None
    assert queued.uncertain


def waits(jitter: float, tries: int = 12) -> list[int]:
    found = [next_try(each, LATE, NOW, jitter) for each in range(1, tries + 1)]
    return [at - NOW for at in found if at is not None]


def test_waits_double_from_a_second_to_a_minute() -> None:
    assert waits(1.0) == [1000, 2000, 4000, 8000, 16_000, 32_000, *[60_000] * 6]


def test_jitter_spreads_a_wait_over_half_of_itself() -> None:
    assert [2 * least for least in waits(0.0)] == waits(1.0)
    assert all(least < some < most for least, some, most in zip(waits(0.0), waits(0.5), waits(1.0), strict=True))


def test_waits_never_shrink() -> None:
    assert all(earlier <= later for earlier, later in pairwise(waits(0.3, tries=100)))


def test_a_try_that_would_come_too_late_is_not_made() -> None:
    at = NOW + SECOND
    assert next_try(1, at + USEFUL + 1, NOW, 1.0) == at
    assert next_try(1, at + USEFUL, NOW, 1.0) is None


@pytest.mark.parametrize("state", [{"handed_over": True, "tries": 1}, {"uncertain": True, "tries": 1}])
def test_a_report_that_is_faster_than_the_courier_counts_and_ends_the_delivery(state: dict[str, object]) -> None:
    arrived = heard(a_delivery(**state), Report.DELIVERED, NOW)
    assert arrived is not None
    assert (DeliveryStatus.DELIVERED, None, False) == (arrived.status, arrived.due_at, arrived.handed_over)


def test_the_courier_then_adds_how_the_message_travelled_once() -> None:
    arrived = heard(a_delivery(handed_over=True, tries=1), Report.DELIVERED, NOW)
    assert arrived is not None
    told = settle(arrived, a_due(1), SENT)
    assert told is not None
    assert (DeliveryStatus.DELIVERED, None, SENT.transport) == (told.status, told.due_at, told.transport)
    assert settle(told, a_due(1), SENT) is None
    assert settle(arrived, a_due(1), GONE) is None


def test_a_repeat_is_not_silent_because_a_report_was_faster() -> None:
    arrived = heard(a_delivery(handed_over=True, uncertain=True, tries=2), Report.DELIVERED, NOW)
    assert arrived is not None
    told = settle(arrived, a_due(2), SENT)
    assert told is not None
    assert told.reason == POSSIBLE_DUPLICATE


def test_a_report_about_what_nobody_was_given_changes_nothing() -> None:
    assert heard(a_delivery(), Report.DELIVERED, NOW) is None


def test_a_report_that_it_did_not_arrive_waits_for_no_courier() -> None:
    assert heard(a_delivery(handed_over=True, tries=1), Report.UNDELIVERED, NOW) is None


@pytest.mark.parametrize("said", [each for each in Report if each is not Report.DELIVERED])
def test_a_report_that_a_message_did_not_arrive_is_about_one_that_was_sent(said: Report) -> None:
    failed = heard(a_delivery(status=DeliveryStatus.SENT, due_at=None), said, NOW)
    assert failed is not None
    assert (DeliveryStatus.FAILED, said.value) == (failed.status, failed.reason)
    assert heard(failed, said, NOW) is None
