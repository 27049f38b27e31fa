"""The guard's part of a store's steps: its rows read, decided on and written inside the step that sends.

Not handled here: what is decided (``core/guard.py``), the step around it (``steps.py``).

Rules: a send that is refused writes nothing; rows hold keyed hashes and figures, and no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from watchword.core import guard, limit
from watchword.core.guard import Known, Line, Plan, Rows, Spent, Verdict
from watchword.core.instant import DAY, Instant, seconds_until
from watchword.core.limit import Arrivals
from watchword.core.verification import Verification
from watchword.errors import BlockedError, ChallengeError

_LINE = msgspec.msgpack.Decoder(Line).decode
_SPENT = msgspec.msgpack.Decoder(Spent).decode
_KNOWN = msgspec.msgpack.Decoder(Known).decode
encode = msgspec.msgpack.Encoder().encode

_FRESH = Rows(Known(), Line(), Line(), Line(), Spent(), Spent())

GuardRow = tuple[bytes, bytes, Instant]  # key, state, when it may be purged


class GuardTables(Protocol):
    """Rows of the guard, read and written inside one transaction."""

    def guard_rows(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those of these rows that there are."""
        ...

    def put_guard_rows(self, rows: Sequence[GuardRow]) -> None:
        """Write rows, new or changed."""
        ...

    def arrivals(self, key: bytes) -> Arrivals:
        """A send bucket; fresh where there is none."""
        ...


class Admission:
    """A send that the guard lets through, and what has to be written for it."""

    __slots__ = ("charged", "rows", "verdict")

    def __init__(self, verdict: Verdict, rows: Sequence[GuardRow], charged: Sequence[tuple[bytes, Arrivals]]) -> None:
        self.verdict = verdict
        self.rows = rows
        self.charged = charged


def admit(tables: GuardTables, plan: Plan, now: Instant) -> Admission:
    """Decide a send before anything is written.

    Raises:
        BlockedError: it does not go out.
        ChallengeError: it does once work was done for it, and cannot be held until then.
    """
    keys = guard.keys_of(plan.traits, plan.app)
    found = tables.guard_rows(keys)
    verdict, rows = guard.decide(plan, _read(found, keys), now)
    charged, longest = _charge(tables, plan, now)
    if longest and verdict.decision in {"allow", "challenge"}:
        blocks = plan.rules.mode == "enforce"
        verdict = Verdict("block" if blocks else "monitor", "bucket", longest)
    if verdict.decision == "block":
        raise BlockedError(reason=verdict.reason, retry_after=seconds_until(now + verdict.retry_after, now))
    if verdict.decision == "challenge":
        if not plan.holds:
            raise ChallengeError
        return Admission(verdict, (), ())  # it pays when it goes out
    return Admission(verdict, _written(keys, rows, now), charged)


def held(verification: Verification, now: Instant) -> Verification:
    """A verification whose message waits: nothing was sent, and it may be at once."""
    return msgspec.structs.replace(verification, sends=0, resend_at=now)


def _charge(tables: GuardTables, plan: Plan, now: Instant) -> tuple[list[tuple[bytes, Arrivals]], int]:
    charged, longest = [], 0
    for charge in plan.charges:
        arrivals, wait = limit.send(tables.arrivals(charge.key), charge.rates, now)
        longest = max(longest, wait)
        charged.append((charge.key, arrivals))
    return charged, longest


def note_verified(tables: GuardTables, traits: bytes, lane: int, now: Instant) -> None:
    """Remember the number of a right code, and count it for its blocks and country where its send was."""
    told = guard.read_traits(traits)
    keys = guard.keys_of(told, b"")[:4]
    found = tables.guard_rows(keys)
    known, near, wide, country = (found.get(key) for key in keys)
    remembered = (keys[0], encode(Known(now)), now + guard.TRUST)
    before = _LINE(wide) if wide else Line()
    range_ = guard.note_good(before, now)
    if lane or (known and guard.is_trusted(_KNOWN(known), now)):
        noted = [] if range_ is before else [(keys[2], encode(range_), _idle_at(range_, now))]
        tables.put_guard_rows([remembered, *noted])
        return
    lines = (
        guard.verify(_LINE(near) if near else Line(), now, tail=told.tail),
        guard.verify(range_, now),
        guard.verify(_LINE(country) if country else Line(), now, broad=True),
    )
    tables.put_guard_rows(
        [
            remembered,
            *((key, encode(line), _idle_at(line, now)) for key, line in zip(keys[1:], lines, strict=True)),
        ]
    )


def note_unsent(tables: GuardTables, traits: bytes, lane: int, now: Instant) -> None:
    """Take a send back that no provider took. What it was budgeted for stays spent: somebody may bill it."""
    told = guard.read_traits(traits)
    known, *keys = guard.keys_of(told, b"")[:4]
    found = tables.guard_rows((known, *keys))
    if lane or (known in found and guard.is_trusted(_KNOWN(found[known]), now)):
        return
    tails = (told.tail, None, None)
    lines = [
        (key, guard.unsend(_LINE(found[key]), now, tail=tail))
        for key, tail in zip(keys, tails, strict=True)
        if key in found
    ]
    tables.put_guard_rows([(key, encode(line), _idle_at(line, now)) for key, line in lines])


def _read(found: dict[bytes, bytes], keys: Sequence[bytes]) -> Rows:
    if not found:
        return _FRESH
    known, near, wide, country, app, everybody = (found.get(key) for key in keys)
    return Rows(
        _KNOWN(known) if known else _FRESH.known,
        _LINE(near) if near else _FRESH.near,
        _LINE(wide) if wide else _FRESH.wide,
        _LINE(country) if country else _FRESH.country,
        _SPENT(app) if app else _FRESH.app,
        _SPENT(everybody) if everybody else _FRESH.everybody,
    )


def _written(keys: Sequence[bytes], rows: Rows, now: Instant) -> list[GuardRow]:
    _, near, wide, country, app, everybody = keys
    return [
        (near, encode(rows.near), _idle_at(rows.near, now)),
        (wide, encode(rows.wide), _idle_at(rows.wide, now)),
        (country, encode(rows.country), _idle_at(rows.country, now)),
        (app, encode(rows.app), now + 31 * DAY),
        (everybody, encode(rows.everybody), now + 31 * DAY),
    ]


def _idle_at(line: Line, now: Instant) -> Instant:
    return max(max(line.until, now) + guard.REMEMBERED, line.good_at + guard.TRUST)
