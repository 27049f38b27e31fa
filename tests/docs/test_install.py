"""What the page on installing says to type in a checkout makes an app and serves, behind a relay on verified TLS."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Post
from tests.docs.test_readme import end
from tests.docs.test_tutorial import environment
from tests.support.needs import needs
from watchword.client import Client

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")

# No test reaches beyond this machine: doctor is told that nobody answers its questions about the domain.
NO_DNS = """
import dns.resolver
def resolve(*_, **__):
    raise dns.resolver.NoNameservers
dns.resolver.resolve = resolve
"""


def production() -> str:
    """The lines that serve from a checkout, as they are typed."""
    (found,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return "".join(line.removeprefix("$ ") for line in str(found).splitlines(keepends=True))


@contextmanager
def in_production(folder: Path, post: Post) -> Iterator[Iterator[str]]:
    """Type these lines, with the secret file and the relay that a test has; gives what it prints."""
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
def test_the_lines_for_a_checkout_make_an_app_look_around_and_serve(tmp_path: Path, post: Post) -> None:
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
