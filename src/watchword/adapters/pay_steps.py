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
from watchword.adapters.guard_steps import Admission
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
    """What a send came to.

    ``left`` is what is told of its buckets: those of any send, and its number's. Of the guard's others nobody is told.
    """

    verdict: Verdict
    left: limit.Left | None
    quiet: bool


class _Bill(NamedTuple):
    """What buckets become: by their keys, and by the rates that refuse, of which an app is ``told``.

    ``longest`` is for how long one of them refuses, ``quieted`` whether a day was spent quietly.
    """

    charged: list[tuple[bytes, Arrivals]]
    told: list[tuple[Arrivals, tuple[limit.Rate, ...]]]
    longest: Span
    quieted: bool


_UNGUARDED = Admission(ALLOWED)


def pay(
    tables: PayTables, charges: Sequence[Charge], plan: Plan | None, now: Instant, *, has_paid: bool = False
) -> Paid:
    """Charge every bucket and, where a message costs money, what the guard keeps: all of it or nothing.

    What was held until work was done ``has_paid`` when it was made, into its number's bucket and all but the guard's.
    """
    charged, told, longest, quieted = _charge(tables, () if has_paid else charges, now)
    admission = _UNGUARDED
    if plan is not None:
        found = guard_steps.find(tables, plan, now, has_paid=has_paid)
        longest = max(longest, found.wait)
        if not longest:
            admission = guard_steps.admit(tables, plan, found, now)
        if not has_paid:
            told.append((found.known.sends[plan.passes], plan.terms.number))
    if longest:
        raise RateLimitedError(retry_after=seconds_until(now + longest, now))
    for key, arrivals in (*charged, *admission.charged):
        tables.set_arrivals(key, arrivals)
    if admission.rows:
        tables.guard.put(admission.rows, now)
    if admission.joint is not None:
        tables.guard.put_joint(*admission.joint, now)
    return Paid(admission.verdict, limit.left(told, now), quieted)


def _charge(tables: PayTables, charges: Sequence[Charge], now: Instant) -> _Bill:
    """Work out every bucket before any is written, so that one which refuses leaves the others uncharged."""
    charged, told = [], []
    longest, quieted = 0, False
    for charge in charges:
        before = tables.arrivals(charge.key)
        arrivals, wait = limit.send(before, charge.rates, now)
        if wait and charge.quiet:
            arrivals, wait = limit.send(before, charge.loud, now)
            quieted = True
        longest = max(longest, wait)
        charged.append((charge.key, arrivals))
        told.append((arrivals, charge.loud))
    return _Bill(charged, told, longest, quieted)
