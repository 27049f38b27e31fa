"""The breaker of a block of numbers, or of a country: how many sends were followed by a right code.

    closed ── too few codes come back ──▶ open (10 min, 1 h, 6 h, 24 h)
      ▲                                     │ time
      └── two of three probes come back ── half-open ── three probes out ──▶ open, for longer

Not handled here: whom a breaker that is open stops (``core/guard.py``).

Rules:

* a breaker opens with the send that makes its figures bad, and closes by codes that come back, never by time alone;
* a country, which every send counts in, is not counted anew by each (docs/adr/0038): within a slot of five minutes it
  has so much ``room`` until a rule could decide otherwise, and ``added`` tells how much of it is used. ``settle``
  counts that, before anything else is done with a line and before it is written.
"""

from __future__ import annotations

import msgspec

from watchword.core.instant import DAY, HOUR, MINUTE, Instant, Span
from watchword.core.limit import BOUNDLESS, FRESH, Arrivals

ENOUGH = 20  # sends of an hour, or of a day, from which on their share of right codes counts
LEAST = 0.30  # of sends that a right code must follow
NEIGHBOURS = 6  # numbers of one block of a thousand that were written to in a day and never answered
UNUSUAL = 40  # unanswered sends of the last minutes that a country may have beyond a share of what it is used to
SHARE = 4  # of the right codes of the last hour
PROBES = 3
PROVEN = 2  # probes that must come back
BLOCKS: tuple[Span, ...] = (10 * MINUTE, HOUR, 6 * HOUR, DAY)
REMEMBERED: Span = 2 * DAY  # openings that count when a block is measured
SLOT: Span = 5 * MINUTE
RIPE = 2  # slots after which a code that was to come has come
SLOTS_AN_HOUR, HOURS_A_DAY = HOUR // SLOT, 24

Ring = tuple[tuple[int, int, int], ...]  # slot, sends, right codes
Event = tuple[Instant, int, int]  # when, the number's place in its range, what (``core/calm.py``)


