"""The tutorial runs: its shell lines against a real ``watchword serve``, its answers beside the real ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.needs import needs

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-passcode.md"
END = "--- end of block ---"

_BLOCK = re.compile(r"(<!-- given by the test -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run; everything else in an answer of the page is exactly what comes.
VARIES = {"id", "watchword", "at", "created_at", "expires_at", "resend_at"}


def environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("WATCHWORD_")}


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the service on a port of the system's choice; gives what it says about itself."""
    command = [sys.executable, "-m", "watchword", "serve", "--bind", "127.0.0.1:0", "--data", str(folder), "--json"]
    errors = (folder.parent / "log").open("wb")
    with errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment()) as server:
        assert server.stdout is not None
        try:
            said = b""
            while not said.endswith(b"}\n"):
                line = server.stdout.readline()
                assert line, (folder.parent / "log").read_text()
                said += line
            yield json.loads(said)
        finally:
            server.terminate()
            server.wait(60)


def blocks() -> list[tuple[str, str]]:
    """Kind and text of each block that is run or compared. The one with the reader's own values is left out."""
    found = [match.groups() for match in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    return [(kind, text) for given, kind, text in found if not given and kind in {"sh", "json"}]


def run(script: str, folder: Path, variables: dict[str, str]) -> list[str]:
    """Run a script in a POSIX shell that stops at the first failure, and return what each block printed."""
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout.split(END + "\n")


def alike(shown: Any, real: Any, name: str = "") -> bool:
    """Whether a real answer is the one that the page shows, but for what varies."""
    if isinstance(shown, dict) and isinstance(real, dict):
        return list(shown) == list(real) and all(alike(shown[key], real[key], key) for key in shown)
    if isinstance(shown, list) and isinstance(real, list):
        return len(shown) == len(real) and all(map(alike, shown, real))
    return type(shown) is type(real) and (name in VARIES or shown == real)


@needs("curl")
def test_every_line_of_the_tutorial_does_what_the_page_says(tmp_path: Path) -> None:
    page = blocks()
    lines = [text for kind, text in page if kind == "sh"]
    with serving(tmp_path / "data") as service:
        token = service["mailbox"].partition("#")[2]
        variables = {"URL": service["url"], "KEY": service["api_key"], "TOKEN": token}
        printed = run("".join(f"{text}\necho '{END}'\n" for text in lines), tmp_path, variables)

    answered = iter(printed)
    latest, compared = "", 0
    for kind, text in page:
        if kind == "sh":
            latest = next(answered)
            continue
        compared += 1
        assert alike(json.loads(text), json.loads(latest)), f"the page shows\n{text}\nand what came is\n{latest}"
    assert compared == 5
    assert "\n" in printed[2]
    assert re.search(r"^[0-9]{6}$", printed[2], re.MULTILINE)


def test_no_block_of_the_tutorial_escapes_the_test() -> None:
    kinds = re.findall(r"^```(\w+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {"console", "sh", "json"} == set(kinds)
    assert kinds.count("sh") == 1 + sum(kind == "sh" for kind, _ in blocks())


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 failed")])
def test_without_curl_the_tutorial_is_left_out_at_a_desk_and_fails_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / "sh").symlink_to(shell)
    name = f"{Path(__file__)}::{test_every_line_of_the_tutorial_does_what_the_page_says.__name__}"
    ours = {key: text for key, text in environment().items() if not key.startswith("PYTEST_")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", name],
        cwd=ROOT,
        env=ours | {"PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert outcome in ran.stdout.splitlines()[-1]
    assert ("curl: not found" in ran.stdout) == bool(ci)
