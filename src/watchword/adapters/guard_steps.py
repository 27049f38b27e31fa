"""The guard's part of a store's steps: its rows read, decided on and written inside the step that sends.

Not handled here: what is decided (``core/guard.py``), the step around it (``steps.py``).

Rules: a send that is refused writes nothing; rows hold keyed hashes and figures, and no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from watchword.adapters.guard_rows import GuardRows
from watchword.core import breaker, guard, limit
from watchword.core.breaker import Line
from watchword.core.guard import Known, Plan, Rows, Spent, Verdict
from watchword.core.instant import Instant, Span, seconds_until
from watchword.core.limit import Arrivals
from watchword.core.verification import Verification
from watchword.errors import BlockedError, ChallengeError


class GuardTables(Protocol):
    """Rows of the guard, read and written inside one transaction."""

    @property
    def guard(self) -> GuardRows:
        """Its rows, decoded."""
        ...

    def arrivals(self, key: bytes) -> Arrivals:
        """A send bucket; fresh where there is none."""
        ...


class Admission(msgspec.Struct, frozen=True):
    """A send that the guard lets through, and what has to be written for it: rows by their keys, and buckets."""

    verdict: Verdict
    keys: Sequence[bytes] = ()
    rows: Sequence[Line | Spent] = ()
    charged: Sequence[tuple[bytes, Arrivals]] = ()


def admit(tables: GuardTables, plan: Plan, now: Instant) -> Admission:
    """Decide a send before anything is written.

    Raises:
        BlockedError: it does not go out.
        ChallengeError: it does once work was done for it, and cannot be held until then.
    """
    keys = guard.keys_of(plan.traits, plan.app)
    known, near, wide, country, app, everybody = tables.guard.get(keys)
    if near.paid is None or wide.paid is None:  # seldom
        near, wide = _with_bucket(tables, keys[1], near), _with_bucket(tables, keys[2], wide)
    charged, wait = _charge(tables, plan, now)
    verdict, rows = guard.decide(plan, Rows(known, near, wide, country, app, everybody), now, wait=wait)
    if verdict.decision == "block":
        raise BlockedError(reason=verdict.reason, retry_after=seconds_until(now + verdict.retry_after, now))
    if verdict.decision == "challenge":
        if not plan.holds:
            raise ChallengeError
        return Admission(verdict)  # it pays when it goes out
    return Admission(verdict, keys[1:], (rows.near, rows.wide, rows.country, rows.app, rows.everybody), charged)


_BUCKETS = {ord("3"): b"B", ord("4"): b"R"}  # where a block's and a range's lay before they were kept with their rows


def _with_bucket(tables: GuardTables, key: bytes, line: Line) -> Line:
    if line.paid is not None:
        return line
    return msgspec.structs.replace(line, paid=tables.arrivals(_BUCKETS[key[0]] + key[1:]))


def held(verification: Verification, now: Instant) -> Verification:
    """A verification whose message waits: nothing was sent, and it may be at once."""
    return msgspec.structs.replace(verification, sends=0, resend_at=now)


def _charge(tables: GuardTables, plan: Plan, now: Instant) -> tuple[list[tuple[bytes, Arrivals]], Span]:
    charged, longest = [], 0
    for charge in plan.charges:
        arrivals, wait = limit.send(tables.arrivals(charge.key), charge.rates, now)
        longest = max(longest, wait)
        charged.append((charge.key, arrivals))
    return charged, longest


def note_verified(tables: GuardTables, traits: bytes, lane: int, now: Instant) -> None:
    """Remember the number of a right code, and count it for its blocks and country where its send was."""
    told = guard.read_traits(traits)
    number, *keys = guard.keys_of(told, b"")[:4]
    known, near, wide, country = tables.guard.get((number, *keys))
    tables.guard.put((number,), (Known(now),), now)
    range_ = breaker.note_good(wide, now)
    if lane or guard.is_trusted(known, now):
        if range_ is not wide:
            tables.guard.put((keys[1],), (range_,), now)
        return
    noted = (
        breaker.verify(near, now, tail=told.tail),
        breaker.verify(range_, now),
        breaker.verify(country, now, broad=True),
    )
    tables.guard.put(keys, noted, now)


def note_unsent(tables: GuardTables, traits: bytes, lane: int, now: Instant) -> None:
    """Take a send back that no provider took. What it was budgeted for stays spent: somebody may bill it."""
    told = guard.read_traits(traits)
    number, *keys = guard.keys_of(told, b"")[:4]
    found = tables.guard.look((number, *keys))
    if lane or guard.is_trusted(found.get(number, Known()), now):
        return
    for key, tail in zip(keys, (told.tail, None, None), strict=True):
        if key in found:
            tables.guard.put((key,), (breaker.unsend(found[key], now, tail=tail),), now)
