"""Running the command: in this process for the many small cases, as a process of its own for the main ones."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from tests.support.relays import Relay, recording_relay
from tests.support.tls import Authority
from watchword.cli import main

COMMAND = [sys.executable, "-m", "watchword"]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its result, read as JSON."""
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        """Its complaint, read as JSON."""
        return json.loads(self.err)


Command = Callable[..., Ran]


def environment(**settings: str) -> dict[str, str]:
    """The environment of a command: ours without settings of whoever runs the tests."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WATCHWORD_")}
    return kept | {"PYTHONWARNINGS": "error"} | settings


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run one command in this process, in a folder and an environment of its own."""
    for name in list(os.environ):
        if name.startswith("WATCHWORD_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, given: str = "", **settings: str) -> Ran:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), "utf-8", newline=""))
            for name, text in settings.items():
                patch.setenv(name, text)
            with pytest.raises(SystemExit) as caught:
                main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Ran(caught.value.code, out, err)

    return run


class Serving:
    """A ``watchword serve`` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder = folder
        self._log = folder / "serve.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--bind", "127.0.0.1:0", "--json", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(**settings),
                cwd=folder,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log
        self.welcome: dict[str, Any] = json.loads(line)

    @property
    def log(self) -> str:
        """Everything on its standard error so far."""
        return self._log.read_text()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON, whole ones: what is read may end in the middle of one."""
        return [json.loads(line) for line in self.log.rpartition("\n")[0].splitlines() if line.startswith("{")]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; returns its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end."""
        with self.process:
            return self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start services; whatever still runs afterwards is ended."""
    started: list[Serving] = []

    def begin(*arguments: str, **settings: str) -> Serving:
        started.append(Serving(tmp_path, *arguments, **settings))
        return started[-1]

    yield begin
    for serving in started:
        if serving.process.poll() is None:
            serving.process.kill()
            serving.wait()


class Post:
    """A relay on a loop in a thread of its own, for commands that block."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running = recording_relay(self.authority.valid(), login=("ann", "s3cret"))
        self.relay: Relay = self._do(self._running.__aenter__())

    @property
    def settings(self) -> dict[str, str]:
        """What points a service at this relay."""
        return {
            "WATCHWORD_SMTP": self.relay.url("ann", "s3cret"),
            "WATCHWORD_SMTP_CA": str(self.authority.ca_file),
            "WATCHWORD_MAIL_FROM": "Acme <codes@acme.example>",
        }

    def code(self) -> str:
        """The code in the first message, once it is there."""
        self._do(self.relay.until(lambda: bool(self.relay.messages)))
        text = message_from_bytes(self.relay.messages[0].content, policy=default).get_body(("plain",))
        assert isinstance(text, EmailMessage)
        found = re.search(r"^(\d{6})\r?$", text.get_content(), re.MULTILINE)
        assert found
        return found[1]

    def close(self) -> None:
        """End relay, loop and thread."""
        self._do(self._running.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(90)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A relay that takes everything over TLS."""
    running = Post(tmp_path)
    yield running
    running.close()
