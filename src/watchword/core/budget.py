"""Budgets of money: what an app, or everybody, spent lately, and the ceilings of it.

Not handled here: what a message costs (``core/sms.py``), when a send is paid (``core/guard.py``).

Rules: a budget is a ceiling, so that no hour, day or 30 days cost more, to the last message. Within a slot it has
``room``, as a country has (``core/breaker.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from watchword.core.breaker import HOURS_A_DAY, SLOT, SLOTS_AN_HOUR
from watchword.core.instant import DAY, HOUR, Instant
from watchword.core.limit import BOUNDLESS

_DAYS_A_MONTH = 30

Sums = tuple[tuple[int, int], ...]  # slot, money


class Budget(NamedTuple):
    """Ceilings in millionths of the currency; None is no ceiling."""

    hour: int | None = None
    day: int | None = None
    month: int | None = None


class Spent(msgspec.Struct, frozen=True, array_like=True):
    """What an app, or everybody, spent lately. ``under`` is the budget that ``room`` was found for."""

    hour: Sums = ()
    day: Sums = ()
    month: Sums = ()
    slot: int = 0
    room: int = 0
    added: int = 0
    under: Budget | None = None


def settle(spent: Spent) -> Spent:
    """What was spent as it is kept: what was added is counted where it belongs."""
    slot = spent.slot
    if not slot:
        return spent
    return Spent(
        _add(spent.hour, slot, SLOTS_AN_HOUR, spent.added),
        _add(spent.day, slot * SLOT // HOUR, HOURS_A_DAY, spent.added),
        _add(spent.month, slot * SLOT // DAY, _DAYS_A_MONTH, spent.added),
    )


def spend_on(spent: Spent, amount: int) -> Spent:
    """Add an amount for which there is room in this slot."""
    return msgspec.structs.replace(spent, room=spent.room - amount, added=spent.added + amount)


def spend(spent: Spent, budget: Budget, price: int, now: Instant) -> Spent | None:
    """Add a price; None where a ceiling would be passed.

    A window is counted in whole slots and one more than it has, so that no position of it holds more than its ceiling.
    """
    slot = now // SLOT
    if spent.slot == slot and spent.room >= price and spent.under == budget:
        return spend_on(spent, price)
    spent = settle(spent)
    windows = (
        _add(spent.hour, slot, SLOTS_AN_HOUR, price),
        _add(spent.day, now // HOUR, HOURS_A_DAY, price),
        _add(spent.month, now // DAY, _DAYS_A_MONTH, price),
    )
    room = BOUNDLESS
    for sums, ceiling in zip(windows, budget, strict=True):
        if ceiling is not None:
            room = min(room, ceiling - sum([amount for _, amount in sums]))
    return Spent(*windows, slot, room, 0, budget) if room >= 0 else None


def spent_lately(spent: Spent, now: Instant) -> tuple[int, int, int]:
    """What was spent within an hour, a day and 30 days, as ``spend`` counts them: in whole slots and one more."""
    spent = settle(spent)
    windows = (
        (spent.hour, now // SLOT, SLOTS_AN_HOUR),
        (spent.day, now // HOUR, HOURS_A_DAY),
        (spent.month, now // DAY, _DAYS_A_MONTH),
    )
    hour, day, month = (sum(amount for at, amount in sums if at >= slot - back) for sums, slot, back in windows)
    return hour, day, month


def _add(sums: Sums, slot: int, back: int, price: int) -> Sums:
    """Add to a slot. ``back`` is how many slots before it a window has."""
    if sums and sums[-1][0] == slot and sums[0][0] >= slot - back:  # nearly always
        return (*sums[:-1], (slot, sums[-1][1] + price))
    found = {at: amount for at, amount in sums if slot - back <= at <= slot + 1}
    found[slot] = found.get(slot, 0) + price
    return tuple(found.items())
