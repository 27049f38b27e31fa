"""``watchword send`` and ``check`` before they reach a service; with one, they are in test_serve.py."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command
from watchword.cli import passcode

KEY = "wk_" + "a" * 43
SEND = ["send", "you@example.com", "--purpose", "login"]
CHECK = ["check", "vf_AZfM3kQAAS3mX0e1b9T5Aw", "--purpose", "login", "--to", "you@example.com"]


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the commands would have gone."""
    asked: list[str] = []

    def note(url: str, *_: object, **__: object) -> None:
        asked.append(url)

    monkeypatch.setattr(passcode, "send", note)
    monkeypatch.setattr(passcode, "check", note)
    return asked


@pytest.mark.parametrize("arguments", [SEND, CHECK], ids=["send", "check"])
def test_the_service_is_the_public_address_unless_another_is_given(
    command: Command, addresses: list[str], arguments: list[str]
) -> None:
    public = {"WATCHWORD_PUBLIC_URL": "https://codes.example.org"}

    assert 0 == command(*arguments).code
    assert 0 == command(*arguments, WATCHWORD_PUBLIC_URL="").code
    assert 0 == command(*arguments, **public).code
    assert 0 == command(*arguments, "--url", "http://localhost:1", **public).code
    assert ["http://127.0.0.1:8000"] * 2 + ["https://codes.example.org", "http://localhost:1"] == addresses


@pytest.mark.parametrize("arguments", [SEND, CHECK], ids=["send", "check"])
def test_a_purpose_that_is_none_is_refused_before_anything_is_read(
    command: Command, addresses: list[str], arguments: list[str]
) -> None:
    ran = command(*("signin" if word == "login" else word for word in arguments))

    assert (2, "", []) == (ran.code, ran.out, addresses)
    assert "--purpose" in ran.err
    assert "'login'" in ran.err


def test_what_is_no_key_is_told_without_a_programmers_words(command: Command) -> None:
    ran = command(*SEND, given="not a key\n")

    assert (2, "") == (ran.code, ran.out)
    told = "There is no API key on the first line of standard input: one begins with wk_."
    assert f"watchword: {told} --key-file names a file that holds one.\n" == ran.err


def test_a_code_is_not_taken_for_the_key_in_silence(command: Command) -> None:
    ran = command(*CHECK, given="271828\n")

    assert (2, "") == (ran.code, ran.out)
    assert "--key-file" in ran.err
    assert "271828" not in ran.err


@pytest.mark.parametrize("arguments", [["share", "hunter2"], [*SEND, "hunter2"], ["reveal", "a", "hunter2"]])
def test_what_is_too_much_on_a_command_line_is_not_repeated(command: Command, arguments: list[str]) -> None:
    ran = command(*arguments)

    assert (2, "") == (ran.code, ran.out)
    assert "standard input" in ran.err
    assert "hunter2" not in ran.err


def test_an_address_that_is_none_is_told_without_a_programmers_words(command: Command) -> None:
    ran = command(*SEND, "--url", "ftp://codes.example.org", given=KEY + "\n")

    assert (2, "") == (ran.code, ran.out)
    assert "_" not in ran.err
