"""The README's commands do what it says: ``make serve`` from a checkout, its curl lines, its Python, production."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Post
from tests.docs.test_tutorial import environment, run
from tests.support.needs import needs
from watchword.client import Client

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    """The one block of that kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process with everything it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


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
            end(make)


@needs("make", "curl")
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


# --- in production ---------------------------------------------------------------------------------

# No test reaches beyond this machine: doctor is told that nobody answers its questions about the domain.
NO_DNS = """
import dns.resolver
def resolve(*_, **__):
    raise dns.resolver.NoNameservers
dns.resolver.resolve = resolve
"""


def production() -> str:
    """The lines of the production block, as they are typed."""
    section = PAGE.partition("## In production\n")[2]
    (found,) = re.findall(r"^```console\n(.*?)^```$", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    return "".join(line.removeprefix("$ ") for line in str(found).splitlines(keepends=True))


@contextmanager
def in_production(folder: Path, post: Post) -> Iterator[Iterator[str]]:
    """Type the production block, with the secret file and the relay that a test has; gives what it prints."""
    secret = folder / "smtp"
    secret.write_text(post.settings["WATCHWORD_SMTP"])
    (folder / "sitecustomize.py").write_text(NO_DNS)
    variables = {
        "WATCHWORD_BIND": "127.0.0.1:0",
        "WATCHWORD_DATA": str(folder / "data"),
        "WATCHWORD_SMTP_CA": post.settings["WATCHWORD_SMTP_CA"],
        "PYTHONPATH": str(folder),
        "PYTHONUNBUFFERED": "1",
    }
    script = production()
    assert "file:/run/secrets/smtp" in script
    script = script.replace("/run/secrets/smtp", str(secret))
    with (folder / "log").open("wb") as errors:
        shell = subprocess.Popen(
            ["sh", "-eu", "-c", script], cwd=ROOT, env=environment() | variables, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
    assert shell.stdout is not None
    with shell, shell.stdout:
        try:
            yield (line.decode() for line in iter(shell.stdout.readline, b""))
        finally:
            end(shell)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A relay on verified TLS."""
    running = Post(tmp_path)
    yield running
    running.close()


@needs("make")
@pytest.mark.xdist_group("make")
def test_the_production_block_makes_an_app_looks_around_and_serves(tmp_path: Path, post: Post) -> None:
    with in_production(tmp_path, post) as lines:
        said = []
        for line in lines:
            said.append(line)
            if "listens on" in line:
                break
        text = "".join(said)
        assert "listens on" in text, text + (tmp_path / "log").read_text()
        assert text.endswith("is reached at https://codes.example.org.\n")
        (key,) = re.findall(r"^wk_\S{43}$", text, re.MULTILINE)
        assert re.search(r"^ok +relay +localhost", text, re.MULTILINE)
        assert not re.search(r"^error", text, re.MULTILINE)

        (url,) = re.findall(r"listens on (\S+)", text)
        with Client(url, key) as watchword:
            asked = watchword.create(to="you@example.com", purpose="login")
            assert "approved" == watchword.check(asked.id, post.code(), purpose="login", to="you@example.com").status
        (message,) = post.relay.messages
        assert (message.sender, message.encrypted) == ("codes@example.org", True)


def test_the_readme_fits_two_screens() -> None:
    assert len(PAGE.splitlines()) <= 100
