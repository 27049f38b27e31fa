"""``watchword limits``: for support, at the machine."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.service import WATCHWORD, plain_environment
from tests.support.sms import ANN as NUMBER
from tests.support.sms import DUTIES
from watchword.bootstrap import prepare
from watchword.settings import Settings

ANN = "ann@example.com"


def a_shop(command: Command) -> None:
    """A data directory with a key file and an app."""
    prepare(Settings.load({}))
    assert 0 == command("app", "create", "Shop").code


def test_limits_are_shown_masked(command: Command) -> None:
    a_shop(command)
    ran = command("limits", "show", "Shop", ANN)

    assert 0 == ran.code
    assert "a***@example.com" == ran.out.splitlines()[0]
    assert ran.out.count("open") == 4
    assert ANN not in ran.out + ran.err


def test_of_a_number_the_budgets_are_shown_too(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text(DUTIES)
    monkeypatch.setenv("WATCHWORD_CONFIG", str(config))
    monkeypatch.setenv("WATCHWORD_SMS_GATEWAY", "https://ours:a-password@sms.example/send")
    a_shop(command)
    ran, told = command("limits", "show", "Shop", NUMBER), command("limits", "show", "Shop", NUMBER, "--json")

    assert "  budget   all apps      hour 0 of 20, day 0 of 100, month 0 of 1000" in ran.out.splitlines()
    budget = {"whose": "all apps", "window": "day", "spent": "0", "ceiling": "100"}
    assert budget in json.loads(told.out)["budgets"]
    assert "budget" not in command("limits", "show", "Shop", ANN).out


def test_a_reset_leaves_a_line_in_the_log_with_who_asked(command: Command) -> None:
    a_shop(command)
    ran = subprocess.run(
        [WATCHWORD, "limits", "reset", "Shop", ANN, "--json"],
        capture_output=True,
        check=True,
        env=plain_environment() | {"LOGNAME": "mallory", "USER": "mallory"},
    )

    assert {"recipient": "a***@example.com", "reset": True} == json.loads(ran.stdout)
    line = json.loads(ran.stderr)
    assert ("support.reset", "Shop", "a***@example.com") == (line["event"], line["app"], line["recipient"])
    assert pwd.getpwuid(os.getuid()).pw_name in line["by"]
    assert "mallory" not in line["by"]


def test_an_app_that_is_not_there_is_told(command: Command) -> None:
    a_shop(command)

    assert 1 == command("limits", "show", "Other", ANN).code


def test_what_is_no_recipient_is_told(command: Command) -> None:
    a_shop(command)

    assert 2 == command("limits", "reset", "Shop", "nobody").code
