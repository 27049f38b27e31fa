"""The fraud guard: whether a message that costs money goes out, decided before anybody is paid.

SMS pumping asks for codes to numbers that somebody earns by, and never types them. So the guard watches, for ranges of
numbers and for countries, how many sends were followed by a right code; counts money; and keeps ranges, sources, apps
and all together within sliding buckets.

    closed ── too few codes come back ──▶ open (10 min, 1 h, 6 h, 24 h)
      ▲                                     │ time
      └── two of three probes come back ── half-open ── three probes out ──▶ open, for longer

Not handled here: which row is which number's (``flows/guard.py``), reading and writing them in one atomic step
(``adapters/guard_steps.py``), money's unit (``core/sms.py``).

Rules:

* what is refused changes nothing at all, so that hammering moves no block;
* a breaker opens with the send that makes its figures bad, and closes by codes that come back, never by time alone;
* a number that gave a right code in the last 90 days, and a device that did, pass the breakers and are not in their
  figures: an attack on a range locks nobody out who was there before it, and does not hide behind them. Their
  neighbours within a range of ten thousand pass a country's breaker. All pay into budgets and buckets;
* a country that is blocked is open to whoever is at a hosted page and has their browser work for it, up to a rate:
  strangers who live there are not locked out, and who would buy their way in pays work for little;
* a budget is a ceiling: no hour, day or 30 days cost more, to the last message.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from watchword.core.instant import DAY, HOUR, MINUTE, Instant, Span
from watchword.core.limit import Charge, Rate

MODES = ("enforce", "monitor")
ENOUGH = 20  # sends of an hour, or of a day, from which on their share of right codes counts
LEAST = 0.30  # of sends that a right code must follow
NEIGHBOURS = 6  # numbers of one block of a thousand that were written to in a day and never answered
UNUSUAL = 40  # unanswered sends of the last minutes that a country may have beyond a share of what it is used to
SHARE = 4  # of the right codes of the last hour
PROBES = 3
PROVEN = 2  # probes that must come back
BLOCKS: tuple[Span, ...] = (10 * MINUTE, HOUR, 6 * HOUR, DAY)
REMEMBERED: Span = 2 * DAY  # openings that count when a block is measured
TRUST: Span = 90 * DAY
WORKED = (Rate(UNUSUAL, HOUR),)  # sends into a country that work was done for

_SLOT: Span = 5 * MINUTE
RIPE = 2  # slots after which a code that was to come has come

Ring = tuple[tuple[int, int, int], ...]  # slot, sends, right codes
Sums = tuple[tuple[int, int], ...]  # slot, money


class Budget(NamedTuple):
    """Ceilings in millionths of the currency; None is no ceiling."""

    hour: int | None = None
    day: int | None = None
    month: int | None = None


class GuardRules(NamedTuple):
    """What the operator chose. In mode ``monitor`` everything is decided and recorded, and nothing refused."""

    mode: str = "enforce"
    app_budget: Budget = Budget()
    global_budget: Budget = Budget()


class Traits(msgspec.Struct, frozen=True, array_like=True):
    """What the guard keeps of a number, with its verification: keyed hashes of it and of its two blocks.

    ``near`` is the block of a thousand numbers (without the last three digits), ``wide`` that of ten thousand;
    ``tail`` are the last three digits, which alone are nobody's number.
    """

    number: bytes
    near: bytes
    wide: bytes
    country: str
    tail: int


_TRAITS = msgspec.msgpack.Decoder(Traits).decode
_encode = msgspec.msgpack.Encoder().encode


def write_traits(traits: Traits) -> bytes:
    """The form in which a verification keeps them."""
    return _encode(traits)


def read_traits(kept: bytes) -> Traits:
    """Read what ``write_traits`` wrote."""
    return _TRAITS(kept)


class Line(msgspec.Struct, frozen=True, array_like=True):
    """The breaker of a block or country. ``unanswered`` are tails and times of sends, near blocks only.

    ``good_at`` is when anybody of it gave a right code, wide blocks only.
    """

    hour: Ring = ()
    day: Ring = ()
    unanswered: tuple[tuple[int, Instant], ...] = ()
    level: int = 0
    opened_at: Instant = 0
    until: Instant = 0
    probes: int = 0
    proven: int = 0
    good_at: Instant = 0


class Spent(msgspec.Struct, frozen=True, array_like=True):
    """What an app, or everybody, spent lately."""

    hour: Sums = ()
    day: Sums = ()
    month: Sums = ()


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A number's last right code."""

    verified_at: Instant = 0


class Plan(NamedTuple):
    """A send that is asked for. ``passes`` is for a device that proved itself; ``charges`` are the guard's buckets.

    ``page`` tells that somebody is, or will be, at a hosted page where work can be done; ``holds`` that the message can
    wait for that. ``worked`` is after how many sends of its verification work was done for the next one.
    """

    traits: Traits
    app: bytes
    price: int
    rules: GuardRules
    charges: tuple[Charge, ...] = ()
    passes: bool = False
    page: bool = False
    holds: bool = False
    worked: int | None = None

    def after(self, sends: int) -> Plan:
        """The plan where so many were sent: work that was done for another send counts no more."""
        return self if self.worked in {None, sends} else self._replace(worked=None)


