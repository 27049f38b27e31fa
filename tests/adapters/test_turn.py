"""Turns at a chore: one process has it, and whoever dies leaves it to the next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from watchword.adapters.turn import FileTurn

HOLD = """
import sys
from pathlib import Path
from watchword.adapters.turn import FileTurn

turn = FileTurn(Path(sys.argv[1]))
print(turn.is_ours(), flush=True)
sys.stdin.read()
"""


def test_one_of_several_has_it_until_it_gives_it_up(tmp_path: Path) -> None:
    first, second, third = (FileTurn(tmp_path / "chore") for _ in range(3))
    for _ in range(3):
        assert (True, False, False) == (first.is_ours(), second.is_ours(), third.is_ours())
    first.give_up()
    assert (True, False, False) == (third.is_ours(), first.is_ours(), second.is_ours())
    third.give_up()
    third.give_up()
    second.give_up()
    assert second.is_ours()


def test_a_process_that_is_killed_leaves_it(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "chore"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert "True\n" == other.stdout.readline()
        turn = FileTurn(tmp_path / "chore")
        assert not turn.is_ours()
        other.kill()
        other.wait(60)
        assert turn.is_ours()
    turn.give_up()


def test_the_file_is_for_us_alone(tmp_path: Path) -> None:
    turn = FileTurn(tmp_path / "chore")
    turn.is_ours()
    assert 0o600 == (tmp_path / "chore").stat().st_mode & 0o777
    turn.give_up()


def test_where_no_file_can_be_made_the_chore_is_done_all_the_same(tmp_path: Path) -> None:
    assert FileTurn(tmp_path / "missing" / "chore").is_ours()
