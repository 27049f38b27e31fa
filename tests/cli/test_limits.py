"""``watchword limits``: for support, at the machine."""

from __future__ import annotations

import json
import os
import pwd
import subprocess

from tests.cli.conftest import Command
from tests.support.service import WATCHWORD, plain_environment
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