class Rows(msgspec.Struct, frozen=True):
    """The guard's rows that a send touches, as they are or as they become."""

    known: Known
    near: Line
    wide: Line
    country: Line
    app: Spent
    everybody: Spent


class Verdict(NamedTuple):
    """What is done with a send, and why.

    ``allow``; ``challenge``: it waits until work is done for it; ``block``; ``monitor``: allowed, unlike by the rules.
    """

    decision: str
    reason: str = ""
    retry_after: Span = 0


ALLOWED = Verdict("allow")
REFUSING = frozenset({"block", "challenge"})


def keys_of(traits: Traits, app: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
    """The keys of the rows, in the order of ``Rows``."""
    return (
        b"n" + traits.number,
        b"3" + traits.near,
        b"4" + traits.wide,
        b"c" + traits.country.encode(),
        b"$" + app,
        b"$*",
    )


def decide(plan: Plan, rows: Rows, now: Instant) -> tuple[Verdict, Rows]:
    """Decide a send. What does not go out leaves the rows as they are; anything else gives those that become of it."""
    app = spend(rows.app, plan.rules.app_budget, plan.price, now)
    everybody = spend(rows.everybody, plan.rules.global_budget, plan.price, now)
    stranger = not (plan.passes or is_trusted(rows.known, now))
    verdict = _eased(plan, _broken(rows, now)) if stranger else ALLOWED
    if app is None or everybody is None:
        verdict = Verdict("block", "budget", _SLOT)
    if verdict.decision in REFUSING:
        if plan.rules.mode == "enforce":
            return verdict, rows
        verdict = verdict._replace(decision="monitor")
    return verdict, Rows(
        rows.known,
        send(rows.near, now, tail=plan.traits.tail) if stranger else rows.near,
        send(rows.wide, now) if stranger else rows.wide,
        send(rows.country, now, broad=True) if stranger else rows.country,
        app if app is not None else spend(rows.app, Budget(), plan.price, now) or rows.app,
        everybody if everybody is not None else spend(rows.everybody, Budget(), plan.price, now) or rows.everybody,
    )


def is_trusted(known: Known, now: Instant) -> bool:
    """Whether a number gave a right code lately."""
    return known.verified_at > 0 and now - known.verified_at < TRUST


def _broken(rows: Rows, now: Instant) -> Verdict:
    # Where people live who answer, a country's attackers are not: they hold ranges of their own.
    inhabited = now - rows.wide.good_at < TRUST
    for name, line in (("neighbours", rows.near), ("range", rows.wide), ("country", rows.country)):
        if now < line.until and not (inhabited and name == "country"):
            return Verdict("block", name, line.until - now)
    return ALLOWED


def _eased(plan: Plan, verdict: Verdict) -> Verdict:
    """What work makes of a block: of a country's alone, because a range that never answers is its owner's."""
    if verdict.reason != "country" or not plan.page:
        return verdict
    return verdict._replace(decision="challenge") if plan.worked is None else Verdict("allow", "work")


def send(line: Line, now: Instant, *, tail: int | None = None, broad: bool = False) -> Line:
    """Count a send, and open the breaker where that makes its figures bad. ``broad`` is a country's."""
    counted = Line(
        _bump(line.hour, _SLOT, HOUR, now, 1, 0),
        _bump(line.day, HOUR, DAY, now, 1, 0),
        line.unanswered if tail is None else _noted(line.unanswered, tail, now),
        *(line.level, line.opened_at, line.until, line.probes, line.proven, line.good_at),
    )
    if now < line.until:
        return counted  # monitored only: it is no probe
    if line.until:
        return _probed(counted, now)
    bad = _is_surging(counted, now) or _is_bad(counted, now, ripe=RIPE) if broad else _is_bad(counted, now)
    return _opened(counted, now) if bad else counted


def verify(line: Line, now: Instant, *, tail: int | None = None, broad: bool = False) -> Line:
    """Count a right code. Enough of them close the breaker."""
    counted = msgspec.structs.replace(
        line,
        hour=_bump(line.hour, _SLOT, HOUR, now, 0, 1),
        day=_bump(line.day, HOUR, DAY, now, 0, 1),
        unanswered=tuple(each for each in line.unanswered if each[0] != tail),
    )
    if not line.until:
        return counted
    if line.probes and line.proven + 1 >= PROVEN:
        # Afresh, but for how long it is blocked next time.
        return Line(level=line.level, opened_at=line.opened_at, good_at=line.good_at)
    counted = msgspec.structs.replace(counted, proven=line.proven + (line.probes > 0))
    # It may have opened while honest codes were on their way. Later ones are of people who pass it anyway.
    soon = now - line.opened_at < (RIPE + 1) * _SLOT
    healed = soon and not (_is_bad(counted, now) or (broad and _is_surging(counted, now)))
    return msgspec.structs.replace(counted, until=0, probes=0, proven=0) if healed else counted


def note_good(line: Line, now: Instant) -> Line:
    """Remember that somebody of a range gave a right code, to the day."""
    return line if now - line.good_at < DAY else msgspec.structs.replace(line, good_at=now)


def unsend(line: Line, now: Instant, *, tail: int | None = None) -> Line:
    """Take back a send that no provider took: a relay that is down must not look like fraud."""
    return msgspec.structs.replace(
        line,
        hour=_bump(line.hour, _SLOT, HOUR, now, -1, 0),
        day=_bump(line.day, HOUR, DAY, now, -1, 0),
        unanswered=tuple(each for each in line.unanswered if each[0] != tail),
    )


def spend(spent: Spent, budget: Budget, price: int, now: Instant) -> Spent | None:
    """Add a price; None where a ceiling would be passed.

    A window is counted in whole slots and one more than it has, so that no position of it holds more than its ceiling.
    """
    hour = _add(spent.hour, _SLOT, HOUR, budget.hour, price, now)
    day = None if hour is None else _add(spent.day, HOUR, DAY, budget.day, price, now)
    month = None if day is None else _add(spent.month, DAY, 30 * DAY, budget.month, price, now)
    return None if hour is None or day is None or month is None else Spent(hour, day, month)


def _add(sums: Sums, width: Span, span: Span, ceiling: int | None, price: int, now: Instant) -> Sums | None:
    slot, oldest = now // width, (now - span) // width
    if sums and sums[-1][0] == slot and sums[0][0] >= oldest:  # nearly always
        kept = (*sums[:-1], (slot, sums[-1][1] + price))
    else:
        found = {at: amount for at, amount in sums if oldest <= at <= slot + 1}
        found[slot] = found.get(slot, 0) + price
        kept = tuple(found.items())
    return None if ceiling is not None and sum([amount for _, amount in kept]) > ceiling else kept


def _bump(ring: Ring, width: Span, span: Span, now: Instant, sends: int, codes: int) -> Ring:
    slot = now // width
    oldest = slot - span // width
    if ring and ring[-1][0] == slot and ring[0][0] >= oldest:  # nearly always
        _, earlier_sends, earlier_codes = ring[-1]
        return (*ring[:-1], (slot, earlier_sends + sends, earlier_codes + codes))
    kept = tuple(each for each in ring if oldest <= each[0] < slot)
    return (*kept, (slot, sends, codes))


def _counts(ring: Ring, width: Span, span: Span, now: Instant, ripe: int = 0) -> tuple[int, int]:
    """Sends and right codes of a window. Of ``ripe`` slots at its end the sends are not counted yet."""
    slot = now // width
    oldest, newest = slot - span // width, slot - ripe
    sends = codes = 0
    for at, sent, came in ring:
        if at >= oldest:
            codes += came
            sends += sent if at <= newest else 0
    return sends, codes


def _is_bad(line: Line, now: Instant, ripe: int = 0) -> bool:
    sends, codes = _counts(line.hour, _SLOT, HOUR, now, ripe)
    if sends >= ENOUGH and codes < LEAST * sends:
        return True
    sends, codes = _counts(line.day, HOUR, DAY, now, 1 if ripe else 0)
    many = sends >= ENOUGH or len(line.unanswered) >= NEIGHBOURS
    return many and codes < LEAST * max(sends, 1)


def _is_surging(line: Line, now: Instant) -> bool:
    """Whether far more is unanswered than a country's usual traffic explains: a burst before its codes are due."""
    ripe, _ = _counts(line.hour, _SLOT, HOUR, now, RIPE)
    sends, codes = _counts(line.hour, _SLOT, HOUR, now)
    young = sum([came for at, _, came in line.hour if at > now // _SLOT - RIPE])
    return sends - ripe - young > UNUSUAL + codes // SHARE


def _opened(line: Line, now: Instant) -> Line:
    level = line.level if now - line.opened_at < REMEMBERED else 0
    block = BLOCKS[min(level, len(BLOCKS) - 1)]
    return msgspec.structs.replace(line, level=level + 1, opened_at=now, until=now + block, probes=0, proven=0)


def _probed(line: Line, now: Instant) -> Line:
    probes = line.probes % PROBES + 1
    if probes < PROBES:
        return msgspec.structs.replace(line, probes=probes, proven=line.proven if line.probes < PROBES else 0)
    # Until they come back nothing more goes out, for longer than last time; their codes still count as proof.
    return msgspec.structs.replace(_opened(line, now), probes=PROBES, proven=line.proven)


def _noted(unanswered: tuple[tuple[int, Instant], ...], tail: int, now: Instant) -> tuple[tuple[int, Instant], ...]:
    kept = [each for each in unanswered if each[0] != tail and now - each[1] < DAY]
    return (*kept[1 - 2 * NEIGHBOURS :], (tail, now))
