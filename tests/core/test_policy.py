"""Policy: which channel may serve which purpose, and for how long."""

from __future__ import annotations

import pytest

from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import GuessLimits
from watchword.core.policy import (
    BALANCED,
    CHANNELS,
    PROFILES,
    PURPOSES,
    Limits,
    Profile,
    Rules,
    read_length,
    read_lifetime,
)
from watchword.errors import ChannelForbiddenError, InvalidInputError

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@pytest.mark.parametrize("purpose", ["login", "step_up", "binding"])
def test_a_code_that_lets_in_lives_ten_minutes_and_no_longer(purpose: str) -> None:
    assert BALANCED.rule("email", purpose) == (10 * MINUTE, 10 * MINUTE)


@pytest.mark.parametrize("purpose", ["address_confirmation", "recovery"])
def test_a_code_that_confirms_lives_an_hour_and_at_most_a_day(purpose: str) -> None:
    assert BALANCED.rule("email", purpose) == (HOUR, DAY)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_sms_serves_nothing_until_a_profile_says_so(purpose: str) -> None:
    with pytest.raises(ChannelForbiddenError):
        BALANCED.rule("sms", purpose)


@pytest.mark.parametrize(
    ("channel", "purpose", "field"),
    [("pigeon", "login", "channel"), ("", "login", "channel"), ("email", "", "purpose"), ("email", "LOGIN", "purpose")],
)
def test_an_unknown_channel_or_purpose_is_told_by_field(channel: str, purpose: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        BALANCED.rule(channel, purpose)
    assert field == refused.value.field


@every_profile
def test_no_profile_exceeds_the_standards_figures(profile: Profile) -> None:
    assert 1 <= profile.attempts <= 10
    assert 1 <= profile.failure_ceiling <= 100
    assert all(rule.lifetime <= rule.ceiling <= DAY for rule in profile.table.values())
    assert all(channel in CHANNELS and purpose in PURPOSES for channel, purpose in profile.table)


@every_profile
def test_every_departure_says_what_and_why(profile: Profile) -> None:
    assert all(len(reason) > 40 for reason in profile.departures.values())


def test_a_message_goes_out_five_times_at_growing_distances() -> None:
    assert (30_000, 60_000, 120_000, 300_000) == BALANCED.resend_after
    assert BALANCED.max_sends == 5


@pytest.mark.parametrize(("seconds", "lifetime"), [(None, HOUR), (60, MINUTE), (86_400, DAY)])
def test_a_lifetime_may_be_asked_for_within_the_rule(seconds: int | None, lifetime: int) -> None:
    assert lifetime == read_lifetime(BALANCED.rule("email", "recovery"), seconds)


@pytest.mark.parametrize(("purpose", "seconds"), [("login", 59), ("login", 601), ("recovery", 86_401), ("login", -60)])
def test_a_lifetime_outside_the_rule_is_refused(purpose: str, seconds: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_lifetime(BALANCED.rule("email", purpose), seconds)
    assert refused.value.field == "expires_in"


@pytest.mark.parametrize(("asked", "length"), [(None, 6), (6, 6), (8, 8), (10, 10)])
def test_a_code_has_six_to_ten_digits(asked: int | None, length: int) -> None:
    assert length == read_length(asked)


@pytest.mark.parametrize("digits", [-6, 0, 5, 11])
def test_a_code_of_fewer_or_more_digits_is_refused(digits: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_length(digits)
    assert refused.value.field == "digits"


def test_the_rules_join_the_guess_budgets_with_the_profiles_ceiling() -> None:
    assert Rules().guesses == GuessLimits(Limits().wrong_guesses, 50)
