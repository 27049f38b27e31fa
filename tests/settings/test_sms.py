"""SMS is switched on by its duties, all of them, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sms import DUTIES, SMS
from watchword.core.budget import Budget
from watchword.core.guard import GuardRules
from watchword.core.instant import DAY, HOUR
from watchword.core.limit import Rate
from watchword.errors import SettingsError
from watchword.settings import Settings

GATEWAY = {"WATCHWORD_SMS_GATEWAY": "https://watchword:hunter2@sms.acme.example/cgi-bin/sendsms"}


def loaded(folder: Path, text: str = DUTIES, **environment: str) -> Settings:
    config = folder / "watchword.toml"
    config.write_text(text, encoding="utf-8")
    return Settings.load({"WATCHWORD_CONFIG": str(config), **GATEWAY, **environment})


def refused(folder: Path, text: str, **environment: str) -> SettingsError:
    with pytest.raises(SettingsError) as error:
        loaded(folder, text, **environment)
    assert "hunter2" not in error.value.detail
    return error.value


def without(key: str) -> str:
    return "\n".join(line for line in DUTIES.splitlines() if not line.startswith(f"{key} "))


def test_without_the_section_there_is_no_sms(tmp_path: Path) -> None:
    rules = loaded(tmp_path, "").rules

    assert rules.sms is None
    assert not any(channel == "sms" for channel, _ in rules.profile.table)


def test_with_all_duties_taken_on_there_is(tmp_path: Path) -> None:
    rules = loaded(tmp_path).rules

    assert rules.sms is not None
    assert SMS.countries == rules.sms.countries
    assert {"DE": 80_000, "AT": 60_000} == rules.sms.prices
    assert GuardRules("enforce", Budget(), Budget(20_000_000, 100_000_000, 1_000_000_000)) == rules.sms.guard
    assert ("sms", "login") in rules.profile.table


@pytest.mark.parametrize(
    "duty",
    ["notice", "notice_version", "risk_assessment", "migration_plan", "alternative", "providers", "sender", "budget"],
)
def test_a_duty_that_is_missing_is_named(tmp_path: Path, duty: str) -> None:
    assert f"sms.{duty}" == refused(tmp_path, without(duty)).setting


def test_countries_may_be_left_out_and_then_there_are_none(tmp_path: Path) -> None:
    rules = loaded(tmp_path, without("countries")).rules

    assert rules.sms is not None
    assert not rules.sms.countries


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ('countries = ["FR"]', "sms.countries"),
        ('countries = ["de"]', "sms.countries"),
        ('countries = "DE"', "sms.countries"),
        ("prices = { DE = 0.08, AT = '0.06' }", "sms.prices.DE"),
        ("prices = { DE = '-1', AT = '0.06' }", "sms.prices.DE"),
        ("prices = { DE = '0', AT = '0.06' }", "sms.prices.DE"),
        ("prices = { DE = 'NaN', AT = '0.06' }", "sms.prices.DE"),
        ("prices = { DE = '0.00000001', AT = '0.06' }", "sms.prices.DE"),
        ("prices = 7", "sms.prices"),
        ("budget = { hour = '1', day = '2' }", "sms.budget"),
        ("budget = { hour = '1', day = '2', week = '3' }", "sms.budget"),
        ("budget = '20'", "sms.budget"),
        ("providers = []", "sms.providers"),
        ('providers = ["pigeon"]', "sms.providers"),
        ('providers = ["gateway", "gateway"]', "sms.providers"),
        ('providers = ["twilio"]', "WATCHWORD_SMS_TWILIO"),
        ('sender = "a name that is too long"', "sms.sender"),
        ('notice_version = "two words"', "sms.notice_version"),
        ('alternative = "pigeon"', "sms.alternative"),
        ('notice = "%s"' % ("x" * 3_000), "sms.notice"),
    ],
)
def test_a_duty_that_cannot_be_read_is_named(tmp_path: Path, line: str, setting: str) -> None:
    text = without(line.partition(" ")[0]) + f"\n{line}\n"

    assert setting == refused(tmp_path, text).setting


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ('guard = "off"', "sms.guard"),
        ('gateway_form = "soap"', "sms.gateway_form"),
        ('hosts = { Acme = "https://acme.example" }', "sms.hosts"),
        ('hosts = ["acme.example"]', "sms.hosts"),
        ('number_sends = "many"', "sms.number_sends"),
        ("notices = 'x'", "sms.notices"),
    ],
)
def test_what_is_optional_is_read_as_strictly(tmp_path: Path, line: str, setting: str) -> None:
    assert setting == refused(tmp_path, f"{DUTIES}\n{line}\n").setting


def test_one_key_asks_for_all_of_them(tmp_path: Path) -> None:
    assert "sms.notice" == refused(tmp_path, "[sms]\nguard = 'monitor'\n").setting


def test_level_three_has_no_sms_and_says_by_which_clause(tmp_path: Path) -> None:
    error = refused(tmp_path, DUTIES, WATCHWORD_PROFILE="asvs5-l3")

    assert "ASVS 6.6.1" in error.detail


@pytest.mark.parametrize(("profile", "allowed"), [("balanced", True), ("asvs5-l2", True), ("nist-63b-4", False)])
def test_email_is_an_alternative_where_the_profile_has_it_for_login(
    tmp_path: Path, profile: str, allowed: bool
) -> None:
    text = DUTIES.replace('"authenticator"', '"email"')
    if allowed:
        assert loaded(tmp_path, text, WATCHWORD_PROFILE=profile).rules.sms is not None
    else:
        error = refused(tmp_path, text, WATCHWORD_PROFILE=profile)
        assert "NIST SP 800-63B-4 3.1.3.1" in error.detail


def test_rates_monitoring_and_hosts_are_read(tmp_path: Path) -> None:
    more = (
        'guard = "monitor"\nnetwork_sends = "5/h, 9/d"\nhosts = { Shop = "shop.example" }\napp_budget = { day = "5" }\n'
    )
    rules = loaded(tmp_path, f"{DUTIES}\n{more}").rules

    assert rules.sms is not None
    assert ("monitor", Budget(day=5_000_000)) == rules.sms.guard[:2]
    assert (Rate(5, HOUR), Rate(9, DAY)) == rules.sms_limits.network_sends
    assert {"Shop": "shop.example"} == rules.sms.hosts


def test_addresses_of_providers_are_shown_nowhere(tmp_path: Path) -> None:
    assert "hunter2" not in repr(loaded(tmp_path))
