"""Budgets of money: no window at any place holds more than its ceiling."""

from __future__ import annotations

import pytest

from tests.support.world import START
from watchword.core import budget
from watchword.core.budget import Budget, Spent
from watchword.core.instant import DAY, HOUR, MINUTE, Span


@pytest.mark.parametrize(
    ("ceiling", "span"), [(Budget(hour=100), HOUR), (Budget(day=100), DAY), (Budget(month=100), 30 * DAY)]
)
@pytest.mark.parametrize("offset", [0, 7 * MINUTE, 59 * MINUTE, 23 * HOUR + 59 * MINUTE])
def test_no_window_at_any_place_costs_more_than_its_budget(ceiling: Budget, span: Span, offset: Span) -> None:
    spent, paid = Spent(), []
    for step in range(400):
        now = START + offset + step * span // 40
        after = budget.spend(spent, ceiling, 7, now)
        if after is not None:
            spent = after
            paid.append(now)
    assert max(sum(7 for at in paid if end - span < at <= end) for end in paid) <= 100
    assert len(paid) * 7 > 600


def test_within_a_slot_a_budget_counts_on_though_a_scribe_was_handed_another_copy_of_it() -> None:
    spent = budget.spend(Spent(), Budget(100, 100, 100), 1, START)
    assert spent is not None
    again = budget.spend(spent, Budget(100, 100, 100), 1, START)
    assert again is not None
    assert (again.hour, again.room, again.added) == (spent.hour, spent.room - 1, 1)


def test_a_clock_that_steps_back_gives_no_money_back() -> None:
    spent = budget.spend(Spent(), Budget(100, 100, 100), 100, START)
    assert spent is not None
    assert budget.spend(spent, Budget(100, 100, 100), 1, START - 4 * MINUTE) is None
