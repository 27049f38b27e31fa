"""A calm range: ten thousand numbers of which so few were written to that no rule asks for figures yet.

Of such a range what happened is kept as it came, and of its blocks nothing: most ranges never get further. With the
first send that a rule could refuse, or open a breaker for, it is counted as if it had been from the start.

Not handled here: figures and breakers (``core/breaker.py``), who is a stranger (``core/guard.py``).

Rules:

* what is decided is what figures would have led to, to the send;
* what is dropped from it decides nothing any more: it is older than every window and every bucket remembers.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchword.core import breaker, limit
from watchword.core.breaker import ENOUGH, NEIGHBOURS, REMEMBERED, Event, Line
from watchword.core.instant import DAY, Instant
from watchword.core.limit import FRESH, Rate

# What happened: a stranger was written to, or somebody who passes breakers; a code came back; no provider took it.
SENT, PASSED, CAME_BACK, NOT_SENT = range(4)

BLOCK_SIZE = 1_000  # numbers

FRESH_RANGE = Line(paid=FRESH, calm=())


def most_sends(near: tuple[Rate, ...], wide: tuple[Rate, ...]) -> int:
    """To how many sends no rule says no, wherever in a range they go: with these rates of a block and of the whole.

    To none where a bucket remembers for longer than a day: a calm range is forgotten after two.
    """
    rates = (*near, *wide)
    if any(rate.per > DAY for rate in rates):
        return 0
    return min(NEIGHBOURS - 1, ENOUGH - 1, *(rate.count for rate in rates))


def with_room(line: Line, most: int, now: Instant) -> Line | None:
    """The range, if it is calm still after one send more, without what is too old to count."""
    events = line.calm
    if events is None or not most:
        return None
    if not events:
        return line
    if max(events)[0] > now:  # buckets refuse more after a clock stepped back
        return None
    if now - min(events)[0] >= REMEMBERED:
        events = tuple([event for event in events if now - event[0] < REMEMBERED])
        line = msgspec.structs.replace(line, calm=events)
    return line if len(events) < most or _sends(events) < most else None


def _sends(events: tuple[Event, ...]) -> int:
    return sum([what <= PASSED for _, _, what in events])


def note(line: Line, now: Instant, place: int, what: int) -> Line:
    """Write down what happened to the number at a place in the range."""
    if line is FRESH_RANGE:  # often
        return Line(paid=FRESH, calm=((now, place, what),))
    return msgspec.structs.replace(line, calm=(*(line.calm or ()), (now, place, what)))


def blocks_of(line: Line) -> set[int]:
    """The blocks of a calm range in which anything happened."""
    return {place // BLOCK_SIZE for _, place, _ in line.calm or ()}


def counted(
    line: Line, blocks: Mapping[int, Line], near: tuple[Rate, ...], wide: tuple[Rate, ...]
) -> tuple[Line, dict[int, Line]]:
    """The figures of a calm range, and those of its blocks, as if what happened had been counted when it did.

    ``blocks`` are their rows so far; ``near`` and ``wide`` the rates of a block and of the range.
    """
    figures, lines = Line(good_at=line.good_at, paid=FRESH), dict(blocks)
    for at, place, what in line.calm or ():
        which, tail = divmod(place, BLOCK_SIZE)
        figures = _counted(figures, wide, at, None, what)
        lines[which] = _counted(lines[which], near, at, tail, what)
    return figures, lines


def _counted(line: Line, rates: tuple[Rate, ...], at: Instant, tail: int | None, what: int) -> Line:
    if what == CAME_BACK:
        return breaker.verify(line, at, tail=tail)
    if what == NOT_SENT:
        return breaker.unsend(line, at, tail=tail)
    paid, _ = limit.send(line.paid or FRESH, rates, at)
    return breaker.count(line, at, tail, paid, stranger=what == SENT)


def forgiven(line: Line) -> Line:
    """A row without its figures. Its bucket stays: it is not one recipient's to empty."""
    events = line.calm
    if events is not None:
        events = tuple([(at, place, PASSED) for at, place, what in events if what <= PASSED])
    return Line(paid=line.paid, calm=events)
