"""What a send pays, inside the step that sends: every bucket and, where it costs money, what the guard keeps.

Not handled here: which buckets those are (``flows/guard.py``), their arithmetic (``core/limit.py``).

Rules: all of it or nothing, so that a refusal leaves nothing behind; a bucket whose day is spent quietly is not charged
for that day, and its other rate is, so that what follows is answered as if it had been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from watchword.adapters import guard_steps
from watchword.core import limit
from watchword.core.guard import ALLOWED, Plan, Verdict
from watchword.core.instant import Instant, seconds_until
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


def pay(tables: PayTables, charges: Sequence[Charge], plan: Plan | None, now: Instant) -> Paid:
    """Charge every bucket and, where a message costs money, what the guard keeps: all of it or nothing."""
    charged, paid, quiet = _charge(tables, charges, now)
    admission = guard_steps.admit(tables, plan, now) if plan is not None else None
    for key, arrivals in charged:
        tables.set_arrivals(key, arrivals)
    left = limit.left(paid, now)
    if admission is None:
        return Paid(ALLOWED, left, quiet)
    for key, arrivals in admission.charged:
        tables.set_arrivals(key, arrivals)
    tables.guard.put(admission.rows, now)
    if admission.joint is not None:
        tables.guard.put_joint(*admission.joint, now)
    return Paid(admission.verdict, left, quiet)


def _charge(
    tables: PayTables, charges: Sequence[Charge], now: Instant
) -> tuple[list[tuple[bytes, Arrivals]], list[tuple[Arrivals, tuple[limit.Rate, ...]]], bool]:
    """Work out every bucket before any is written, so that one which refuses leaves the others uncharged.

    Returns them by their keys, by the rates that refuse, and whether a day was spent quietly.
    """
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
    if longest:
        raise RateLimitedError(retry_after=seconds_until(now + longest, now))
    return charged, paid, quieted
