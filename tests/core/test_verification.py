"""The state rules of a verification: what each check, resend, cancel and failure makes of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from watchword.core import verification as rules
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import UNTRIED, Guesses, GuessLimits, Rate
from watchword.core.verification import Expected, Judgement, Outcome, Resend, Status, Verification

NOW = 1_795_000_000_000
LIMITS = GuessLimits((Rate(10, HOUR), Rate(50, DAY)), 50)
ANYTHING = Expected()
SCHEDULE = (30 * SECOND, MINUTE)
OVER = {
    Status.APPROVED: Outcome.USED,
    Status.EXHAUSTED: Outcome.EXHAUSTED,
    Status.CANCELED: Outcome.CANCELED,
    Status.FAILED: Outcome.FAILED,
}


def a_verification(**changed: Any) -> Verification:
    made = Verification(
        id=b"i" * 16,
        app=b"a" * 16,
        channel="email",
        purpose="login",
        recipient=b"r" * 16,
        address=b"a" * 16,
        sealed=b"",
        locale="en",
        digits=6,
        max_attempts=5,
        max_sends=3,
        created_at=NOW,
        expires_at=NOW + 10 * MINUTE,
        resend_at=NOW + 30 * SECOND,
    )
    return msgspec.structs.replace(made, **changed)


def judge(
    verification: Verification,
    guesses: Guesses = UNTRIED,
    limits: GuessLimits = LIMITS,
    *,
    matches: bool = True,
    digits: int = 6,
    expected: Expected = ANYTHING,
    now: int = NOW,
) -> Judgement:
    return rules.judge(verification, guesses, limits, digits=digits, matches=matches, expected=expected, now=now)


def unchanged(judgement: Judgement, verification: Verification, guesses: Guesses) -> bool:
    return judgement.verification is verification and judgement.guesses is guesses


def test_a_right_code_approves_and_counts_no_attempt() -> None:
    judgement = judge(a_verification())
    assert judgement.outcome is Outcome.APPROVED
    assert (judgement.verification.status, judgement.verification.attempts) == (Status.APPROVED, 0)


def test_a_right_code_counts_until_the_last_millisecond() -> None:
    assert judge(a_verification(), now=NOW + 10 * MINUTE - 1).outcome is Outcome.APPROVED


def test_a_right_code_is_too_late_at_the_end_and_evaluates_nothing() -> None:
    verification = a_verification()
    judgement = judge(verification, now=NOW + 10 * MINUTE)
    assert judgement.outcome is Outcome.EXPIRED
    assert unchanged(judgement, verification, UNTRIED)


def test_a_wrong_code_is_counted_with_the_guess() -> None:
    judgement = judge(a_verification(), matches=False)
    assert judgement.outcome is Outcome.MISMATCH
    assert judgement.verification.attempts_remaining == 4
    assert judgement.guesses == Guesses((NOW,), 1)


def test_the_last_allowed_wrong_code_is_a_mismatch_and_exhausts() -> None:
    judgement = judge(a_verification(attempts=4), matches=False)
    assert judgement.outcome is Outcome.MISMATCH
    assert (judgement.verification.status, judgement.verification.attempts_remaining) == (Status.EXHAUSTED, 0)


@pytest.mark.parametrize("matches", [True, False])
@pytest.mark.parametrize("status", OVER)
def test_what_is_over_evaluates_nothing_and_costs_nothing(status: Status, matches: bool) -> None:
    verification, guesses = a_verification(status=status), Guesses((), 49)
    judgement = judge(verification, guesses, matches=matches)
    assert OVER[status] is judgement.outcome
    assert unchanged(judgement, verification, guesses)


@pytest.mark.parametrize("digits", [5, 7])
def test_a_code_of_another_length_is_a_mismatch_whatever_was_compared(digits: int) -> None:
    judgement = judge(a_verification(), digits=digits)
    assert judgement.outcome is Outcome.MISMATCH
    assert judgement.guesses.streak == 1


def test_a_right_code_for_a_decoy_is_a_mismatch_like_any_other() -> None:
    real, decoy = judge(a_verification(), matches=False), judge(a_verification(decoy=True))
    assert (real.outcome, real.guesses) == (decoy.outcome, decoy.guesses)
    assert real.verification == msgspec.structs.replace(decoy.verification, decoy=False)


@pytest.mark.parametrize("expected", [Expected("recovery"), Expected(None, b"q" * 16), Expected("login", b"q" * 16)])
def test_a_check_of_something_else_costs_an_attempt_and_no_budget(expected: Expected) -> None:
    judgement = judge(a_verification(), expected=expected)
    assert judgement.outcome is Outcome.MISMATCH
    assert judgement.verification.attempts == 1
    assert judgement.guesses is UNTRIED


@pytest.mark.parametrize("expected", [Expected("login"), Expected(None, b"a" * 16), Expected("login", b"a" * 16)])
def test_a_check_of_what_was_asked_for_is_approved(expected: Expected) -> None:
    assert judge(a_verification(), expected=expected).outcome is Outcome.APPROVED


def test_a_spent_budget_evaluates_not_even_a_right_code() -> None:
    verification, guesses = a_verification(), Guesses((NOW,) * 10, 10)
    judgement = judge(verification, guesses)
    assert (judgement.outcome, judgement.retry_after) == (Outcome.LIMITED, HOUR)
    assert unchanged(judgement, verification, guesses)


def test_a_streak_below_the_ceiling_closes_nothing() -> None:
    assert judge(a_verification(), Guesses((), 49)).outcome is Outcome.APPROVED


def test_a_streak_at_the_ceiling_closes_the_channel() -> None:
    verification, guesses = a_verification(), Guesses((), 50)
    judgement = judge(verification, guesses)
    assert judgement.outcome is Outcome.CLOSED
    assert unchanged(judgement, verification, guesses)


def test_binding_goes_on_where_the_channel_is_closed_and_opens_it() -> None:
    judgement = judge(a_verification(purpose="binding"), Guesses((), 50))
    assert judgement.outcome is Outcome.APPROVED
    assert judgement.guesses.streak == 0


def test_a_right_code_without_a_streak_writes_no_bucket() -> None:
    guesses = Guesses((NOW,), 0)
    assert judge(a_verification(), guesses).guesses is guesses


def test_lanes_and_apps_and_recipients_have_buckets_of_their_own() -> None:
    variants = (
        a_verification(),
        a_verification(lane=1),
        a_verification(app=b"b" * 16),
        a_verification(recipient=b"q" * 16),
    )
    assert len({rules.guess_key(each) for each in variants}) == 4


def test_purposes_share_the_bucket_of_their_recipient() -> None:
    assert rules.guess_key(a_verification()) == rules.guess_key(a_verification(purpose="recovery", id=b"j" * 16))


def test_a_wait_written_by_a_clock_that_leapt_keeps_nobody_from_a_resend() -> None:
    waiting = a_verification(resend_at=NOW + MINUTE)
    assert rules.resend(waiting, SCHEDULE, NOW)[0] is Resend.EARLY
    answer, resent = rules.resend(waiting, SCHEDULE, NOW - HOUR)
    assert (answer, resent.resend_at) == (Resend.SENT, NOW - HOUR + MINUTE)


def test_a_resend_moves_to_the_next_wait() -> None:
    answer, resent = rules.resend(a_verification(), SCHEDULE, NOW + 30 * SECOND)
    assert answer is Resend.SENT
    assert (resent.sends, resent.sends_remaining, resent.resend_at) == (2, 1, NOW + 90 * SECOND)


def test_after_the_last_send_the_next_would_be_at_the_end_of_the_lifetime() -> None:
    _, resent = rules.resend(a_verification(sends=2), SCHEDULE, NOW + MINUTE)
    assert (resent.sends_remaining, resent.resend_at) == (0, resent.expires_at)


@pytest.mark.parametrize(
    ("changed", "now", "answer"),
    [
        ({}, NOW + 30 * SECOND - 1, Resend.EARLY),
        ({"sends": 3}, NOW + MINUTE, Resend.SPENT),
        ({}, NOW + 10 * MINUTE, Resend.ENDED),
        *(({"status": status}, NOW + MINUTE, Resend.ENDED) for status in OVER),
    ],
)
def test_a_resend_that_is_not_wanted_changes_nothing(changed: dict[str, Any], now: int, answer: Resend) -> None:
    verification = a_verification(**changed)
    assert rules.resend(verification, SCHEDULE, now) == (answer, verification)


def test_a_pending_verification_is_canceled() -> None:
    canceled = rules.cancel(a_verification(), NOW)
    assert canceled is not None
    assert canceled.status is Status.CANCELED


def test_canceling_twice_is_no_error() -> None:
    canceled = a_verification(status=Status.CANCELED)
    assert rules.cancel(canceled, NOW + DAY) is canceled


@pytest.mark.parametrize(
    ("status", "now"),
    [
        (Status.PENDING, NOW + 10 * MINUTE),
        (Status.APPROVED, NOW),
        (Status.EXHAUSTED, NOW),
        (Status.FAILED, NOW),
    ],
)
def test_what_is_over_in_another_way_cannot_be_canceled(status: Status, now: int) -> None:
    assert rules.cancel(a_verification(status=status), now) is None


def test_a_pending_verification_that_cannot_be_delivered_fails() -> None:
    assert rules.fail(a_verification()).status is Status.FAILED


@pytest.mark.parametrize("status", OVER)
def test_what_has_ended_stays_as_it_ended(status: Status) -> None:
    verification = a_verification(status=status)
    assert rules.fail(verification) is verification


@pytest.mark.parametrize("status", OVER)
def test_an_ending_is_not_overwritten_by_expiry(status: Status) -> None:
    assert status is a_verification(status=status).status_at(NOW + DAY)
