"""The page on scale says what the simulations say, and its arithmetic comes out."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import pytest

from bench import cells
from watchword.flows.courier import Courier

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "scale.md").read_text(encoding="utf-8")
SIZING = (ROOT / "docs" / "how-to" / "scale-out.md").read_text(encoding="utf-8").partition("\n## How many of each\n")[2]
MEASURED = (ROOT / "bench" / "SCALE.md").read_text(encoding="utf-8")
ONE_MACHINE = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")

# A sign-in: cores for a second of answering, delivering and the database, kilobytes of its log, and kept for 48 hours.
ANSWERING, DELIVERING, DATABASE = 0.00036, 0.0005, 0.00009
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


def test_a_sign_in_costs_what_was_measured() -> None:
    """A request by the least and the most that one took, a message, and an operation of the database."""
    row = r"^\| (?:create \+ check|[A-Z]\w+ \| [12]) \| [\d,]+ \|(?: [\d.]+ / [\d.]+ \|| [\d.]+ \| [\d.]+ \|)? (\d+) \|"
    requests = [int(each) for each in re.findall(row, MEASURED, re.MULTILINE)]
    (message,) = re.findall(r"^\| CPU µs a message, ours \| (\d+) \|", ONE_MACHINE, re.MULTILINE)
    (operation,) = re.findall(r"^\| `PostgresStore` \| [\d,]+ \| \d+ \| \d+ \| (\d+) \|", MEASURED, re.MULTILINE)
    least, most = min(requests), max(requests)

    assert f"two requests of {least} to {most} µs" in PAGE
    assert f"{2 * least / 1_000:.2f} to {2 * most / 1_000:.2f} ms of a core" in PAGE
    assert f"four operations of {operation} µs" in PAGE
    assert (2 * most / 1e6, int(message) / 1e6, 4 * int(operation) / 1e6) == pytest.approx(
        (ANSWERING, DELIVERING, DATABASE), rel=0.1
    )


def test_what_is_kept_comes_out() -> None:
    (shown,) = re.findall(r"^\| 1\xd7 .* \| ([\d.]+) GB \|", PAGE, flags=re.MULTILINE)

    assert float(shown) == pytest.approx(100 * 3_600 * HOURS * KEPT / 1e6, rel=0.02)


def sizes() -> dict[str, tuple[str, list[float]]]:
    """The rows of the table of sizes by their first words: what they go by, and a figure for each rate."""
    rows = re.findall(r"^\| ([^|:]+)(?:: ([^|]+))? \| ([\d.,]+) \| ([\d.,]+) \| ([\d.,]+) \|$", SIZING, re.MULTILINE)
    return {name: (by, [float(figure.replace(",", "")) for figure in figures]) for name, by, *figures in rows}


def figure_of(text: str) -> float:
    """The figure of a row that says what it goes by."""
    (found,) = re.findall(r"([\d.]+) (?:µs|ms|kB|connections)", text)
    return float(found)


def test_the_sizes_go_by_what_was_measured() -> None:
    rows = {name: by for name, (by, _) in sizes().items()}
    two_workers = re.findall(r"^\| PostgreSQL \| 2 \| [\d,]+ \| (\d+) \|", MEASURED, flags=re.MULTILINE)
    by_the_store = re.findall(r"^\| `PostgresStore` \| [\d,]+ \| \d+ \| \d+ \| (\d+) \|", MEASURED, flags=re.MULTILINE)
    told = dict(re.findall(r"^\| ([^|]+) \| ([\d.]+) (?:ms|kB)\b[^|]*\|", PAGE, re.MULTILINE))

    assert [figure_of(rows["cores that answer"])] == [float(each) for each in two_workers]
    assert [figure_of(rows["cores of PostgreSQL"])] == [float(each) for each in by_the_store]
    assert figure_of(rows["cores that deliver"]) == float(told["a courier"]) == 1_000 * DELIVERING
    assert figure_of(rows["its log, MB a second"]) == float(told["PostgreSQL's log"]) == LOG
    assert figure_of(rows["its tables, GB"]) == float(told["PostgreSQL's tables"]) == KEPT
    (valkey,) = [float(cost) for where, cost in told.items() if where.startswith("Valkey")]
    assert figure_of(rows["or Valkey's memory, GB"]) == valkey
    assert figure_of(rows["couriers"]) == inspect.signature(Courier).parameters["at_once"].default


def test_the_arithmetic_of_the_sizes_comes_out() -> None:
    rows = sizes()
    _, rates = rows["sign-ins a second"]
    by = {name: figure_of(text) for name, (text, _) in rows.items() if re.search(r"\d (?:µs|ms|kB|connections)", text)}
    for column, rate in enumerate(rates):
        shown = {name: figures[column] for name, (_, figures) in rows.items()}
        answering = rate * 2 * by["cores that answer"] / 1e6
        relay = rate * by["connections to the relay"] / 1e3
        worked_out = {
            "cores that answer": answering,
            "cores that deliver": rate * by["cores that deliver"] / 1e3,
            "connections to the relay": relay,
            "cores of PostgreSQL": rate * 4 * by["cores of PostgreSQL"] / 1e6,
            "its log, MB a second": rate * by["its log, MB a second"] / 1e3,
            "its tables, GB": rate * 3_600 * HOURS * by["its tables, GB"] / 1e6,
            "or Valkey's memory, GB": rate * 60 * 70 * by["or Valkey's memory, GB"] / 1e6,
        }
        assert {name: shown[name] for name in worked_out} == pytest.approx(worked_out, rel=0.1)
        assert shown["workers"] == 2 * math.ceil(answering / 0.5)
        assert shown["couriers"] == math.ceil(relay / by["couriers"])
        assert shown["connections to PostgreSQL"] == 4 * (shown["workers"] + shown["couriers"])


def test_the_memory_of_the_compose_file_is_enough_for_as_many_as_the_page_says() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    (megabytes,) = re.findall(r"--maxmemory\n\s+- (\d+)mb", compose)
    ((quoted, bare, spare),) = re.findall(
        r"The (\d+) MB of .+ are enough for about (\d+) a second, and (\d+) with", SIZING
    )
    most = int(megabytes) * 2**20 / (900 * 60 * 70)

    assert megabytes == quoted
    assert 0.9 * most < int(bare) <= most
    assert 0.9 * most < 1.5 * int(spare) <= most
