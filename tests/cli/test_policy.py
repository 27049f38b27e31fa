"""``watchword doctor --policy``, and a service that does not start against its own policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.sms import DUTIES
from watchword.core.policy import PROFILES

REASON = "Mailboxes are ours and need a passkey; accepted in RA-2026-12."


def a_file(folder: Path, text: str) -> str:
    path = folder / "watchword.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_departure_of_a_profile_is_printed(command: Command, profile: str) -> None:
    printed = command("doctor", "--policy", WATCHWORD_PROFILE=profile)

    assert 0 == printed.code
    assert printed.out.startswith(f"profile {profile}\n")
    assert PROFILES[profile].claim in printed.out
    assert all(f"  {clause}: {text}" in printed.out for clause, text in PROFILES[profile].departures.items())
    assert "compliant" not in printed.out


def test_a_chosen_departure_is_printed_with_its_clause_and_reason(command: Command, tmp_path: Path) -> None:
    settings = {
        "WATCHWORD_PROFILE": "nist-63b-4",
        "WATCHWORD_CONFIG": a_file(tmp_path, f"[departures]\nemail_login = '{REASON}'\n"),
    }

    printed = command("doctor", "--policy", **settings)
    looked = command("doctor", **settings)

    text = f"NIST SP 800-63B-4 3.1.3.1: Codes by email serve login and step-up. Reason: {REASON}"
    assert text in printed.out
    assert f"you depart from {text}" in looked.out
    document = command("doctor", "--policy", "--json", **settings).document
    assert [("email_login", REASON)] == [(each["name"], each["reason"]) for each in document["chosen"]]
    assert {"channel": "email", "purpose": "login", "lifetime": 600, "ceiling": 600} in document["channels"]


def test_the_document_holds_the_odds_and_what_is_refused(command: Command) -> None:
    document = command("doctor", "--policy", "--json", WATCHWORD_PROFILE="asvs5-l3").document

    assert {"channel": "email", "purpose": "login", "lifetime": None, "ceiling": None} in document["channels"]
    assert {"channel": "sms", "purpose": "login", "lifetime": None, "ceiling": None} in document["channels"]
    assert document["odds"][0] == {
        "attack": "one verification",
        "guesses": 5,
        "probability": pytest.approx(5e-6, rel=0.01),
    }
    assert [] == document["chosen"]
    # One for all profiles: no longer than the minute that ASVS 10.4.3 has for level 3.
    assert {"handoff": 60, "elsewhere": ["login", "step_up", "address_confirmation"]} == document["links"]


def test_without_a_budget_the_odds_say_so(command: Command, tmp_path: Path) -> None:
    printed = command("doctor", "--policy", WATCHWORD_CONFIG=a_file(tmp_path, "[limits]\nwrong_guesses = ''\n"))

    assert "  1.0e+00  one recipient of one app, a day (guesses without limit)\n" in printed.out


@pytest.mark.parametrize(
    ("profile", "text", "clause"),
    [
        ("nist-63b-4", "[limits]\nwrong_guesses = ''\n", "NIST SP 800-63B-4 3.1.3.2"),
        ("asvs5-l2", "[limits]\nrecipient_sends = ''\n", "ASVS 2.4.1"),
        ("asvs5-l3", "[departures]\nunlimited_sends = 'There is no such thing here at all.'\n", "asvs5-l3"),
    ],
)
def test_a_set_up_against_its_profile_does_not_start(
    command: Command, tmp_path: Path, profile: str, text: str, clause: str
) -> None:
    settings = {"WATCHWORD_PROFILE": profile, "WATCHWORD_CONFIG": a_file(tmp_path, text)}

    for arguments in (("serve", "--bind", "127.0.0.1:0"), ("doctor", "--policy")):
        refused = command(*arguments, **settings)
        assert 2 == refused.code
        assert clause in refused.err
        assert "departures." in refused.err
    assert not Path("watchword-data").exists()


def test_a_store_that_forgets_is_refused_by_a_profile_that_counts(command: Command) -> None:
    refused = command("serve", "--bind", "127.0.0.1:0", WATCHWORD_PROFILE="nist-63b-4", WATCHWORD_STORE="memory")

    assert 2 == refused.code
    assert "NIST SP 800-63B-4 3.2.2" in refused.err


@pytest.mark.parametrize("reason", ["'yes'", r'"two\nlines of a reason that is long enough"', "7", "true", "'   '"])
def test_a_reason_is_a_sentence(command: Command, tmp_path: Path, reason: str) -> None:
    config = a_file(tmp_path, f"[departures]\nemail_login = {reason}\n")

    refused = command("doctor", "--policy", WATCHWORD_PROFILE="nist-63b-4", WATCHWORD_CONFIG=config)

    assert 2 == refused.code
    assert "departures.email_login must be your reason" in refused.err


def test_a_departure_that_is_misspelt_is_an_error(command: Command, tmp_path: Path) -> None:
    config = a_file(tmp_path, f"[departures]\nemail_logins = '{REASON}'\n")

    refused = command("doctor", "--policy", WATCHWORD_PROFILE="nist-63b-4", WATCHWORD_CONFIG=config)

    assert (2, True) == (refused.code, "Did you mean departures.email_login?" in refused.err)


def test_the_duties_of_sms_are_listed_where_somebody_took_them_on(command: Command, tmp_path: Path) -> None:
    assert "off: nobody took on its duties" in command("doctor", "--policy").out
    told = command(
        *("doctor", "--policy"),
        WATCHWORD_CONFIG=a_file(tmp_path, DUTIES),
        WATCHWORD_SMS_GATEWAY="https://u:hunter2@sms.acme.example",
    )

    for duty in ("RA-2026-14", "away-from-sms", "2026-11", "AT, DE"):
        assert duty in told.out
    assert "hunter2" not in told.out + told.err