class Line(msgspec.Struct, frozen=True, array_like=True):
    """The breaker of a block or country. ``unanswered`` are tails and times of sends, near blocks only.

    ``good_at`` is when anybody of it gave a right code, wide blocks only. ``paid`` is the bucket of a block's sends,
    kept with it because whoever needs the one needs the other; None where it lies among the buckets still, as it did
    before docs/adr/0038. ``slot``, ``room`` and ``added`` are a country's alone, until it is settled. ``calm`` is what
    happened in a range of which no figures are made yet; None where they are (``core/calm.py``).
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
    paid: Arrivals | None = None
    slot: int = 0
    room: int = 0
    added: int = 0
    calm: tuple[Event, ...] | None = None


FRESH_LINE = Line(paid=FRESH)


def count(line: Line, now: Instant, tail: int | None, paid: Arrivals | None, *, stranger: bool) -> Line:
    """Count a send of a block or range, in its bucket and, where it is a stranger's, in its figures."""
    if not stranger:
        return line if paid == line.paid else msgspec.structs.replace(line, paid=paid)
    if line is FRESH_LINE:  # one send alone opens nothing
        noted = () if tail is None else ((tail, now),)
        return Line(((now // SLOT, 1, 0),), ((now // HOUR, 1, 0),), noted, paid=paid)
    return send(line, now, tail=tail, paid=paid)


def send(
    line: Line, now: Instant, *, tail: int | None = None, broad: bool = False, paid: Arrivals | None = None
) -> Line:
    """Count a send, and open the breaker where that makes its figures bad. ``broad`` is a country's.

    ``paid`` is what becomes of its bucket.
    """
    slot, until = now // SLOT, line.until
    if line.room and line.slot == slot and (not until or now < until):
        return count_on(line, 1)
    counted = _counted(line, now, tail, paid)
    if now < until:  # monitored only: it is no probe
        return msgspec.structs.replace(counted, slot=slot, room=BOUNDLESS) if broad else counted
    if until:
        return _probed(counted, now)
    if not broad:
        return _opened(counted, now) if _is_bad(counted, now) else counted
    room = _room(counted, now)
    if room < 0 or _is_bad(counted, now, ripe=RIPE):
        return _opened(counted, now)
    # Later sends of this slot are not ripe in it, and a code makes nothing worse.
    return msgspec.structs.replace(counted, slot=slot, room=room)


def count_on(line: Line, sends: int) -> Line:
    """Count sends within a slot for which a country has room."""
    return msgspec.structs.replace(line, room=line.room - sends, added=line.added + sends)


def _counted(line: Line, now: Instant, tail: int | None, paid: Arrivals | None) -> Line:
    if line.slot:
        line = settle(line)
    return Line(
        _bump(line.hour, now // SLOT, SLOTS_AN_HOUR, 1, 0),
        _bump(line.day, now // HOUR, HOURS_A_DAY, 1, 0),
        line.unanswered if tail is None else _noted(line.unanswered, tail, now),
        line.level,
        line.opened_at,
        line.until,
        line.probes,
        line.proven,
        line.good_at,
        line.paid if paid is None else paid,
    )


def settle(line: Line) -> Line:
    """A line as it is kept: what was added is counted where it belongs."""
    slot = line.slot
    if not slot:
        return line
    return msgspec.structs.replace(
        line,
        hour=_bump(line.hour, slot, SLOTS_AN_HOUR, line.added, 0),
        day=_bump(line.day, slot * SLOT // HOUR, HOURS_A_DAY, line.added, 0),
        slot=0,
        room=0,
        added=0,
    )


def verify(line: Line, now: Instant, *, tail: int | None = None, broad: bool = False) -> Line:
    """Count a right code. Enough of them close the breaker."""
    line = settle(line)
    counted = msgspec.structs.replace(
        line,
        hour=_bump(line.hour, now // SLOT, SLOTS_AN_HOUR, 0, 1),
        day=_bump(line.day, now // HOUR, HOURS_A_DAY, 0, 1),
        unanswered=tuple(each for each in line.unanswered if each[0] != tail),
    )
    if not line.until:
        return counted
    if line.probes and line.proven + 1 >= PROVEN:
        # Afresh, but for how long it is blocked next time.
        return Line(level=line.level, opened_at=line.opened_at, good_at=line.good_at, paid=line.paid)
    counted = msgspec.structs.replace(counted, proven=line.proven + (line.probes > 0))
    # It may have opened while honest codes were on their way. Later ones are of people who pass it anyway.
    soon = now - line.opened_at < (RIPE + 1) * SLOT
    healed = soon and not (_is_bad(counted, now) or (broad and _room(counted, now) < 0))
    return msgspec.structs.replace(counted, until=0, probes=0, proven=0) if healed else counted


def note_good(line: Line, now: Instant) -> Line:
    """Remember that somebody of a range gave a right code, to the day."""
    return line if now - line.good_at < DAY else msgspec.structs.replace(line, good_at=now)


def unsend(line: Line, now: Instant, *, tail: int | None = None) -> Line:
    """Take back a send that no provider took: a relay that is down must not look like fraud."""
    line = settle(line)
    return msgspec.structs.replace(
        line,
        hour=_bump(line.hour, now // SLOT, SLOTS_AN_HOUR, -1, 0),
        day=_bump(line.day, now // HOUR, HOURS_A_DAY, -1, 0),
        unanswered=tuple(each for each in line.unanswered if each[0] != tail),
    )


def _bump(ring: Ring, slot: int, back: int, sends: int, codes: int) -> Ring:
    """Count in a slot, and forget what lies more than ``back`` slots before it, and what lies after."""
    if not ring:
        return ((slot, sends, codes),)
    last, earlier_sends, earlier_codes = ring[-1]
    if last == slot and ring[0][0] >= slot - back:  # nearly always
        return (*ring[:-1], (slot, earlier_sends + sends, earlier_codes + codes))
    return (*[each for each in ring if slot - back <= each[0] < slot], (slot, sends, codes))


def _is_bad(line: Line, now: Instant, ripe: int = 0) -> bool:
    """Whether too few codes came back. The rings end with the slot of now, and hold nothing older than their windows.

    Of ``ripe`` slots at the end of an hour, and of the last one of a day then, the sends are not counted yet.
    """
    many = len(line.unanswered) >= NEIGHBOURS
    if len(line.hour) == 1 == len(line.day) and line.hour[0][1] < ENOUGH > line.day[0][1] and not many:
        return False  # of a block nearly always: too little for any rule
    sends, codes = _counts(line.hour, now // SLOT - ripe)
    if sends >= ENOUGH and codes < LEAST * sends:
        return True
    sends, codes = _counts(line.day, now // HOUR - (ripe > 0))
    return (many or sends >= ENOUGH) and codes < LEAST * max(sends, 1)


def _counts(ring: Ring, newest: int) -> tuple[int, int]:
    """Sends up to a slot, and all right codes."""
    sends = codes = 0
    for at, sent, came in ring:
        codes += came
        if at <= newest:
            sends += sent
    return sends, codes


def _room(line: Line, now: Instant) -> int:
    """How many more a country may be sent to in this slot; less than none, where it is surging.

    It is where far more is unanswered than its usual traffic explains: a burst before its codes are due.
    """
    ripened = now // SLOT - RIPE
    young = codes = 0
    for at, sent, came in line.hour:
        codes += came
        if at > ripened:
            young += sent - came
    return UNUSUAL + codes // SHARE - young


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
    if not unanswered:
        return ((tail, now),)
    kept = [each for each in unanswered if each[0] != tail and now - each[1] < DAY]
    return (*kept[1 - 2 * NEIGHBOURS :], (tail, now))
