"""The fraud guard: whether a message that costs money goes out, decided before anybody is paid.

SMS pumping asks for codes to numbers that somebody earns by, and never types them. So the guard watches, for ranges of
numbers and for countries, how many sends were followed by a right code; counts money; and keeps numbers, their
ranges, sources, apps and all together within sliding buckets.

Not handled here: breakers by themselves (``core/breaker.py``), ranges that need none yet (``core/calm.py``), budgets by
themselves (``core/budget.py``), how a number is hashed (``flows/guard.py``), reading and writing rows in one atomic
step (``adapters/guard_steps.py``), money's unit (``core/sms.py``).

Rules:

* what is refused changes nothing at all, so that hammering moves no block;
* a number that gave a right code in the last 90 days, and a device that did, pass the breakers and are not in their
  figures: an attack on a range locks nobody out who was there before it, and does not hide behind them. Their
  neighbours within a range of ten thousand pass a country's breaker. All pay into budgets and buckets;
* a country that is blocked is open to whoever is at a hosted page and has their browser work for it, up to a rate:
  strangers who live there are not locked out, and who would buy their way in pays work for little.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from watchword.core import breaker, budget, calm, limit
from watchword.core.breaker import SLOT, UNUSUAL, Line
from watchword.core.budget import Budget, Spent
from watchword.core.instant import DAY, HOUR, Instant, Span
from watchword.core.limit import BOUNDLESS, FRESH, Arrivals, Charge, Rate

MODES = ("enforce", "monitor")
TRUST: Span = 90 * DAY
WORKED = (Rate(UNUSUAL, HOUR),)  # sends into a country that work was done for

_BLOCKS = 10  # of a range

JointKeys = tuple[bytes, bytes, bytes]  # of a country, an app and everybody


class GuardRules(NamedTuple):
    """What the operator chose. In mode ``monitor`` all is decided and recorded, and nothing refused but by a budget."""

    mode: str = "enforce"
    app_budget: Budget = Budget()
    global_budget: Budget = Budget()


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """What holds for every send until the operator chooses otherwise: the rules, and the rates of a number's buckets.

    ``number`` are its own, ``near`` those of a thousand neighbours, ``wide`` those of ten thousand; ``most_calm`` is
    how many sends a range takes before a rule can ask for its figures: it follows from the last two, and is worked out
    where they are read.
    """

    rules: GuardRules
    number: tuple[Rate, ...] = ()
    near: tuple[Rate, ...] = ()
    wide: tuple[Rate, ...] = ()
    most_calm: int = 0


class Traits(msgspec.Struct, frozen=True, array_like=True):
    """What the guard keeps of a number, with its verification: keyed hashes of it and of its two blocks.

    ``near`` is the block of a thousand numbers (without the last three digits), ``wide`` the range of ten thousand;
    ``tail`` are the last three digits, which alone are nobody's number. The last byte of ``near`` tells which of its
    range's ten blocks it is, in an order that is the range's secret.
    """

    number: bytes
    near: bytes
    wide: bytes
    country: str
    tail: int

    @property
    def block(self) -> int:
        """Which block of its range it is, in that order."""
        return self.near[-1] % _BLOCKS

    @property
    def place(self) -> int:
        """The number's place in its range, in that order."""
        return self.block * calm.BLOCK_SIZE + self.tail

    def block_key(self, block: int) -> bytes:
        """The key of a block of its range."""
        return b"3" + self.near[:-1] + bytes((block,))


_TRAITS = msgspec.msgpack.Decoder(Traits).decode
_encode = msgspec.msgpack.Encoder().encode


@lru_cache(maxsize=8)  # few are in use at a time, and every send comes with them
def _read_terms(kept: bytes) -> Terms:
    terms = msgspec.msgpack.decode(kept, type=Terms)
    return msgspec.structs.replace(terms, most_calm=calm.most_sends(terms.near, terms.wide))


def write_terms(terms: Terms) -> bytes:
    """The form in which a plan carries them to whoever decides, which may be another process."""
    return _encode(terms)


def write_traits(traits: Traits) -> bytes:
    """The form in which a verification keeps them."""
    return _encode(traits)


