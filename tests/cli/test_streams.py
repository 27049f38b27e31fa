"""Standard streams that are closed, full, or read by nobody: one sentence, never a trace, and no false success."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Ran, Serving, environment
from watchword.cli import exits


def in_shell(redirection: str, *arguments: str, folder: Path, given: str = "", **settings: str) -> Ran:
    """Run a command as a shell does that was told to redirect its streams."""
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *arguments]
    here = environment(**settings) | {"XDG_STATE_HOME": str(folder / "state"), "PYTHONPATH": str(Path.cwd())}
    ran = subprocess.run(
        shell, input=given.encode(), capture_output=True, cwd=folder, env=here, timeout=60, check=False
    )
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def test_a_complaint_never_becomes_the_result_where_standard_error_is_closed(tmp_path: Path) -> None:
    ran = in_shell("2>&-", "app", "list", "--data", "nowhere", folder=tmp_path)

    assert (exits.USAGE, "") == (ran.code, ran.out)


def test_what_is_for_the_sender_alone_never_becomes_the_result(tmp_path: Path, start: Callable[..., Serving]) -> None:
    url = start().welcome["url"]

    ran = in_shell("2>&-", "share", "--server", url, folder=tmp_path, given="hunter2")

    assert exits.OK == ran.code
    assert 1 == len(ran.out.splitlines())
    assert "/status#" not in ran.out


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_result_that_cannot_be_written_is_no_success(tmp_path: Path, redirection: str) -> None:
    ran = in_shell(redirection, "app", "create", "shop", folder=tmp_path)

    assert exits.UNAVAILABLE == ran.code
    assert ran.err.splitlines()[-1].startswith("watchword: Standard output cannot be written: ")
    assert "Traceback" not in ran.err


def test_a_result_that_nobody_reads_ends_a_command_without_a_trace(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [*COMMAND, "app", "create", "shop"],
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    os.close(writer)

    assert exits.REFUSED == ran.returncode
    assert b"Traceback" not in ran.stderr
    assert b"BrokenPipe" not in ran.stderr


def test_closed_standard_input_is_nothing_to_share(tmp_path: Path) -> None:
    ran = in_shell("<&-", "share", folder=tmp_path)

    assert exits.USAGE == ran.code
    assert ran.err.startswith("watchword: There is nothing to share")


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_secret_whose_link_nobody_got_is_taken_back(
    tmp_path: Path, start: Callable[..., Serving], redirection: str
) -> None:
    serving = start()

    ran = in_shell(redirection, "share", "--server", serving.welcome["url"], folder=tmp_path, given="hunter2")

    serving.stop()
    assert exits.UNAVAILABLE == ran.code
    assert 1 == len([event for event in serving.events if event["event"] == "secret.burnt"])


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_secret_that_could_not_be_shown_can_be_opened_again(
    tmp_path: Path, start: Callable[..., Serving], redirection: str
) -> None:
    link = in_shell("", "share", "--server", start().welcome["url"], folder=tmp_path, given="hunter2").out.strip()

    failed = in_shell(redirection, "reveal", link, folder=tmp_path)
    again = in_shell("", "reveal", link, folder=tmp_path)

    assert exits.UNAVAILABLE == failed.code
    assert failed.err.endswith("Nothing is lost: run the command again within 15 minutes.\n")
    assert (exits.OK, "hunter2") == (again.code, again.out)
