"""Odds: figures that a person can check, and none that is too hopeful."""

from __future__ import annotations

import pytest

from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import Rate
from watchword.core.odds import most_a_day, odds_of
from watchword.core.policy import ASVS_L3, BALANCED, LEGACY, Limits, Rules

GUESSES_OF_A_DAY = "one recipient of one app, a day"


def figures(rules: Rules, digits: int = 6) -> dict[str, tuple[int | None, str]]:
    """The guesses of each attack, and its odds with two digits."""
    return {each.attack: (each.guesses, f"{each.probability:.1e}") for each in odds_of(rules, digits)}


def test_the_odds_of_balanced_are_those_of_the_sheet() -> None:
    shown = figures(Rules())

    assert shown["one verification"] == (5, "5.0e-06")
    assert shown[GUESSES_OF_A_DAY] == (50, "5.0e-05")
    assert shown["one recipient of one app, until the channel closes"] == (50, "5.0e-05")
    assert shown["one authenticator, a day"] == (30, "9.0e-05")
    assert shown["one code at each of a million accounts"] == (10**6, "6.3e-01")
    assert shown["one authenticator code at each of a million accounts"] == (10**6, "9.5e-01")


def test_more_digits_fewer_tries_and_no_skew_make_it_harder() -> None:
    assert figures(Rules(), 8)["one verification"][1] == "5.0e-08"
    assert figures(Rules(LEGACY))["one verification"] == (10, "1.0e-05")
    assert figures(Rules(ASVS_L3))["one authenticator, a day"] == (30, "3.0e-05")
    assert figures(Rules(ASVS_L3))["one authenticator, until it is disabled"][0] == 20


def test_without_a_budget_a_guess_is_right_some_day() -> None:
    assert figures(Rules(BALANCED, Limits(wrong_guesses=())))[GUESSES_OF_A_DAY] == (None, "1.0e+00")


@pytest.mark.parametrize(
    ("rates", "most"),
    [
        ((Rate(10, HOUR), Rate(50, DAY)), 50),
        ((Rate(1, HOUR), Rate(50, DAY)), 24),
        ((Rate(5, 7 * DAY),), 5),
        ((Rate(1, 7 * MINUTE),), 206),  # 205.7 of them in a day: one more may begin
    ],
)
def test_a_day_holds_no_more_than_the_tightest_rate(rates: tuple[Rate, ...], most: int) -> None:
    assert most == most_a_day(rates)
