"""deploy/: the unit and its settings fit this version, and keep apart what must lie apart."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from watchword.cli.commands import commands
from watchword.cli.exits import USAGE
from watchword.cli.serve import GRACE
from watchword.settings import Settings
from watchword.settings_table import ENVIRONMENT

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "deploy" / "watchword.service").read_text()
VARIABLES = (ROOT / "deploy" / "watchword.env").read_text()
PAGE = (ROOT / "docs" / "how-to" / "install.md").read_text()
STATE = Path("/var/lib")


def directives() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE):
        found.setdefault(name, []).append(text)
    return found


def variables(text: str) -> dict[str, str]:
    return {name: shlex.split(value)[0] for name, value in re.findall(r"^(\w+)=(.+)$", text, re.MULTILINE)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What the service reads under the unit, with a credential as root would have written it."""
    (tmp_path / "smtp").write_text("smtps://user:password@relay.example.org\n")
    given = variables(VARIABLES) | variables("\n".join(directives()["Environment"]))
    return Settings.load({name: value.replace("%d", str(tmp_path)) for name, value in given.items()})


def test_every_setting_of_the_unit_is_one_and_they_make_a_production_service(settings: Settings) -> None:
    assert not settings.development
    assert "https://codes.example.org" == settings.server.public_url


def test_no_setting_is_given_twice_and_no_secret_is_written_down() -> None:
    known = {setting.name for setting in ENVIRONMENT}
    beside, inside = variables(VARIABLES), variables("\n".join(directives()["Environment"]))

    assert beside.keys() | inside.keys() <= known
    assert {"WATCHWORD_SMTP"} == set(inside)
    assert "WATCHWORD_SMTP" not in beside
    assert "smtps:" not in UNIT + VARIABLES


def test_the_relays_password_is_a_credential() -> None:
    ((name, _, path),) = (text.partition(":") for text in directives()["LoadCredential"])

    assert [f"WATCHWORD_SMTP=file:%d/{name}"] == directives()["Environment"]
    assert f"install -m 0600 /dev/null {path}" in PAGE


def test_database_and_key_file_lie_in_the_two_directories_that_the_unit_makes(settings: Settings) -> None:
    made = {STATE / name for name in directives()["StateDirectory"][0].split()}

    assert settings.storage.database is not None
    assert made == {settings.storage.database.parent, settings.storage.key_file.parent}
    assert 2 == len(made)


@pytest.mark.parametrize("unit", ["watchword", "watchword-courier"])
def test_the_command_of_a_unit_is_one(unit: str) -> None:
    text = (ROOT / "deploy" / f"{unit}.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    path, name, *options = line.split()
    serve: Any = getattr(commands, "commands")[name]  # noqa: B009 (a group's, which its type does not tell)

    assert Path(path).parent.parent == Path("/opt/watchword")
    assert f"python3 -m venv {Path(path).parent.parent}" in PAGE
    known = {option for parameter in serve.params for option in parameter.opts}
    assert {option for option in options if option.startswith("--")} <= known


def test_the_unit_stops_reloads_and_gives_up_as_the_service_does() -> None:
    unit = directives()

    assert int(unit["TimeoutStopSec"][0]) >= 2 * GRACE  # requests and messages at once, and as long again to let go
    assert f"after {unit['TimeoutStopSec'][0]} seconds systemd ends" in PAGE
    assert ["/bin/kill -HUP $MAINPID"] == unit["ExecReload"]
    assert [str(USAGE)] == unit["RestartPreventExitStatus"]
    assert ["watchword"] == unit["User"]
    assert "useradd --system" in PAGE


@pytest.mark.parametrize("name", ["watchword", "watchword-courier"])
def test_a_unit_is_started_again_for_as_long_as_what_it_needs_is_away(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string((ROOT / "deploy" / f"{name}.service").read_text())

    # By default systemd gives up for good after five starts in ten seconds. A database takes longer to come back.
    assert "0" == unit["Unit"]["StartLimitIntervalSec"]
    assert "on-failure" == unit["Service"]["Restart"]
    assert int(unit["Service"]["RestartSec"]) >= 2
    assert str(USAGE) == unit["Service"]["RestartPreventExitStatus"]  # where a start changes nothing, it does give up


def test_the_page_puts_every_file_where_the_unit_looks_for_it() -> None:
    placed = dict(re.findall(r"^install -m 0644 (deploy/\S+) (\S+)$", PAGE, re.MULTILINE))

    # What else lies there has a page and tests of its own (tests/docs/test_deploy.py).
    assert {"deploy/watchword.service", "deploy/watchword.env"} == set(placed)
    assert [placed["deploy/watchword.env"]] == directives()["EnvironmentFile"]


def test_the_page_looks_around_with_what_the_unit_has(command: Command) -> None:
    (line,) = re.findall(r"^(systemd-run (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    words = shlex.split(line.replace("\\\n", " "))
    given = dict(word.removeprefix("--property=").split("=", 1) for word in words if word.startswith("--property="))

    assert {name: directives()[name] for name in given} == {name: [text] for name, text in given.items()}
    assert ["/opt/watchword/bin/watchword", "doctor"] == words[-2:]
    (unit,) = [word.partition("=")[2] for word in words if word.startswith("--unit=")]
    assert f"--setenv=WATCHWORD_SMTP=file:/run/credentials/{unit}.service/smtp" in words
    assert 0 == command("doctor", "--help").code
