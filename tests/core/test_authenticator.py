"""The rules of authenticators, without a store."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import authenticator as rules
from watchword.core.authenticator import Authenticator, Judged, Match, Matches, Outcome
from watchword.core.instant import HOUR, SECOND, Instant
from watchword.core.limit import UNTRIED, Guesses, GuessLimits

NOW = 1_795_000_000_000
STEP = 30 * SECOND
LIMITS = rules.limits_of(50)


def active(name: int = 1, **more: object) -> Authenticator:
    row = Authenticator(
        bytes([name]) * 16, b"a" * 16, b"s" * 16, b"", b"", bytes([name]) * 16, 1, "enrolled", NOW, None, NOW
    )
    return msgspec.structs.replace(row, **more)


def judge(
    rows: Sequence[Authenticator], matches: Matches | None, guesses: Guesses, limits: GuessLimits, now: Instant
) -> Judged:
    """A check whose code comes to these matches."""
    return rules.judge(rows, lambda _: matches, guesses, limits, now)


def test_a_match_moves_every_seed_it_is_right_for() -> None:
    rows = [active(1, last_step=5), active(2, last_step=6), active(3, last_step=9)]
    matches = {rows[0].id: Match(8, 0), rows[1].id: Match(7, -1), rows[2].id: None}
    judged = judge(rows, matches, Guesses((), 3), LIMITS, NOW)
    assert (Outcome.APPROVED, 0, [8, 7]) == (
        *(judged.outcome, judged.guesses.streak),
        [row.last_step for row in judged.changed],
    )


def test_one_match_that_is_not_newer_refuses_all() -> None:
    rows = [active(1, last_step=5), active(2, last_step=7)]
    judged = judge(rows, {rows[0].id: Match(8, 0), rows[1].id: Match(7, 0)}, UNTRIED, LIMITS, NOW)
    assert (Outcome.USED, [], UNTRIED) == (judged.outcome, list(judged.changed), judged.guesses)


def test_a_row_that_does_not_open_decides_nothing() -> None:
    judged = judge([active(1), active(2)], None, UNTRIED, LIMITS, NOW)
    assert (Outcome.SHUT, UNTRIED, []) == (judged.outcome, judged.guesses, list(judged.changed))


@pytest.mark.parametrize("guesses", [Guesses((), 50), rules.wrong(UNTRIED, LIMITS, 5, NOW)])
def test_what_a_lock_or_a_budget_refuses_is_not_looked_at(guesses: Guesses) -> None:
    looked: list[object] = []
    rules.judge([active()], looked.append, guesses, LIMITS, NOW)
    assert [] == looked


def test_pending_ones_are_not_compared() -> None:
    looked: list[Sequence[Authenticator]] = []
    rows = [active(1), active(2, confirmed_at=None)]
    rules.judge(rows, looked.append, UNTRIED, LIMITS, NOW)
    assert [rows[:1]] == looked


def test_a_guess_that_does_not_fit_is_not_looked_at_and_says_when_it_would() -> None:
    rows = [active(number) for number in range(1, 4)]
    guesses = rules.wrong(UNTRIED, LIMITS, 3, NOW)
    judged = judge(rows, {row.id: Match(99, 0) for row in rows}, guesses, LIMITS, NOW + SECOND)
    assert (Outcome.LIMITED, 299 * SECOND, guesses) == (judged.outcome, judged.wait, judged.guesses)


def test_step_zero_is_accepted_once() -> None:
    row = active()
    judged = judge([row], {row.id: Match(0, 0)}, UNTRIED, LIMITS, 0)
    assert Outcome.APPROVED is judged.outcome
    assert Outcome.USED is judge(judged.changed, {row.id: Match(0, 0)}, UNTRIED, LIMITS, 0).outcome


def test_a_window_follows_a_clock_after_three_codes_from_one_edge() -> None:
    row, seen = active(), []
    for step in range(1, 12):
        row = judge([row], {row.id: Match(step, -1)}, UNTRIED, LIMITS, NOW).changed[0]
        seen.append(row.drift)
    assert [0, 0, -1, -1, -1, -2, -2, -2, -2, -2, -2] == seen


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=60))
def test_no_walk_moves_the_window_beyond_two_steps(edges: list[int]) -> None:
    row = active()
    for step, edge in enumerate(edges, 1):
        before = row.drift
        row = judge([row], {row.id: Match(step, edge)}, UNTRIED, LIMITS, NOW).changed[0]
        assert abs(row.drift) <= rules.MOST_DRIFT
        assert abs(row.drift - before) <= 1


def test_codes_from_both_edges_move_nothing() -> None:
    row = active()
    for step in range(1, 30):
        row = judge([row], {row.id: Match(step, (-1, -1, 1)[step % 3])}, UNTRIED, LIMITS, NOW).changed[0]
    assert 0 == row.drift


def test_a_limit_is_refused_for_one_who_has_none_and_leaves_no_streak() -> None:
    guesses = UNTRIED
    outcomes = []
    for _ in range(6):
        judged = judge([], {}, guesses, LIMITS, NOW)
        outcomes.append(judged.outcome)
        guesses = judged.guesses
    assert [*[Outcome.UNKNOWN] * 5, Outcome.LIMITED] == outcomes
    assert 0 == guesses.streak


@given(st.lists(st.tuples(st.integers(0, HOUR), st.integers(1, 5)), max_size=40))
def test_budgets_in_units_equal_a_plain_count(tries: list[tuple[int, int]]) -> None:
    guesses, now = UNTRIED, NOW
    log: list[int] = []
    for pause, units in tries:
        now += pause
        fits = all(sum(at > now - rate.per for at in log) + units <= rate.count for rate in rules.BUDGETS)
        assert fits is (rules.units_wait(guesses, LIMITS, units, now) == 0)
        if fits:
            guesses = rules.wrong(guesses, LIMITS, units, now)
            log += [now] * units


def test_a_repr_tells_nothing() -> None:
    assert "Authenticator(confirmed_at=1795000000000)" == repr(active(seed=b"secret"))


def at_its_page(**more: object) -> Authenticator:
    """A pending one that its hosted page confirms."""
    pending = active(9, confirmed_at=None, expires_at=NOW + HOUR, challenge=b"c" * 32, page_key=1)
    return msgspec.structs.replace(pending, **more)


def test_a_page_confirms_and_makes_nothing_active() -> None:
    proven = rules.prove(at_its_page(), [], Match(7, 0), b"codes", NOW)
    assert (Outcome.CONFIRMED, False, 7) == (
        *(proven.outcome, proven.authenticator.is_active),
        proven.authenticator.last_step,
    )
    again = rules.prove(proven.authenticator, [], Match(8, 0), b"others", NOW)
    assert (Outcome.USED, proven.authenticator) == (again.outcome, again.authenticator)
    bound = rules.collect(proven.authenticator, [], b"s" * 16, b"c" * 32, NOW)
    assert (Outcome.APPROVED, True, b"") == (bound.outcome, bound.authenticator.is_active, bound.authenticator.codes)


@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        ([active(1, fingerprint=b"\x09" * 16)], Outcome.BOUND),
        ([active(name) for name in range(1, rules.MOST_ACTIVE + 1)], Outcome.FULL),
    ],
)
def test_what_a_subject_cannot_have_is_refused_at_the_page_and_at_the_exchange(
    others: list[Authenticator], outcome: Outcome
) -> None:
    row, proven = at_its_page(), at_its_page(proven_at=NOW)
    for decided, given_row in (
        (rules.prove(row, others, Match(7, 0), b"", NOW), row),
        (rules.collect(proven, others, b"s" * 16, b"c" * 32, NOW), proven),
    ):
        assert outcome is decided.outcome
        assert decided.authenticator is given_row


@pytest.mark.parametrize(
    ("changes", "subject", "challenge", "outcome"),
    [
        ({"proven_at": None}, b"s" * 16, b"c" * 32, Outcome.PENDING),
        ({"challenge": None}, b"s" * 16, b"c" * 32, Outcome.MISMATCH),
        ({}, b"t" * 16, b"c" * 32, Outcome.MISMATCH),
        ({}, b"s" * 16, b"d" * 32, Outcome.MISMATCH),
        ({"expires_at": NOW}, b"s" * 16, b"c" * 32, Outcome.EXPIRED),
        ({"confirmed_at": NOW}, b"s" * 16, b"c" * 32, Outcome.USED),
    ],
)
def test_an_exchange_that_is_refused_changes_nothing(
    changes: dict[str, object], subject: bytes, challenge: bytes, outcome: Outcome
) -> None:
    row = at_its_page(**{"proven_at": NOW} | changes)
    collected = rules.collect(row, [], subject, challenge, NOW)
    assert (outcome, row) == (collected.outcome, collected.authenticator)
