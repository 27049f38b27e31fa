"""The README's commands do what it says: ``make serve`` from a checkout, its curl lines, its Python, its settings."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.test_tutorial import environment, run
from watchword.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    """The one block of that kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@contextmanager
def made_to_serve(folder: Path) -> Iterator[dict[str, Any]]:
    """Run ``make serve`` as the README does; gives what it prints about itself."""
    arguments = f"ARGS=--bind 127.0.0.1:0 --data {folder} --json"
    with (folder.parent / "log").open("wb") as errors:
        make = subprocess.Popen(
            ["make", "serve", arguments], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
    assert make.stdout is not None
    with make, make.stdout:
        try:
            lines = iter(make.stdout.readline, b"")
            yield json.loads(next(line for line in lines if line.startswith(b"{")))
        finally:
            os.killpg(make.pid, signal.SIGTERM)
            make.wait(30)


@pytest.mark.skipif(shutil.which("make") is None or shutil.which("curl") is None, reason="needs make and curl")
@pytest.mark.xdist_group("make")
def test_make_serve_and_the_lines_of_the_readme_send_and_check_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with made_to_serve(tmp_path / "data") as service:
        token = service["mailbox"].partition("#")[2]
        variables = {"URL": service["url"], "KEY": service["api_key"], "TOKEN": token}
        (printed,) = run(block("sh"), tmp_path, variables)
        assert json.loads(printed.splitlines()[-1])["status"] == "approved"

        names = Names(service, token, read=(tmp_path / "mail.txt").read_text())
        exec(compile(block("python"), "README.md", "exec"), {}, names)  # noqa: S102 - the page is ours
        assert names["asked"].watchword in capsys.readouterr().out


class Names(dict[str, Any]):
    """The names that the README's Python uses, with a person who reads the mail that was not ``read`` yet."""

    def __init__(self, service: dict[str, Any], token: str, *, read: str) -> None:
        super().__init__(url=service["url"], key=service["api_key"])
        self._latest = f"{service['url']}/mailbox/latest.txt"
        self._token = token
        self._read = read

    def __missing__(self, name: str) -> str:
        if name != "code_typed_by_the_person":
            raise KeyError(name)
        while (mail := self._mail()) == self._read:
            pass
        (code,) = re.findall(r"^[0-9]{6}$", mail, re.MULTILINE)
        return str(code)

    def _mail(self) -> str:
        return httpx.get(self._latest, headers={"Authorization": f"Bearer {self._token}"}).text


def test_the_settings_of_the_readme_are_settings(tmp_path: Path) -> None:
    exported = re.findall(r"(WATCHWORD_\w+)=('[^']*'|\S+)", PAGE)
    values = {name: value.strip("'") for name, value in exported}
    assert len(values) == 3
    secret = tmp_path / "smtp"
    secret.write_text("smtps://user:password@relay.example.org")
    values["WATCHWORD_SMTP"] = f"file:{secret}"
    settings = Settings.load(values)
    assert not settings.development


def test_the_readme_fits_two_screens() -> None:
    assert len(PAGE.splitlines()) <= 100
