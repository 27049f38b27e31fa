"""Chapters of bench/SCALE.md: each program writes its own, and parts of them are measured with counts far too small."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import aged, chapters, workers
from bench.rows import Row


def test_a_chapter_replaces_itself_and_leaves_the_others_in_their_order(tmp_path: Path) -> None:
    page = tmp_path / "SCALE.md"
    for name, text in (
        ("valkey", "## Valkey\n\nold\n"),
        ("postgresql", "## PostgreSQL\n"),
        ("valkey", "## Valkey\n\nnew\n"),
    ):
        chapters.put(name, text, page)

    written = page.read_text(encoding="utf-8")
    assert written.startswith("# Results at scale\n")
    assert written.endswith("## PostgreSQL\n\n<!-- chapter: valkey -->\n## Valkey\n\nnew\n")
    assert "old" not in written


def test_a_busy_machine_is_told_of_and_a_quiet_one_is_not() -> None:
    assert [] == chapters.busy(0.5)
    assert "a load average of 99.0" in chapters.busy(99.0)[0]


@pytest.mark.xdist_group("heavy")
@pytest.mark.parametrize("store", aged.WAYS)
def test_a_store_is_filled_with_copies_that_its_service_serves_beside(store: str, tmp_path: Path) -> None:
    plan = aged.Plan(finished=2_000, live=200, rounds=1, seconds=0.1)
    found = aged.measure(plan, tmp_path, store)

    # Verifications and deliveries, two buckets of sends each, streaks; and what the service made before.
    assert found.rows == 2 * 2_200 + 2 * 200 + 20 + 4
    assert [row.rate > 0 for row in (*found.without, *found.filled)] == [True, True]
    assert f"| {store} | 4,824 |" in aged.page(plan, "make aged", [("CPU", "one")], [found])


def test_rates_are_compared_round_by_round() -> None:
    empty, full = ([Row("create + check", 64, rate, 1.0, 1.0, 2.0, 0.5, 0.25) for rate in rates]
                   for rates in ((100, 200), (90, 100)))  # fmt: skip
    found = aged.Aged("SQLite", empty, full, 11, 1.0, 60.0)

    assert [0.9, 0.5] == found.shares
    assert "| 0.70 (0.50 to 0.90) | 0.8 |" in aged.page(aged.QUICK, "make aged", [], [found])


@pytest.mark.xdist_group("heavy")
def test_workers_are_measured_with_what_each_side_took(tmp_path: Path) -> None:
    with workers.serving(tmp_path / "two", 2, {}) as served:
        figures = workers.load(served, workers.Plan(rounds=1, seconds=0.1), workers.CORES)
    compared = workers.Compared("SQLite", [figures], [figures])

    assert min(figures.rate, figures.microseconds, figures.workers, figures.generator) > 0
    assert "| 1.00 | 2.00 |" in workers.page(workers.QUICK, "make bench", [("CPU", "one")], [compared])
