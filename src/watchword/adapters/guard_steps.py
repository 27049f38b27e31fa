"""The guard's part of a store's steps: its rows read, decided on and written inside the step that sends.

Not handled here: what is decided (``core/guard.py``), the step around it (``steps.py``).

Rules: a send that is refused writes nothing; rows hold keyed hashes and figures, and no number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from watchword.adapters.guard_rows import GuardRows
from watchword.core import breaker, calm, guard, limit
from watchword.core.breaker import FRESH_LINE, Line
from watchword.core.guard import Joint, JointKeys, Known, Plan, Rows, Verdict
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
    """A send that the guard lets through, and what has to be written for it: rows and buckets by their keys."""

    verdict: Verdict
    rows: Mapping[bytes, Known | Line] = {}
    joint: tuple[JointKeys, Joint] | None = None
    charged: Sequence[tuple[bytes, Arrivals]] = ()


class Found(NamedTuple):
    """A number's row and its range's, by their keys and its block's; ``wait`` is for how long its bucket refuses."""

    number: bytes
    block: bytes
    whole: bytes
    known: Known  # as it is when it has paid
    wide: Line
    wait: Span


def find(tables: GuardTables, plan: Plan, now: Instant, *, has_paid: bool) -> Found:
    """Read what lies side by side, and have the number pay, unless it ``has_paid`` for this send."""
    number, block, whole = guard.keys_of(plan.traits)
    known, wide = tables.guard.get((number, whole))
    known, wait = (known, 0) if has_paid else guard.charge(known, plan, now)
    return Found(number, block, whole, known, wide, wait)


def admit(tables: GuardTables, plan: Plan, found: Found, now: Instant) -> Admission:
    """Decide a send before anything is written.

    Raises:
        BlockedError: it does not go out.
        ChallengeError: it does once work was done for it, and cannot be held until then.
    """
    number, block, whole, known, wide, _ = found
    keys = guard.joint_keys(plan.traits.country, plan.app)
    joint = tables.guard.joint(keys)
    still_calm = calm.with_room(wide, plan.terms.most_calm, now)
    wide, changed = _figures(tables, plan, found) if still_calm is None else (still_calm, {})
    own: dict[bytes, Known | Line] = {number: known} if plan.terms.number else {}
    charged, wait = _charge(tables, plan, now)
    verdict, rows = guard.decide(plan, Rows(known, changed.get(block), wide, joint), now, wait=wait)
    if verdict.decision == "block":
        raise BlockedError(reason=verdict.reason, retry_after=seconds_until(now + verdict.retry_after, now))
    if verdict.decision == "challenge":
        if not plan.holds:
            raise ChallengeError
        return Admission(verdict, own)  # all else pays when it goes out
    written = {**own, **changed, whole: rows.wide}
    if rows.near is not None:
        written[block] = rows.near
    return Admission(verdict, written, (keys, rows.joint), charged)


def _figures(tables: GuardTables, plan: Plan, found: Found) -> tuple[Line, dict[bytes, Line]]:
    """The figures of a range that is calm no more; by their keys, those of the number's block and of what changed."""
    traits, block, whole, wide = plan.traits, found.block, found.whole, found.wide
    if wide.calm is None:
        (near,) = tables.guard.get((block,))
        return _with_bucket(tables, whole, wide), {block: _with_bucket(tables, block, near)}
    keys = {which: traits.block_key(which) for which in calm.blocks_of(wide)}
    keys[traits.block] = block  # not always what follows from the range: it may be kept since before docs/adr/0051
    blocks = dict(zip(keys, tables.guard.get([*keys.values()]), strict=True))
    wide, blocks = calm.counted(wide, blocks, plan.terms.near, plan.terms.wide)
    return wide, {keys[which]: line for which, line in blocks.items()}


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
    number, block, whole = guard.keys_of(told)
    country = guard.country_key(told.country)
    known, near, wide, shared = tables.guard.get((number, block, whole, country))
    tables.guard.put({number: msgspec.structs.replace(known, verified_at=now)}, now)
    noted = breaker.note_good(wide, now)
    if not (lane or guard.is_trusted(known, now)):
        tables.guard.put({country: breaker.verify(shared, now, broad=True)}, now)
        if noted.calm is None:
            noted = breaker.verify(noted, now)
            tables.guard.put({block: breaker.verify(near, now, tail=told.tail)}, now)
        else:
            noted = calm.note(noted, now, told.place, calm.CAME_BACK)
    if noted is not wide:
        tables.guard.put({whole: noted}, now)


def note_unsent(tables: GuardTables, traits: bytes, lane: int, now: Instant) -> None:
    """Take a send back that no provider took. What it was budgeted for stays spent: somebody may bill it."""
    told = guard.read_traits(traits)
    number, block, whole = guard.keys_of(told)
    country = guard.country_key(told.country)
    found = tables.guard.look((number, block, whole, country))
    if lane or guard.is_trusted(found.get(number, Known()), now):
        return
    if whole in found and found[whole].calm is None:
        # Where the range was counted since the block's row was looked for, it is there: this write clashes, and the
        # step runs again.
        found.setdefault(block, FRESH_LINE)
    for key, tail in ((block, told.tail), (whole, None), (country, None)):
        line = found.get(key)
        if line is None:
            continue
        if line.calm is not None:
            line = calm.note(line, now, told.place, calm.NOT_SENT)
        else:
            line = breaker.unsend(line, now, tail=tail)
        tables.guard.put({key: line}, now)