def read_traits(kept: bytes) -> Traits:
    """Read what ``write_traits`` wrote."""
    return _TRAITS(kept)


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A number's last right code, and the buckets of what it was sent, one a lane."""

    verified_at: Instant = 0
    sends: tuple[Arrivals, Arrivals] = (FRESH, FRESH)


class Plan(msgspec.Struct, frozen=True, array_like=True):
    """A send that is asked for. ``passes`` is for a device that proved itself.

    ``kept_terms`` are its terms as ``write_terms`` wrote them; ``charges`` are the guard's other buckets.

    ``page`` tells that somebody is, or will be, at a hosted page where work can be done; ``holds`` that the message can
    wait for that. ``worked`` is after how many sends of its verification work was done for the next one.
    """

    traits: Traits
    app: bytes
    price: int
    kept_terms: bytes
    charges: tuple[Charge, ...] = ()
    passes: bool = False
    page: bool = False
    holds: bool = False
    worked: int | None = None

    @property
    def terms(self) -> Terms:
        """What holds for every send."""
        return _read_terms(self.kept_terms)

    def after(self, sends: int) -> Plan:
        """The plan where so many were sent: work that was done for another send counts no more."""
        return self if self.worked in {None, sends} else msgspec.structs.replace(self, worked=None)


class Joint(msgspec.Struct, frozen=True):
    """The rows that all sends of an app into a country share: the country's breaker, and what is spent.

    Most sends would only be counted in each of them. So until ``slot`` is over, at this ``price`` and under these
    ``rules``, they are counted here: up to ``most``, of which ``most_strangers`` by strangers. ``sends`` were, and
    ``strangers`` of these by strangers; ``apart`` counts them in the rows.
    """

    country: Line
    app: Spent
    everybody: Spent
    slot: int = 0
    price: int = 0
    rules: GuardRules = GuardRules()
    most: int = 0
    most_strangers: int = 0
    sends: int = 0
    strangers: int = 0


class Rows(msgspec.Struct, frozen=True):
    """The guard's rows that a send touches, as they are or as they become. ``near`` is None in a calm range."""

    known: Known
    near: Line | None
    wide: Line
    joint: Joint


class Verdict(NamedTuple):
    """What is done with a send, and why.

    ``allow``; ``challenge``: it waits until work is done for it; ``block``; ``monitor``: allowed, unlike by the rules.
    """

    decision: str
    reason: str = ""
    retry_after: Span = 0


ALLOWED = Verdict("allow")
REFUSING = frozenset({"block", "challenge"})


EVERYBODY = b"$*"


def app_key(app: bytes) -> bytes:
    """The key of what an app spent."""
    return b"$" + app


def keys_of(traits: Traits) -> tuple[bytes, bytes, bytes]:
    """The keys of a number, its block and its range.

    A number's begins with its range's, so that the two rows of most sends lie side by side (docs/adr/0057).
    """
    wide = b"4" + traits.wide
    return wide + traits.number, b"3" + traits.near, wide


@lru_cache
def joint_keys(country: str, app: bytes) -> JointKeys:
    """The keys of the rows that are joint."""
    return country_key(country), app_key(app), EVERYBODY


def country_key(country: str) -> bytes:
    """The key of a country's breaker."""
    return b"c" + country.encode()


def charge(known: Known, plan: Plan, now: Instant) -> tuple[Known, Span]:
    """A number's row when it has paid for a send in its lane, and 0; or as it is, and for how long that is refused."""
    anybody, proven = known.sends
    if plan.passes:
        proven, wait = limit.send(proven, plan.terms.number, now)
    else:
        anybody, wait = limit.send(anybody, plan.terms.number, now)
    return Known(known.verified_at, (anybody, proven)), wait


