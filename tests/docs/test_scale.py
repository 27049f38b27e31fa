"""The page on scale says what the simulations say, and its arithmetic comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import cells

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "scale.md").read_text(encoding="utf-8")

# A sign-in: cores for a second of answering, delivering and the database, kilobytes of its log, and kept for 48 hours.
ANSWERING, DELIVERING, DATABASE = 0.0004, 0.0009, 0.0001
LOG, KEPT, HOURS = 2.6, 1.5, 48


@pytest.mark.parametrize("rows", [cells.hot_rows, cells.loss_rows], ids=["hot keys", "lost cells"])
def test_the_tables_are_what_the_simulation_says(rows: object) -> None:
    assert callable(rows)
    for row in rows():
        assert "| " + " | ".join(row) + " |" in PAGE


def test_a_common_row_makes_lanes_take_turns_and_rows_of_their_own_do_not() -> None:
    one, four = cells.rate(1, hot=True), cells.rate(4, hot=True)

    assert one <= four < 1.5 * one
    assert 3.9 * one < cells.rate(4, hot=False)


def test_only_those_of_the_lost_cell_move() -> None:
    moved, needless, fullest = cells.loss(8)

    assert 0 == needless
    assert 1 / 8 == pytest.approx(moved, abs=0.01)
    assert 8 / 7 == pytest.approx(fullest, abs=0.05)


def test_the_arithmetic_of_the_multiples_comes_out() -> None:
    rows = re.findall(
        r"^\| (\d+)\xd7 \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", PAGE, flags=re.MULTILINE
    )
    assert ["1", "10", "100", "1000"] == [row[0] for row in rows]
    for row in rows:
        times, rate, answering, delivering, database, log = (float(cell.replace(",", "")) for cell in row)
        assert 100 * times == rate
        shown = (answering, delivering, database, log)
        worked_out = (rate * ANSWERING, rate * DELIVERING, rate * DATABASE, rate * LOG / 1_000)
        assert shown == pytest.approx(worked_out, rel=0.2)


def test_what_is_kept_comes_out() -> None:
    (shown,) = re.findall(r"^\| 1\xd7 .* \| ([\d.]+) GB \|", PAGE, flags=re.MULTILINE)

    assert float(shown) == pytest.approx(100 * 3_600 * HOURS * KEPT / 1e6, rel=0.02)
