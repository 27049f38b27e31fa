"""The guard against simulated SMS pumping, on a smaller day than the bench's. Seeds make every run the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.guard import Order, measure
from bench.pumping import ATTACKS, PRICE, Simulation, page, table
from watchword.core.breaker import UNUSUAL
from watchword.core.budget import Budget

HONEST = 8_000


@pytest.mark.parametrize(
    ("attack", "most_paid", "share"), [("sequential", 100, 0.01), ("burst", 100, 0.01), ("low and slow", 100, 0.01)]
)
@pytest.mark.parametrize("seed", [1])
def test_an_attack_is_stopped_and_honest_people_are_not(attack: str, most_paid: int, share: float, seed: int) -> None:
    told = Simulation().run(attack, honest=HONEST, seed=seed)

    assert told.paid <= most_paid
    assert told.paid <= share * told.asked
    assert told.refused * 1_000 < 3 * told.honest  # on a day of 50 000 it is below one: see bench/GUARD.md


def test_a_day_without_an_attack_refuses_fewer_than_one_in_a_thousand() -> None:
    ATTACKS["none"] = lambda _: iter(())
    told = Simulation().run("none", honest=HONEST, seed=3)
    del ATTACKS["none"]

    assert told.refused * 1_000 < told.honest


def test_what_breakers_cannot_see_ends_with_the_budget() -> None:
    budget = Budget(hour=600 * PRICE, day=14_000 * PRICE, month=400_000 * PRICE)
    told = Simulation(budget).run("thin", honest=HONEST, seed=4)

    assert told.paid + told.honest - told.refused <= 14_000


def test_work_buys_so_many_messages_an_hour_and_the_rest_is_done_in_vain() -> None:
    told = Simulation().run("working", honest=500, seed=5)

    # Of a day, at its beginning, and before the country is noticed.
    assert told.paid <= UNUSUAL * 24 + UNUSUAL + 2 * UNUSUAL
    assert told.worked > 9 * told.paid


def test_a_budget_ends_what_is_worked_for_too() -> None:
    told = Simulation(Budget(day=600 * PRICE)).run("working", honest=500, seed=5)

    assert 600 == told.paid + told.honest - told.refused


def test_what_the_guard_costs_is_measured(tmp_path: Path) -> None:
    costs = asyncio.run(measure(Order(1, 50, str(tmp_path))))

    assert all(
        each > 0 for each in (*costs.mail, *costs.text)
    )  # reading is a difference of two, and may drown in noise
    assert any(word in page([], costs, 100.0, "today") for word in ("**Met.**", "**Missed.**"))


def test_the_table_has_a_row_an_attack() -> None:
    told = Simulation().run("sequential", honest=500)

    assert 3 == len(table([told]).splitlines())
