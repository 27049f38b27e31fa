"""Limits for support: why somebody gets no code, and letting them have one again.

Not handled here: who may do this (whoever may read the database and the key file), the buckets' arithmetic
(``core/limit.py``, ``core/guard.py``, ``core/budget.py``).

Rules: a recipient is named once and shown masked; every reset is recorded with who asked for it; budgets of
money and countries are nobody's to reset, and a streak is ended by ``binding`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from watchword.core import limit, recipient
from watchword.core.app import App
from watchword.core.breaker import Line
from watchword.core.budget import Budget, Spent, spent_lately
from watchword.core.guard import EVERYBODY, Known, app_key, country_key, keys_of
from watchword.core.instant import Instant, seconds_until
from watchword.core.limit import Charge
from watchword.core.number import is_number, read_number
from watchword.core.policy import Rules
from watchword.flows.guard import recipient_charge, traits_of
from watchword.flows.keys import Keys
from watchword.ports import Audit, Clock
from watchword.ports_limit import BucketKeys, Buckets, LimitStore

_LANES = ("anybody", "known device")
_BLOCKS = ("block", "range")


class Shown(NamedTuple):
    """One limit: what it is, whom it is for, and how long it refuses still.

    ``streak`` is of wrong guesses in a row; ``quiet`` for how long mail is answered as if it were sent, and is not.
    """

    limit: str
    lane: str
    wait: int
    streak: int = 0
    quiet: int = 0


class Budgeted(NamedTuple):
    """What texts cost within a window, in millionths of the currency, and what they may; None is no ceiling.

    ``whose`` is the app's or that of all; ``window`` an hour, a day or a month, which is 30 days.
    """

    whose: str
    window: str
    spent: int
    ceiling: int | None


class _Named(NamedTuple):
    masked: str
    sends: list[Charge]  # by lane, as guesses are; of a number for their rates alone
    row: bytes | None  # of the guard, in which a number's buckets of sends are
    guesses: list[bytes]
    guard: dict[bytes, str]

    def keys(self, guard: Iterable[bytes]) -> BucketKeys:
        if self.row is None:
            return BucketKeys([charge.key for charge in self.sends], self.guesses, ())
        return BucketKeys((), self.guesses, [self.row, *guard])

    def arrivals(self, found: Buckets) -> Sequence[limit.Arrivals]:
        if self.row is None:
            return [found.sends[charge.key] for charge in self.sends]
        known = found.guard.get(self.row)
        return known.sends if isinstance(known, Known) else Known().sends


class SupportDesk:
    """The flow."""

    def __init__(self, store: LimitStore, keys: Keys, clock: Clock, audit: Audit, rules: Rules) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._audit = audit
        self._rules = rules

    async def show(self, app: App, to: str, *, by: str) -> tuple[str, list[Shown]]:
        """The masked recipient and every limit of its own in an app; of a number its block's, range's and country's.

        ``by`` is who looks. Limits of sources and apps are not a recipient's, nor are ``budgets``.

        Raises:
            InvalidInputError: it is neither an address nor a number.
            StoreError: it cannot be read.
        """
        now = self._clock.now()
        named = self._named(app, to)
        found = await self._store.buckets(named.keys(named.guard))
        self._audit.record("support.shown", app=app.name, recipient=named.masked, by=by)
        return named.masked, [
            *(
                _sends(lane, charge, arrivals, now)
                for lane, charge, arrivals in zip(_LANES, named.sends, named.arrivals(found), strict=True)
            ),
            *(self._guesses(lane, found.guesses[key], now) for lane, key in zip(_LANES, named.guesses, strict=True)),
            *(
                Shown(named.guard[key], _LANES[0], seconds_until(row.until, now))
                for key, row in found.guard.items()
                if isinstance(row, Line)
            ),
        ]

    async def budgets(self, app: App) -> list[Budgeted]:
        """What an app's texts cost lately, and those of all apps; nothing where there are no texts.

        Raises:
            StoreError: it cannot be read.
        """
        sms, now = self._rules.sms, self._clock.now()
        if sms is None:
            return []
        kept = {
            app_key(app.id): ("this app", sms.guard.app_budget),
            EVERYBODY: ("all apps", sms.guard.global_budget),
        }
        found = (await self._store.buckets(BucketKeys((), (), [*kept]))).guard
        shown = []
        for key, (whose, budget) in kept.items():
            row = found.get(key)
            spent = spent_lately(row if isinstance(row, Spent) else Spent(), now)
            shown += [Budgeted(whose, *each) for each in zip(Budget._fields, spent, budget, strict=True)]
        return shown

    async def reset(self, app: App, to: str, *, by: str, block: bool = False) -> str:
        """Empty its own, and return the masked recipient. ``by`` is who asked for it.

        With ``block`` the figures of its block and range as well, which count for ten thousand numbers.

        Raises: as ``show``.
        """
        named = self._named(app, to)
        guard = [key for key, name in named.guard.items() if block and name in _BLOCKS]
        await self._store.empty(named.keys(guard), now=self._clock.now())
        self._audit.record("support.reset", app=app.name, recipient=named.masked, by=by, block=block)
        return named.masked

    def _named(self, app: App, to: str) -> _Named:
        ring = self._keys.ring
        number = read_number(to, field="recipient") if is_number(to) else None
        address = recipient.read_email(to) if number is None else number.e164
        hashed = recipient.lookup(ring, "email" if number is None else "sms", address)
        guesses = [limit.guesses_key(lane, app.id, hashed) for lane in limit.LANES]
        if number is None:
            sends = [recipient_charge(self._rules, lane, hashed) for lane in limit.LANES]
            return _Named(recipient.mask(address), sends, None, guesses, {})
        own, near, wide = keys_of(traits_of(ring, number, hashed))
        sends = [Charge(own, self._rules.sms_limits.number_sends)] * len(limit.LANES)
        guard = {near: "block", wide: "range", country_key(number.country): "country"}
        return _Named(recipient.mask(address), sends, own, guesses, guard)

    def _guesses(self, lane: str, guesses: limit.Guesses, now: Instant) -> Shown:
        wait = limit.guess_wait(guesses.log, self._rules.limits.wrong_guesses, now)
        return Shown("guesses", lane, seconds_until(now + wait, now), guesses.streak)


def _sends(lane: str, charge: Charge, arrivals: limit.Arrivals, now: Instant) -> Shown:
    _, longest = limit.send(arrivals, charge.rates, now)
    _, wait = limit.send(arrivals, charge.loud, now)
    quiet = seconds_until(now + longest, now) if longest > wait else 0
    return Shown("sends", lane, seconds_until(now + wait, now), quiet=quiet)
