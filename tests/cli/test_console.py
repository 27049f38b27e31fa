"""Reading secrets and printing results: from a file, from standard input, at a terminal without being shown."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from watchword.cli import console
from watchword.errors import InvalidInputError, RateLimitedError, UnavailableError


class Terminal(io.StringIO):
    """Standard input with a person behind it."""

    def isatty(self) -> bool:
        return True


def test_a_secret_is_one_line_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("wk_x\r\n123456"))

    assert ("wk_x", "123456") == (console.secret("API key"), console.secret("code"))


def test_at_a_terminal_a_secret_is_asked_for_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def ask(prompt: str, stream: object) -> str:
        asked.append((prompt, stream is sys.stderr))
        return "123456"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(console, "getpass", ask)

    assert "123456" == console.secret("code")
    assert [("Code (not shown): ", True)] == asked
    assert ("", "") == capsys.readouterr()


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("wk_x\n")

    assert "wk_x" == console.secret("API key", tmp_path / "key")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    with pytest.raises(InvalidInputError):
        console.secret("API key", tmp_path / "key")


def test_a_result_is_text_or_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    console.result("text\x1b[2J", {"a": "\u202e"}, as_json=False)
    console.result("text", {"a": "\u202e"}, as_json=True)

    assert 'text\\x1b[2J\n{"a": "\\u202e"}\n' == capsys.readouterr().out


def test_a_document_says_a_wait_once_and_what_the_network_said_of_a_service() -> None:
    away = UnavailableError("It cannot be reached.")
    away.aside = "https://codes.example, Connection refused"

    assert "aside" not in console.problem(RateLimitedError(retry_after=7))
    assert away.aside == console.problem(away)["aside"]
