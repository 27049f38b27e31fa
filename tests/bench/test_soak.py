"""The long run in short: a few hundred requests of every kind, and what it takes to call memory flat."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import soak
from bench.soak import Plan, Sample

# Too short to be warm: what a process takes once and keeps is most of it. A leak of every request would be more.
SHORT = Plan(rounds=3, seconds=60, most=400, pause=0.001, mib_more=16, filled=1_000)


def sample(own: float = 50, files: int = 20, due: int = 0) -> Sample:
    return Sample(60, 1.0, 5.0, own, own + 30, files, 4, 0, due, 1_000, 1.5)


@pytest.mark.xdist_group("heavy")
def test_a_service_with_its_courier_holds_no_more_after_the_last_request_than_after_the_first(tmp_path: Path) -> None:
    with soak.serving(tmp_path) as soaked:
        samples = list(soak.soak(SHORT, soaked))
    page = soak.page(SHORT, [("CPU", "one")], samples)

    assert [] == soak.faults(samples, SHORT.mib_more)
    assert all(each.requests >= SHORT.most * len(soak.LOADS) for each in samples)
    assert 2 * SHORT.filled < samples[0].rows < samples[-1].rows
    assert "**Memory, open files and what waits are flat.**" in page
    assert SHORT.rounds == page.count("\n| ") - 5


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({"own": 51.5}, "memory grew from 50.0 to 51.5 MiB"),
        ({"files": 40}, "open files grew from 20 to 40"),
        ({"due": 5_000}, "messages that wait grew from 0 to 5000"),
    ],
)
def test_what_grows_is_said(last: dict[str, float], said: str) -> None:
    samples = [sample(own=40)] * 2 + [sample()] * 4 + [sample(**last)] * 4  # type: ignore[arg-type]

    assert [said] == soak.faults(samples)
    assert f"**{said}.**" in soak.page(Plan(10), [], samples)


def test_what_is_taken_while_it_warms_up_is_no_growth() -> None:
    assert [] == soak.faults([sample(own=40)] * 2 + [sample()] * 8)
