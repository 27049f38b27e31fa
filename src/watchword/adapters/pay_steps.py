"""What a send pays, inside the step that sends: every bucket and, where it costs money, what the guard keeps.

Not handled here: which buckets those are (``flows/guard.py``), their arithmetic (``core/limit.py``).

Rules: all of it or nothing, so that a refusal leaves nothing behind; a bucket whose day is spent quietly is not charged
for that day, and its other rate is, so that what follows is answered as if it had been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from watchword.adapters import guard_steps
from watchword.core import limit
from watchword.core.guard import ALLOWED, Plan, Verdict
from watchword.core.instant import Instant, Span, seconds_until
from watchword.core.limit import Arrivals, Charge
from watchword.errors import RateLimitedError


class PayTables(guard_steps.GuardTables, Protocol):
    """Buckets of sends, read and written inside one transaction."""

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        """Write a send bucket."""
        ...


class Paid(msgspec.Struct, frozen=True):
    """What a send came to. ``left`` is what the buckets of any send take still; of the guard's nobody is told."""

    verdict: Verdict
    left: limit.Left | None
    quiet: bool


def pay(tables: PayTables, charges: Sequence[Charge], plan: Plan | None, now: Instant, *, held: bool = False) -> Paid:
    """Charge every bucket and, where a message costs money, what the guard keeps: all of it or nothing.

    What was ``held`` has paid for this send when it was made, but for what the guard has of more than its number.
    """
    bill = _charge(tables, () if held else charges, now)
    if plan is None:
        _demand_no_wait(bill.longest, now)
        admission = None
    else:
        found = guard_steps.find(tables, plan, now, held=held)
        _demand_no_wait(max(bill.longest, found.wait), now)
        if not held:
            bill.paid.append((found.known.sends[plan.passes], plan.terms.number))
        admission = guard_steps.admit(tables, plan, found, now)
    for key, arrivals in bill.charged:
        tables.set_arrivals(key, arrivals)
    left = limit.left(bill.paid, now)
    if admission is None:
        return Paid(ALLOWED, left, bill.quieted)
    for key, arrivals in admission.charged:
        tables.set_arrivals(key, arrivals)
    tables.guard.put(admission.rows, now)
    if admission.joint is not None:
        tables.guard.put_joint(*admission.joint, now)
    return Paid(admission.verdict, left, bill.quieted)


class _Bill(NamedTuple):
    """What buckets become by their keys, what they hold by the rates that refuse; for how long one does at the most."""

    charged: list[tuple[bytes, Arrivals]]
    paid: list[tuple[Arrivals, tuple[limit.Rate, ...]]]
    longest: Span
    quieted: bool


def _charge(tables: PayTables, charges: Sequence[Charge], now: Instant) -> _Bill:
    """Work out every bucket before any is written, so that one which refuses leaves the others uncharged."""
    charged, paid = [], []
    longest, quieted = 0, False
    for charge in charges:
        before = tables.arrivals(charge.key)
        arrivals, wait = limit.send(before, charge.rates, now)
        if wait and charge.quiet:
            arrivals, wait = limit.send(before, charge.loud, now)
            quieted = True
        longest = max(longest, wait)
        charged.append((charge.key, arrivals))
        paid.append((arrivals, charge.loud))
    return _Bill(charged, paid, longest, quieted)


def _demand_no_wait(longest: Span, now: Instant) -> None:
    if longest:
        raise RateLimitedError(retry_after=seconds_until(now + longest, now))
