"""The README's commands do what it says, its figures are the measured ones, and it is short."""

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

import pytest

from tests.docs.test_tutorial import environment, run
from tests.support.needs import needs

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
def test_make_serve_and_the_lines_of_the_readme_send_and_check_a_code(tmp_path: Path) -> None:
    with made_to_serve(tmp_path / "data") as service:
        token = service["mailbox"].partition("#")[2]
        variables = {"URL": service["url"], "KEY": service["api_key"], "TOKEN": token}
        (printed,) = run(block("sh"), tmp_path, variables)
        assert json.loads(printed.splitlines()[-1])["status"] == "approved"


def measured(page: str, row: str) -> list[str]:
    """The first words of the cells behind the first row that begins so, on a page of results."""
    text = (ROOT / "bench" / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| {row} \| (.*) \|$", text, re.MULTILINE)
    assert found, row
    return [cell.split(" ")[0] for cell in found[1].split(" | ")]


def about(rate: str) -> str:
    return f"{round(int(rate.replace(',', '')), -2):,}"


def test_its_figures_are_the_measured_ones() -> None:
    said = PAGE.partition("## What it costs\n")[2]
    rate, _, p99, *_ = measured("RESULTS", r"create \+ check \| 64")
    memory, start = (measured("RESULTS", row)[0] for row in ("resident at rest", "start to the first answer"))
    alone, among = (measured("RESULTS", rf"create \+ check{row}.* 64 connections")[0] for row in ("", ", among"))
    postgres = measured("SCALE", r"create \+ check over 64 connections")[0]
    valkey = re.findall(
        r"^The mixed load is ([\d.]+) R", (ROOT / "bench" / "SCALE.md").read_text("utf-8"), re.MULTILINE
    )[0]
    aged = [measured("SCALE", rf"{store} \| 24\S+")[4] for store in ("SQLite", "PostgreSQL")]

    for figure in (
        f" {about(rate)} requests a second, ",
        f" a p99 of {float(p99):.0f} ms, in {memory} MiB; it answers {float(start) / 1000:.1f} s after",
        f" {alone} of what the same web server does with an empty handler, and {among} where ",
        f" beside the database and the load: {postgres} of it; with Valkey for what is short-lived: {valkey}. ",
        f" keep {aged[0]} and {aged[1]} of the rate ",
    ):
        assert figure in said


def shown(line: str) -> int:
    """How many lines that one makes on a screen, 110 characters wide."""
    pictures = [int(height) // 24 for height in re.findall(r'<img [^>]*height="(\d+)"', line)]
    text = re.sub(r"<img [^>]*>|\]\([^)]*\)", "", line)
    return max([1, -(-len(text) // 110), *pictures])


def test_the_readme_fits_two_screens() -> None:
    assert 'width="' not in PAGE, "the height of a picture is counted"
    assert sum(map(shown, PAGE.splitlines())) <= 100
