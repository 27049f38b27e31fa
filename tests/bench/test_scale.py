"""The bench of PostgreSQL measures: each part runs, with counts far too small to mean anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench import scale
from tests.support.postgres import the_server

TINY = scale.Plan(rounds=1, verifications=640, seconds=0.1)


@pytest.mark.xdist_group("heavy")
def test_both_ways_and_the_service_are_measured_and_told(tmp_path: Path) -> None:
    ways = asyncio.run(scale.alone(TINY, the_server()))
    ((ours,), (usual,)) = ways
    page = scale.page(TINY, "make bench", [("CPU", "one")], ways, scale.loaded(TINY, tmp_path, the_server()))

    assert ours.together > usual.together == 1.0
    assert min(ours.rate, usual.rate) > 0
    assert "| `PostgresStore` |" in page
    assert "| create + check |" in page
