"""Departures: what a profile forbids is done for a written reason, or not at all."""

from __future__ import annotations

import pytest

from tests.support.sms import SMS
from watchword.core.departure import CHOICES, rules_of
from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import Rate
from watchword.core.policy import ASVS_L2, ASVS_L3, BALANCED, LEGACY, NIST, PROFILES, Limits, Profile
from watchword.errors import ChannelForbiddenError, SettingsError

REASON = "Accepted in RA-2026-12 until the spring."
every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
NO_GUESSES = Limits(wrong_guesses=())
NO_SENDS = Limits(recipient_sends=())
NO_SOURCES = Limits(source_sends=())


@every_profile
def test_every_profile_holds_as_it_is(profile: Profile) -> None:
    rules = rules_of(profile, Limits(), {}, durable=True)

    assert (profile, Limits(), ()) == (rules.profile, rules.limits, rules.chosen)


@every_profile
def test_a_profile_forbids_only_what_is_known_and_by_a_clause(profile: Profile) -> None:
    assert set(profile.clauses) <= set(CHOICES)
    assert all(clause.startswith(("NIST SP 800-63B-4 ", "ASVS ")) for clause in profile.clauses.values())


@pytest.mark.parametrize(
    ("profile", "limits", "durable", "name", "clause"),
    [
        (NIST, NO_GUESSES, True, "unlimited_guesses", "NIST SP 800-63B-4 3.1.3.2"),
        (NIST, Limits(), False, "counters_in_memory", "NIST SP 800-63B-4 3.2.2"),
        (ASVS_L2, NO_GUESSES, True, "unlimited_guesses", "ASVS 6.6.3"),
        (ASVS_L2, NO_SENDS, True, "unlimited_sends", "ASVS 2.4.1"),
        (ASVS_L2, NO_SOURCES, True, "unlimited_sends", "ASVS 2.4.1"),
        (ASVS_L3, NO_SENDS, True, "unlimited_sends", "ASVS 2.4.1"),
        (ASVS_L3, Limits(), False, "counters_in_memory", "ASVS 6.6.3"),
        (NIST, Limits(wrong_guesses=(Rate(1_000, MINUTE),)), True, "unlimited_guesses", "NIST SP 800-63B-4 3.1.3.2"),
        (ASVS_L3, Limits(wrong_guesses=(Rate(5, HOUR),)), True, "unlimited_guesses", "ASVS 6.6.3"),
        (ASVS_L2, Limits(recipient_sends=(Rate(5, HOUR),)), True, "unlimited_sends", "ASVS 2.4.1"),
        (ASVS_L2, Limits(source_sends=(Rate(1_000, MINUTE), Rate(2_000, HOUR))), True, "unlimited_sends", "ASVS 2.4.1"),
    ],
)
def test_a_set_up_that_violates_its_profile_is_refused_by_clause_unless_there_is_a_reason(
    profile: Profile, limits: Limits, name: str, clause: str, *, durable: bool
) -> None:
    with pytest.raises(SettingsError) as refused:
        rules_of(profile, limits, {}, durable=durable)
    assert f"departures.{name}" == refused.value.setting
    assert clause in refused.value.detail
    assert profile.name in refused.value.detail

    (chosen,) = rules_of(profile, limits, {name: REASON}, durable=durable).chosen
    assert (name, clause, CHOICES[name], REASON) == chosen


def test_two_departures_want_two_reasons() -> None:
    limits = Limits(wrong_guesses=(), recipient_sends=())
    for one in ({}, {"unlimited_guesses": REASON}, {"unlimited_sends": REASON}):
        with pytest.raises(SettingsError):
            rules_of(ASVS_L2, limits, one, durable=True)

    both = rules_of(ASVS_L2, limits, {"unlimited_sends": REASON, "unlimited_guesses": REASON}, durable=True)
    assert ["unlimited_guesses", "unlimited_sends"] == [each.name for each in both.chosen]


