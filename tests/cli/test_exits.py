"""Every error has an exit code, and main turns whatever happens into one sentence and a code."""

from __future__ import annotations

import inspect
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Command, environment
from watchword import errors
from watchword.cli import exits
from watchword.cli.commands import commands
from watchword.errors import DeliveryError, MismatchError, RateLimitedError, SettingsError, WatchwordError

COMMANDS = [
    f"watchword {name} {inner}".strip()
    for name, command in getattr(commands, "commands").items()  # noqa: B009 (a group's, which its type does not tell)
    for inner in getattr(command, "commands", [""])
]


def classes() -> list[type[WatchwordError]]:
    found = [thing for _, thing in inspect.getmembers(errors, inspect.isclass) if issubclass(thing, WatchwordError)]
    assert len(found) > 20
    return found


def test_every_error_has_a_row_and_every_row_is_an_error() -> None:
    assert set(classes()) == set(exits.EXITS)


def test_every_code_has_a_meaning() -> None:
    assert set(exits.EXITS.values()) <= set(exits.MEANING)


def test_no_error_exits_as_if_all_were_well() -> None:
    assert exits.OK not in exits.EXITS.values()


def test_a_child_of_a_known_error_exits_like_its_parent() -> None:
    class OtherError(SettingsError):
        pass

    assert exits.USAGE == exits.code_of(OtherError())


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MismatchError(attempts_remaining=3), 1, "Reason: mismatch. Tries left: 3."),
        (RateLimitedError(retry_after=30), 3, "Try again in 30 s."),
        (DeliveryError(reason="refused"), 4, "Nothing was lost"),
        (SettingsError("It must be set.", setting="WATCHWORD_SMTP"), 2, "(WATCHWORD_SMTP)"),
        (SettingsError("It must be another.", setting="base_url"), 2, "another.\n"),
    ],
)
def test_an_error_is_one_sentence_and_a_code(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: WatchwordError, code: int, words: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("watchword.cli.keys.show", fail)

    ran = command("keys", "list")
    assert (code, "") == (ran.code, ran.out)
    assert words in ran.err
    assert 1 == ran.err.count("\n")


def test_with_json_an_error_is_a_problem_document(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MismatchError(attempts_remaining=0)

    monkeypatch.setattr("watchword.cli.keys.show", fail)

    ran = command("keys", "list", "--json")
    expected = {
        "code": "not_accepted",
        "detail": "The code was not accepted.",
        "reason": "mismatch",
        "attempts_remaining": 0,
    }
    assert expected == ran.problem
    assert "" == ran.out


def test_an_interrupt_exits_quietly(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("watchword.cli.keys.show", interrupt)

    ran = command("keys", "list")
    assert (130, "") == (ran.code, ran.out)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_nobody_foresaw_is_no_refusal(command: Command, monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("watchword.cli.keys.show", fail)

    ran = command("keys", "list", *more)
    assert (5, "") == (ran.code, ran.out)
    told = ran.problem["detail"] if more else ran.err.splitlines()[-1]
    assert "A fault in Watchword itself, please report it: RuntimeError at test_exits.py:" in told
    assert ("Traceback" in ran.err) != bool(more)


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["serve", "--workers", "0"],
        ["serve", "--workers", "x"],
        ["app", "create"],
        ["check"],
        ["keys", "list", "x"],
    ],
)
def test_a_wrong_command_line_is_told_and_exits_2(command: Command, arguments: list[str]) -> None:
    ran = command(*arguments)

    assert (2, "") == (ran.code, ran.out)
    assert ran.err.startswith("watchword: ")
    assert "Traceback" not in ran.err


def test_a_wrong_command_line_is_a_problem_document_with_json(command: Command) -> None:
    assert "invalid" == command("app", "create", "--json").problem["code"]


def test_help_is_a_result(command: Command) -> None:
    ran = command("--help")

    assert 0 == ran.code
    assert "doctor" in ran.out
    assert "" == ran.err


@pytest.mark.parametrize("arguments", [[], ["app"], ["keys"]])
def test_a_command_that_needs_another_word_shows_help_as_if_asked_for_it(
    command: Command, arguments: list[str]
) -> None:
    ran = command(*arguments)

    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith("Usage: watchword")
    assert command(*arguments, "--help") == ran


def test_help_that_nobody_reads_is_no_trace(tmp_path: Path) -> None:
    line = f"{shlex.join(COMMAND)} app | true"

    ran = subprocess.run(["sh", "-c", line], env=environment(), cwd=tmp_path, capture_output=True, check=True)
    assert b"" == ran.stdout + ran.stderr


def test_the_version_is_the_packages(command: Command) -> None:
    ran = command("--version")

    assert (0, f"{version('watchword')}\n", "") == (ran.code, ran.out, ran.err)


@pytest.mark.parametrize("name", COMMANDS)
def test_usage_names_arguments_plainly(command: Command, name: str) -> None:
    ran = command(*name.split()[1:], "--help")

    assert not set("{}") & set(ran.out)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("send ann@example.com", "Missing option '--purpose'. Choose from: login, step_up,"),
        ("send ann@example.com --purpose logon", "Invalid value for '--purpose': 'logon' is not one of 'login', "),
        ("share --views some", "Invalid value for '--views': 'some' is not a whole number."),
        ("share --views 0", "Invalid value for '--views': 0 is not a number from 1 to 100."),
    ],
)
def test_a_wrong_word_is_named_in_a_sentence(command: Command, line: str, said: str) -> None:
    ran = command(*line.split())

    assert 2 == ran.code
    assert ran.err.startswith(f"watchword: {said}")
    assert f"`watchword {line.split(maxsplit=1)[0]} --help` shows what there is." == ran.err.splitlines()[1]


def test_a_wrong_word_of_a_command_below_another_points_at_the_help_of_that_one(command: Command) -> None:
    ran = command("limits", "show", "ann@example.com")

    assert "`watchword limits show --help` shows what there is." == ran.err.splitlines()[1]


@pytest.mark.parametrize("group", ["", "app", "totp", "keys", "limits"])
def test_no_line_of_a_list_of_commands_is_cut_off(command: Command, group: str) -> None:
    _usage, *lines = command(*group.split(), "--help").out.splitlines()

    assert [] == [line for line in lines if line.endswith("...")]


def test_a_settings_file_that_is_not_there_is_named(command: Command) -> None:
    ran = command("doctor", WATCHWORD_CONFIG="nowhere.toml")

    assert "nowhere.toml, cannot be read: No such file or directory." in ran.out + ran.err


def test_an_unknown_setting_stops_every_command(command: Command) -> None:
    ran = command("app", "list", WATCHWORD_BNID="127.0.0.1:1")

    assert 2 == ran.code
    assert "Did you mean WATCHWORD_BIND?" in ran.err
