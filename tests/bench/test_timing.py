"""The bench of time tells classes apart where time does, and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import timing


def test_what_takes_longer_is_told_and_what_takes_as_long_is_not() -> None:
    fast, slow = [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]

    assert timing.auc(fast, slow) == 1.0
    assert timing.auc(slow, fast) == 0.0
    assert timing.auc(fast, fast) == 0.5
    assert timing.auc([1.0, 2.0], [2.0, 3.0]) == 0.875
    assert timing.best_threshold(fast, slow) == timing.best_threshold(slow, fast) == 1.0
    assert timing.best_threshold([1.0, 3.0], [2.0, 4.0]) == 0.75


@pytest.mark.xdist_group("heavy")
def test_every_case_is_asked_and_told(tmp_path: Path) -> None:
    pairs = timing.run(tmp_path, calls=2, rounds=1)
    page = timing.page(pairs, 2, "today", 0.0)

    assert {"unknown", "known", "decoy"} <= {name for pair in pairs for name in (pair.first, pair.second)}
    assert all(0 <= each.auc[0] <= 1 for each in pairs)
    assert all(f"| {pair.case} |" in page for pair in pairs)