@pytest.mark.parametrize("profile", [BALANCED, LEGACY], ids=["balanced", "legacy"])
def test_what_follows_no_standard_forbids_nothing_of_the_kind_and_lists_it(profile: Profile) -> None:
    chosen = rules_of(profile, Limits((), (), (), (), ()), {}, durable=False).chosen

    assert ["counters_in_memory", "unlimited_guesses", "unlimited_sends"] == [each.name for each in chosen]
    assert {"no clause of this profile"} == {each.clause for each in chosen}


@every_profile
def test_a_limit_that_is_tighter_in_one_of_its_rates_is_one(profile: Profile) -> None:
    limits = Limits(
        recipient_sends=(Rate(30, MINUTE), Rate(100, DAY)),
        source_sends=(Rate(1_000, MINUTE), Rate(1_000, HOUR)),
        wrong_guesses=(Rate(50, MINUTE), Rate(100, DAY)),
    )
    assert () == rules_of(profile, limits, {}, durable=True).chosen


@pytest.mark.parametrize(
    ("profile", "name"),
    [(BALANCED, "email_login"), (NIST, "late_email"), (NIST, "unlimited_guesses"), (ASVS_L2, "counters_in_memory")],
)
def test_a_reason_that_excuses_nothing_is_refused(profile: Profile, name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        rules_of(profile, Limits(), {name: REASON}, durable=True)
    assert f"departures.{name}" == refused.value.setting


@pytest.mark.parametrize("profile", [NIST, ASVS_L3], ids=["nist", "asvs5-l3"])
@pytest.mark.parametrize("purpose", ["login", "step_up"])
def test_email_signs_in_only_for_a_reason(profile: Profile, purpose: str) -> None:
    with pytest.raises(ChannelForbiddenError):
        rules_of(profile, Limits(), {}, durable=True).profile.rule("email", purpose)

    chosen = rules_of(profile, Limits(), {"email_login": REASON}, durable=True).profile
    assert (10 * MINUTE, 10 * MINUTE) == chosen.rule("email", purpose)
    assert (profile.attempts, profile.failure_ceiling) == (chosen.attempts, chosen.failure_ceiling)


@pytest.mark.parametrize("profile", [ASVS_L2, ASVS_L3], ids=["asvs5-l2", "asvs5-l3"])
def test_asvs_lets_no_code_live_longer_or_come_later_but_for_a_reason(profile: Profile) -> None:
    plain = rules_of(profile, Limits(), {}, durable=True).profile
    assert (10 * MINUTE, 10 * MINUTE, 0) == (*plain.rule("email", "recovery"), plain.skew)

    late = rules_of(profile, Limits(), {"late_email": REASON}, durable=True).profile
    assert (HOUR, DAY, 0) == (*late.rule("email", "recovery"), late.skew)

    skewed = rules_of(profile, Limits(), {"authenticator_skew": REASON}, durable=True).profile
    assert (10 * MINUTE, 1) == (skewed.rule("email", "recovery").lifetime, skewed.skew)


def test_a_reason_changes_no_profile_for_others() -> None:
    rules_of(NIST, Limits(), {"email_login": REASON}, durable=True)

    assert ("email", "login") not in NIST.table


def test_no_profile_of_a_standard_exceeds_its_figures() -> None:
    for profile in (NIST, ASVS_L2, ASVS_L3):
        assert (5, True) == (profile.attempts, profile.failure_ceiling <= 100)
        signing_in = [
            rule for (_, purpose), rule in profile.table.items() if purpose in {"login", "step_up", "binding"}
        ]
        assert all(rule.ceiling <= 10 * MINUTE for rule in signing_in)
    assert all(rule.ceiling <= 10 * MINUTE for each in (ASVS_L2, ASVS_L3) for rule in each.table.values())
    assert ASVS_L3.failure_ceiling == 20
    assert Rate(50, DAY) in Limits().wrong_guesses


def test_text_messages_are_served_for_the_profiles_purposes_and_only_where_there_is_an_operator_for_them() -> None:
    plain = rules_of(BALANCED, Limits(), {}, durable=True)
    with_texts = rules_of(BALANCED, Limits(), {}, durable=True, sms=SMS)

    assert not [channel for channel, _ in plain.profile.table if channel == "sms"]
    assert set(BALANCED.sms) == {purpose for channel, purpose in with_texts.profile.table if channel == "sms"}
    assert SMS is with_texts.sms
