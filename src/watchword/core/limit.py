"""Limits: pure arithmetic over a bucket's state and now.

Sends use GCRA (a bucket is one number a window, the theoretical arrival time), wrong guesses an exact sliding
log (a bucket is the instants of the guesses), because a guess budget must hold to the unit.

Not handled here: which buckets a request pays into (``flows/verification.py``), and how a bucket is read and
written in one atomic step (the stores).

Rules: a refused request changes no bucket at all; success or failure elsewhere never refills one; instants that
lie in the future, after a clock stepped back, count as they stand, but for those that no honest clock wrote.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Instant, Span

WINDOWS = 2  # a send bucket holds at most two rates, so that it is one row of two numbers

LONGEST_SPAN: Span = 30 * DAY  # of a rate
LONGEST_GUESS_SPAN: Span = 2 * DAY  # of a budget of wrong guesses; older ones may be purged

Arrivals = tuple[Instant, Instant]
FRESH: Arrivals = (0, 0)

BOUNDLESS = 2**62  # more than any bucket takes

LANES = (0, 1)  # anybody's, and that of a device which proved itself before
_SENDS = (b"r0", b"r1")
_GUESSES = (b"g0", b"g1")


def sends_key(lane: int, recipient: bytes) -> bytes:
    """The bucket of sends to a mailbox in a lane, whichever app sends. Those of a number are in ``guard.Known``."""
    return _SENDS[lane] + recipient


def guesses_key(lane: int, app: bytes, recipient: bytes) -> bytes:
    """The bucket of wrong guesses for a recipient of an app in a lane."""
    return _GUESSES[lane] + app + recipient


class Rate(NamedTuple):
    """For sends (GCRA): up to ``count`` at once, then one each ``per / count``, so below ``2 * count`` in any ``per``.

    For wrong guesses (sliding log): at most ``count`` in any span ``per``, exactly.
    """

    count: int  # type: ignore[assignment]  # hides a tuple's method that nobody misses
    per: Span


class Charge(msgspec.Struct, frozen=True, array_like=True):
    """One bucket that a send pays into: the row's key and its rates, at most two.

    Where it is ``quiet``, the last rate refuses nothing: what is beyond it is answered as if it were sent.
    """

    key: bytes
    rates: tuple[Rate, ...]
    quiet: bool = False

    @property
    def loud(self) -> tuple[Rate, ...]:
        """The rates that refuse."""
        return self.rates[:-1] if self.quiet else self.rates


class Left(msgspec.Struct, frozen=True, array_like=True):
    """What the tightest of several buckets takes still: so many more, and how long until it takes one more than that.

    Which bucket it is, is not told.
    """

    more: int
    wait: Span


class Allowance(msgspec.Struct, frozen=True):
    """What an authenticated caller is told of the limits that its request met: their name and rates, and what is left.

    The rates are a recipient's, whichever bucket is the tightest.
    """

    name: str
    rates: tuple[Rate, ...]
    left: Left


_UNITS = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}


def read_rates(text: str, longest: Span = LONGEST_SPAN) -> tuple[Rate, ...]:
    """Read ``3/10min, 10/d``: at most two rates, units s, min, h and d. An empty text is no limit.

    ``longest`` is the longest span a rate may have.

    Raises:
        ValueError: it is not of that form, or a count or span is not positive.
    """
    rates = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        count, slash, span = part.partition("/")
        number = span.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = _UNITS.get(span[len(number) :])
        if not slash or unit is None or not count.isdecimal() or (number and not number.isdecimal()):
            raise ValueError(f"'{part}' is not a rate such as 3/10min")
        rates.append(Rate(int(count), int(number or 1) * unit))
    if len(rates) > WINDOWS or any(rate.count < 1 or not rate.count <= rate.per <= longest for rate in rates):
        raise ValueError(f"'{text}' is not one or two rates such as 3/10min, 10/d, of at most {longest // DAY} days")
    return tuple(rates)


def told(name: str, rates: Sequence[Rate]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Rates as an error carries them: a name, and counts with spans in whole seconds."""
    return name, tuple((count, max(1, per // SECOND)) for count, per in rates)


def write_rates(rates: Sequence[Rate]) -> str:
    """Write rates as ``read_rates`` reads them."""
    return ", ".join(f"{count}/{_written(per)}" for count, per in rates)


def _written(per: Span) -> str:
    unit = next(unit for unit in reversed(_UNITS) if per % _UNITS[unit] == 0)
    return f"{'' if per == _UNITS[unit] else per // _UNITS[unit]}{unit}"


def send(arrivals: Arrivals, rates: tuple[Rate, ...], now: Instant) -> tuple[Arrivals, Span]:
    """Charge one send. Returns the bucket's next state and 0, or its old state and the span to wait.

    GCRA: each send moves the theoretical arrival time on by ``per / count``; it is refused where that would run
    more than ``per`` ahead of now.
    """
    first, second = arrivals
    wait = later = 0
    if rates:
        first, wait = _moved(first, rates[0], now)
    if len(rates) > 1:
        second, later = _moved(second, rates[1], now)
    if wait > 0 or later > 0:
        return arrivals, max(wait, later)
    return (first, second), 0


def _moved(arrival: Instant, rate: Rate, now: Instant) -> tuple[Instant, Span]:
    """A window's next theoretical arrival time, and how far beyond what it takes: positive where it refuses."""
    count, per = rate
    # Rounded up, so that a rate which does not divide its span lets no more through at once than it says.
    share = -(-per // count)
    # So far ahead it was written by a clock that leapt and came back: it must not lock people out for as long.
    if not now <= arrival <= now + 2 * per:
        arrival = now
    arrival += share
    return arrival, arrival - share * count - now


def left(paid: Iterable[tuple[Arrivals, Sequence[Rate]]], now: Instant) -> Left | None:
    """What the tightest window of these buckets takes still; None where nothing limits."""
    fewest, longest = BOUNDLESS, 0
    for arrivals, rates in paid:
        for arrival, (count, per) in zip(arrivals, rates, strict=False):  # a bucket has room for more rates than it has
            share = -(-per // count)
            spare, over = divmod(now - arrival, share)
            more = count + spare
            if more < fewest:
                fewest, longest = more, share - over
            elif more == fewest and share - over > longest:
                longest = share - over
    return Left(fewest, longest) if fewest < BOUNDLESS else None


@lru_cache
def _untouched(budgets: tuple[Rate, ...]) -> Left | None:
    return Left(min(count for count, _ in budgets), 0) if budgets else None


def guesses_left(log: Sequence[Instant], budgets: tuple[Rate, ...], now: Instant) -> Left | None:
    """``left`` of budgets of wrong guesses."""
    if not log:  # nearly always
        return _untouched(budgets)
    tightest: Left | None = None
    for count, per in budgets:
        recent = log[bisect_right(log, now - per) : bisect_right(log, now + per)]
        more = max(0, count - len(recent))
        wait = recent[0] + per - now if recent else 0
        if tightest is None or more < tightest.more:
            tightest = Left(more, wait)
    return tightest


def spend(arrivals: Arrivals, rates: tuple[Rate, ...], amounts: tuple[int, ...], now: Instant) -> tuple[Arrivals, Span]:
    """``send`` for what comes in amounts, one for each rate: so many bytes of a day's, say."""
    moved = list(arrivals)
    wait = 0
    for window, (rate, amount) in enumerate(zip(rates, amounts, strict=True)):
        share = -(-rate.per // rate.count)
        arrival = arrivals[window]
        if not now <= arrival <= now + 2 * share * rate.count:  # see send
            arrival = now
        arrival += share * amount
        wait = max(wait, arrival - share * rate.count - now)
        moved[window] = arrival
    return (arrivals, wait) if wait > 0 else ((moved[0], moved[1]), 0)


class GuessLimits(NamedTuple):
    """Budgets of wrong guesses for one app and recipient, longest window last.

    ``ceiling`` is how many consecutive wrong guesses close the channel for the recipient.
    """

    budgets: tuple[Rate, ...]
    ceiling: int


class Guesses(NamedTuple):
    """The wrong guesses of one bucket: instants of the recent ones, ascending, and the consecutive count."""

    log: tuple[Instant, ...] = ()
    streak: int = 0


UNTRIED = Guesses()


def guess_wait(log: Sequence[Instant], budgets: tuple[Rate, ...], now: Instant) -> Span:
    """How long until another guess may be evaluated; 0 where one may be now."""
    wait = 0
    for count, per in budgets:
        # What lies further ahead than a whole span was written by a clock that leapt and came back.
        credible = bisect_right(log, now + per)
        # The guess that must leave the window before another fits in is the count-th youngest.
        if credible >= count:
            wait = max(wait, log[credible - count] + per - now)
    return wait


def note_wrong(guesses: Guesses, limits: GuessLimits, now: Instant) -> Guesses:
    """Add one evaluated wrong guess, and forget those that no window reaches any more."""
    longest = max((rate.per for rate in limits.budgets), default=0)
    kept = guesses.log[bisect_right(guesses.log, now - longest) : bisect_right(guesses.log, now + longest)]
    return Guesses(tuple(sorted((*kept, now))), guesses.streak + 1)


def is_idle(guesses: Guesses, now: Instant) -> bool:
    """Whether a bucket of wrong guesses limits nothing any more."""
    at = idle_at(guesses)
    return at is not None and at <= now


def idle_at(guesses: Guesses) -> Instant | None:
    """From when on a bucket limits nothing; None for a streak, which is not forgotten by waiting."""
    if guesses.streak:
        return None
    return guesses.log[-1] + LONGEST_GUESS_SPAN if guesses.log else 0


def note_right(guesses: Guesses) -> Guesses:
    """End the streak. The log stays: a right guess buys no further wrong ones."""
    return Guesses(guesses.log, 0)
