"""Limits against naive models, over any schedule, with a clock that may step back."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from watchword.core.limit import (
    FRESH,
    UNTRIED,
    GuessLimits,
    Left,
    Rate,
    guess_wait,
    guesses_left,
    left,
    note_wrong,
    send,
)

RATES = st.builds(Rate, st.integers(1, 12), st.integers(500, 5_000))
STEPS = st.lists(st.one_of(st.just(0), st.integers(0, 300), st.integers(0, 6_000)), min_size=1, max_size=80)
ANY_STEPS = st.lists(st.integers(-3_000, 6_000), min_size=1, max_size=60)
START = 1_000_000


class Bathtub:
    """A naive model of one rate: every send pours in its share, a unit runs out each millisecond, none may spill."""

    def __init__(self, rate: Rate) -> None:
        self.share = -(-rate.per // rate.count)  # rounded up, so never more than the rate says
        self.size = self.share * rate.count
        self.level = 0

    def run_out(self, span: int) -> None:
        self.level = max(0, self.level - span)

    def has_room(self) -> bool:
        return self.level + self.share <= self.size

    def pour(self) -> None:
        self.level += self.share


def accepted(rates: tuple[Rate, ...], moments: list[int]) -> list[int]:
    bucket, passed = FRESH, []
    for now in moments:
        bucket, wait = send(bucket, rates, now)
        if not wait:
            passed.append(now)
    return passed


@given(rates=st.lists(RATES, min_size=1, max_size=2), steps=STEPS)
def test_sends_are_decided_as_a_naive_model_decides_them(rates: list[Rate], steps: list[int]) -> None:
    tubs, bucket, now = [Bathtub(rate) for rate in rates], FRESH, START
    for step in steps:
        now += step
        for tub in tubs:
            tub.run_out(step)
        bucket, wait = send(bucket, tuple(rates), now)
        assert (wait == 0) == all(tub.has_room() for tub in tubs)
        if wait == 0:
            for tub in tubs:
                tub.pour()


@given(rate=RATES, steps=STEPS)
def test_no_span_passes_more_than_a_burst_and_what_was_refilled(rate: Rate, steps: list[int]) -> None:
    passed = accepted((rate,), list(accumulate(steps, initial=START)))
    share = -(-rate.per // rate.count)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            assert (last - first + 1) * share <= rate.count * share + passed[last] - begin


@given(rate=RATES, steps=STEPS)
def test_a_refused_send_passes_after_the_wait_it_was_told_and_not_before(rate: Rate, steps: list[int]) -> None:
    bucket = FRESH
    for now in accumulate(steps, initial=START):
        bucket, wait = send(bucket, (rate,), now)
        if wait:
            assert send(bucket, (rate,), now + wait)[1] == 0
            assert send(bucket, (rate,), now + wait - 1)[1] == 1


@given(rate=RATES, steps=ANY_STEPS)
def test_a_clock_that_steps_back_by_a_span_passes_no_more_than_one_that_stood_still(
    rate: Rate, steps: list[int]
) -> None:
    moments = list(accumulate(steps, initial=START))
    highest = list(accumulate(moments, max))
    moments = [max(moment, high - rate.per) for moment, high in zip(moments, highest, strict=True)]
    assert len(accepted((rate,), moments)) <= len(accepted((rate,), highest))


@given(budgets=st.lists(RATES, min_size=1, max_size=2), steps=STEPS)
def test_no_window_ever_holds_more_wrong_guesses_than_its_count(budgets: list[Rate], steps: list[int]) -> None:
    limits = GuessLimits(tuple(budgets), 10**6)
    guesses, evaluated = UNTRIED, list[int]()
    for now in accumulate(steps, initial=START):
        allowed = all(sum(at > now - per for at in evaluated) < count for count, per in budgets)
        assert (guess_wait(guesses.log, limits.budgets, now) == 0) == allowed
        if allowed:
            guesses = note_wrong(guesses, limits, now)
            evaluated.append(now)
    assert len(evaluated) == guesses.streak


@given(budget=RATES, steps=STEPS)
def test_a_guess_may_be_made_after_the_wait_it_was_told_and_not_before(budget: Rate, steps: list[int]) -> None:
    limits, guesses = GuessLimits((budget,), 10**6), UNTRIED
    for now in accumulate(steps, initial=START):
        wait = guess_wait(guesses.log, limits.budgets, now)
        if wait > 0:
            assert guess_wait(guesses.log, limits.budgets, now + wait) == 0
            assert guess_wait(guesses.log, limits.budgets, now + wait - 1) == 1
        else:
            guesses = note_wrong(guesses, limits, now)


@given(budget=RATES, steps=ANY_STEPS)
def test_a_log_stays_ascending_and_short_whatever_the_clock_does(budget: Rate, steps: list[int]) -> None:
    limits, guesses = GuessLimits((budget,), 10**6), UNTRIED
    for now in accumulate(steps, initial=START):
        if guess_wait(guesses.log, limits.budgets, now) <= 0:
            guesses = note_wrong(guesses, limits, now)
        assert list(guesses.log) == sorted(guesses.log)
        assert len(guesses.log) <= budget.count


@given(rates=st.lists(RATES, min_size=1, max_size=2), steps=STEPS)
def test_as_many_sends_pass_as_are_said_to_be_left_and_one_more_when_it_is_said(
    rates: list[Rate], steps: list[int]
) -> None:
    bucket, now, limits = FRESH, START, tuple(rates)
    for step in steps:
        now += step
        bucket, wait = send(bucket, limits, now)
        told = left([(bucket, limits)], now)
        assert told is not None
        passed = accepted_from(bucket, limits, [now] * 40)
        assert told.more == passed
        if wait:
            assert told == Left(0, wait)
        later = now + told.wait
        assert accepted_from(bucket, limits, [later] * 40) > passed
        assert told.wait == 0 or accepted_from(bucket, limits, [later - 1] * 40) == passed


def accepted_from(bucket: tuple[int, int], rates: tuple[Rate, ...], moments: list[int]) -> int:
    """How many sends at these moments pass, from a state of the bucket on."""
    passed = 0
    for now in moments:
        bucket, wait = send(bucket, rates, now)
        passed += wait == 0
    return passed


@given(rates=st.lists(RATES, min_size=1, max_size=2), moments=st.lists(st.integers(0, 12_000), max_size=40))
def test_as_many_wrong_guesses_pass_as_are_said_to_be_left(rates: list[Rate], moments: list[int]) -> None:
    limits = GuessLimits(tuple(sorted(rates, key=lambda rate: rate.per)), 100)
    guesses, now = UNTRIED, START
    for moment in sorted(moments):
        now = START + moment
        if not guess_wait(guesses.log, limits.budgets, now):
            guesses = note_wrong(guesses, limits, now)
    told = guesses_left(guesses.log, limits.budgets, now)
    assert told is not None
    passed = 0
    while not guess_wait(guesses.log, limits.budgets, now):
        guesses = note_wrong(guesses, limits, now)
        passed += 1
    assert told.more == passed


def test_of_several_buckets_the_tightest_is_told_and_of_equal_ones_the_longer_wait() -> None:
    slow, fast, wide = (Rate(2, 1_000),), (Rate(2, 100),), (Rate(9, 1_000),)
    filled = [(send(FRESH, rates, START)[0], rates) for rates in (fast, slow, wide)]

    assert left(filled, START) == Left(1, 500)
    assert left([], START) is None