def decide(plan: Plan, rows: Rows, now: Instant, *, wait: Span = 0) -> tuple[Verdict, Rows]:
    """Decide a send. What does not go out leaves the rows as they are; anything else gives those that become of it.

    ``rows.known`` has paid; ``wait`` is for how long a bucket refuses that is in none of the rows.
    """
    near, wide, joint = rows.near, rows.wide, rows.joint
    near_paid = wide_paid = None
    if near is not None:
        near_paid, near_wait = limit.send(near.paid or FRESH, plan.terms.near, now)
        wide_paid, wide_wait = limit.send(wide.paid or FRESH, plan.terms.wide, now)
        wait = max(wait, near_wait, wide_wait)
    stranger = not (plan.passes or is_trusted(rows.known, now))
    verdict = ALLOWED
    if stranger and (now < joint.country.until or now < wide.until or (near is not None and now < near.until)):
        verdict = _eased(plan, _broken(rows, now))
    if wait or verdict is not ALLOWED:
        verdict = _final(plan, verdict, wait)
    refused = verdict.decision in REFUSING
    paid = _pay(joint, plan, now, stranger=stranger and not refused)
    if paid is None:
        return Verdict("block", "budget", SLOT), rows  # a ceiling, in whatever mode
    if refused:
        return verdict, rows
    if near is None:
        wide = calm.note(wide, now, plan.traits.place, calm.SENT if stranger else calm.PASSED)
    else:
        near = breaker.count(near, now, plan.traits.tail, near_paid, stranger=stranger)
        wide = breaker.count(wide, now, None, wide_paid, stranger=stranger)
    return verdict, Rows(rows.known, near, wide, paid)


def _pay(joint: Joint, plan: Plan, now: Instant, *, stranger: bool) -> Joint | None:
    """Count a send in what is joint; None where a ceiling would be passed."""
    slot, price, rules = now // SLOT, plan.price, plan.terms.rules
    counts_on = joint.sends < joint.most and (joint.strangers < joint.most_strangers or not stranger)
    if counts_on and joint.slot == slot and joint.price == price and joint.rules == rules:
        return msgspec.structs.replace(joint, sends=joint.sends + 1, strangers=joint.strangers + stranger)
    country, app, everybody = apart(joint)
    app_paid = budget.spend(app, rules.app_budget, price, now)
    all_paid = budget.spend(everybody, rules.global_budget, price, now)
    if app_paid is None or all_paid is None:
        return None
    if stranger:
        country = breaker.send(country, now, broad=True)
    most = min(app_paid.room, all_paid.room) // price if price else BOUNDLESS
    # A breaker that is open, or was, decides each send by itself, and so does one that found no room in this slot.
    most_strangers = country.room if country.slot == slot and not country.until else 0
    return Joint(country, app_paid, all_paid, slot, price, rules, most, most_strangers)


def apart(joint: Joint) -> tuple[Line, Spent, Spent]:
    """The rows themselves: of the country, the app and everybody."""
    if not joint.sends:
        return joint.country, joint.app, joint.everybody
    return (
        breaker.count_on(joint.country, joint.strangers),
        budget.spend_on(joint.app, joint.sends * joint.price),
        budget.spend_on(joint.everybody, joint.sends * joint.price),
    )


def _final(plan: Plan, verdict: Verdict, wait: Span) -> Verdict:
    """What buckets that refuse for so long make of a verdict, and the mode."""
    enforces = plan.terms.rules.mode == "enforce"
    if wait and (verdict.decision == "allow" or (enforces and verdict.decision == "challenge")):
        verdict = Verdict("block", "bucket", wait)
    if enforces or verdict.decision not in REFUSING:
        return verdict
    return Verdict("monitor", verdict.reason, verdict.retry_after)


def is_trusted(known: Known, now: Instant) -> bool:
    """Whether a number gave a right code lately."""
    return known.verified_at > 0 and now - known.verified_at < TRUST


def _broken(rows: Rows, now: Instant) -> Verdict:
    near, wide, country = 0 if rows.near is None else rows.near.until, rows.wide.until, rows.joint.country.until
    if now < near:
        return Verdict("block", "neighbours", near - now)
    if now < wide:
        return Verdict("block", "range", wide - now)
    # Where people live who answer, a country's attackers are not: they hold ranges of their own.
    if now < country and now - rows.wide.good_at >= TRUST:
        return Verdict("block", "country", country - now)
    return ALLOWED


def _eased(plan: Plan, verdict: Verdict) -> Verdict:
    """What work makes of a block: of a country's alone, because a range that never answers is its owner's."""
    if verdict.reason != "country" or not plan.page:
        return verdict
    return verdict._replace(decision="challenge") if plan.worked is None else Verdict("allow", "work")


def settled(row: Known | Line | Spent) -> Known | Line | Spent:
    """A row as it is kept: what was added is counted where it belongs."""
    if isinstance(row, Known) or not row.slot:  # nearly always
        return row
    return breaker.settle(row) if isinstance(row, Line) else budget.settle(row)
