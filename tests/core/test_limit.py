"""Limits at their boundaries. That they hold for any schedule is in ``tests/properties/test_limit.py``."""

from __future__ import annotations

import pytest

from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import (
    FRESH,
    LONGEST_GUESS_SPAN,
    UNTRIED,
    Guesses,
    GuessLimits,
    Rate,
    guess_wait,
    is_idle,
    note_right,
    note_wrong,
    read_rates,
    send,
)

NOW = 1_795_000_000_000
BUDGETS = (Rate(10, HOUR), Rate(50, DAY))


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", ()),
        (" , ", ()),
        ("3/10min, 10/d", (Rate(3, 10 * MINUTE), Rate(10, DAY))),
        ("1/s", (Rate(1, SECOND),)),
        ("20/2h", (Rate(20, 2 * HOUR),)),
    ],
)
def test_rates_are_read_as_people_write_them(text: str, rates: tuple[Rate, ...]) -> None:
    assert rates == read_rates(text)


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "3/",
        "/10min",
        "3/10",
        "3/10m",
        "three/h",
        "0/h",
        "-1/h",
        "3/0h",
        "1001/s",
        "3/-1h",
        "3/h/h",
        "1/h, 2/h, 3/h",
        "1.5/h",
        "²/h",
        "3/²h",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        read_rates(text)


def test_a_bucket_without_rates_never_refuses() -> None:
    assert send(FRESH, (), NOW) == (FRESH, 0)


def test_a_full_burst_passes_and_the_next_waits_for_its_share() -> None:
    rates, bucket = (Rate(3, 10 * MINUTE),), FRESH
    for _ in range(3):
        bucket, wait = send(bucket, rates, NOW)
        assert wait == 0
    assert send(bucket, rates, NOW) == (bucket, 200 * SECOND)
    assert send(bucket, rates, NOW + 200 * SECOND - 1) == (bucket, 1)
    assert send(bucket, rates, NOW + 200 * SECOND)[1] == 0


def test_there_is_no_window_edge_at_which_two_bursts_pass() -> None:
    rates, bucket = (Rate(3, 10 * MINUTE),), FRESH
    for _ in range(3):
        bucket, _ = send(bucket, rates, NOW + 10 * MINUTE - 1)
    assert send(bucket, rates, NOW + 10 * MINUTE)[1] > 0


def test_a_refusal_by_one_rate_charges_the_other_nothing() -> None:
    rates = (Rate(1, MINUTE), Rate(2, DAY))
    bucket, _ = send(FRESH, rates, NOW)
    for _ in range(100):
        bucket, wait = send(bucket, rates, NOW)
        assert wait == MINUTE
    assert send(bucket, rates, NOW + MINUTE)[1] == 0


def test_a_send_after_the_clock_stepped_back_waits_and_gains_nothing() -> None:
    bucket, _ = send(FRESH, (Rate(1, MINUTE),), NOW)
    assert send(bucket, (Rate(1, MINUTE),), NOW - MINUTE) == (bucket, 2 * MINUTE)


def test_a_clock_that_leapt_and_came_back_locks_nobody_out() -> None:
    bucket, _ = send(FRESH, (Rate(1, MINUTE),), NOW + 365 * DAY)
    assert send(bucket, (Rate(1, MINUTE),), NOW) == ((NOW + MINUTE, 0), 0)
    assert guess_wait((NOW + 365 * DAY,) * 50, BUDGETS, NOW) == 0


def test_a_rate_that_does_not_divide_its_span_lets_no_more_through_at_once() -> None:
    rate, bucket, sent = Rate(900, MINUTE), FRESH, 0
    while send(bucket, (rate,), NOW)[1] == 0:
        bucket, sent = send(bucket, (rate,), NOW)[0], sent + 1
    assert sent == 900


def test_guesses_within_budget_wait_for_nothing() -> None:
    assert guess_wait((NOW,) * 9, BUDGETS, NOW) == 0


def test_a_spent_budget_waits_until_its_oldest_guess_leaves_the_window() -> None:
    log = tuple(NOW + number for number in range(10))
    assert guess_wait(log, BUDGETS, NOW + MINUTE) == 59 * MINUTE
    assert guess_wait(log, BUDGETS, NOW + HOUR - 1) == 1
    assert guess_wait(log, BUDGETS, NOW + HOUR) == 0


def test_the_longer_of_two_waits_counts() -> None:
    log = tuple(NOW + number * HOUR // 10 for number in range(50))
    assert guess_wait(log, BUDGETS, log[-1] + HOUR) == NOW + DAY - (log[-1] + HOUR)


def test_guesses_in_the_near_future_count_as_inside_the_window() -> None:
    assert guess_wait((NOW + MINUTE,) * 10, BUDGETS, NOW) == HOUR + MINUTE


def test_a_wrong_guess_is_noted_and_what_no_window_reaches_is_forgotten() -> None:
    limits = GuessLimits(BUDGETS, 50)
    noted = note_wrong(Guesses((NOW - DAY, NOW - DAY + 1), 2), limits, NOW)
    assert noted == Guesses((NOW - DAY + 1, NOW), 3)


def test_without_budgets_only_the_streak_is_kept() -> None:
    limits = GuessLimits((), 50)
    assert note_wrong(Guesses((NOW - 1,), 1), limits, NOW) == Guesses((NOW,), 2)


def test_a_log_stays_in_order_when_the_clock_steps_back() -> None:
    limits = GuessLimits(BUDGETS, 50)
    assert note_wrong(Guesses((NOW - DAY, NOW), 1), limits, NOW - HOUR).log == (NOW - DAY, NOW - HOUR, NOW)


def test_a_right_guess_ends_the_streak_and_buys_no_further_wrong_ones() -> None:
    assert note_right(Guesses((NOW,), 1)) == Guesses((NOW,), 0)


@pytest.mark.parametrize(
    ("guesses", "idle"),
    [
        (UNTRIED, True),
        (Guesses((NOW - LONGEST_GUESS_SPAN,), 0), True),
        (Guesses((NOW - LONGEST_GUESS_SPAN + 1,), 0), False),
        (Guesses((NOW - 400 * DAY,), 1), False),
    ],
)
def test_a_bucket_is_idle_when_neither_log_nor_streak_limits_anything(guesses: Guesses, idle: bool) -> None:
    assert idle == is_idle(guesses, NOW)
