"""Sends and what they pay: the buckets of any, and of those that cost money the number, the guard's plan, its record.

Not handled here: the decision (``core/guard.py``), the step that it is made in (the stores), verifications themselves
(``flows/verification.py``).

Rules:

* what a request lacks is refused before anything is asked or charged;
* a number leaves here sealed, masked or hashed; the guard's rows and events have its country and no digit of it;
* whether the SIM was changed is asked before anybody is paid, and an answer that does not come is not a yes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Sequence
from itertools import combinations, permutations

from watchword.core import ids, limit
from watchword.core.calm import BLOCK_SIZE
from watchword.core.guard import WORKED, Plan, Terms, Traits, Verdict, read_traits, write_terms
from watchword.core.instant import DAY, Instant, Span, seconds_until
from watchword.core.keyring import INDEX_BLOCK, INDEX_SOURCE, Keyring
from watchword.core.limit import Allowance, Charge, Guesses, Left, Rate, sends_key, told
from watchword.core.number import WIDER_PREFIX, Number
from watchword.core.policy import Rules
from watchword.core.sms import SmsRules, admit_number, demand_notice
from watchword.core.verification import Verification
from watchword.errors import (
    BlockedError,
    ChallengeError,
    ChannelForbiddenError,
    DeliveryError,
    InvalidInputError,
    RateLimitedError,
)
from watchword.ports import Added, Audit
from watchword.ports_limit import NumberSignals

_EVENTS = {
    "allow": "guard.allowed",
    "challenge": "guard.challenged",
    "monitor": "guard.monitored",
    "block": "guard.blocked",
}
_ORDER_SIZE = 3  # bytes of a range's hash that are kept nowhere: of ten blocks there are fewer orders
_HALVES = tuple(combinations(range(10), 5))
_ORDERS = tuple(permutations(range(5)))
_IPV4 = 4  # bytes; of which the guard counts by the first three


class SmsGuard:
    """The flow. ``signals`` is who knows of changed SIMs, where there is anybody."""

    def __init__(self, audit: Audit, signals: NumberSignals | None = None) -> None:
        self._audit = audit
        self._signals = signals

    async def admit(self, rules: Rules, to: str, purpose: str, acknowledged: str | None) -> tuple[Number, str]:
        """The number and the version of the notice that its owner acknowledged.

        Raises:
            InvalidInputError, CountryForbiddenError, NoticeError: see ``core/sms.py``.
            BlockedError: its SIM was changed a moment ago.
        """
        sms = _demand_sms(rules)
        number = admit_number(sms, to)
        notice = demand_notice(sms, purpose, acknowledged)
        if self._signals is not None and purpose != "binding":
            await self._ask(self._signals, number)
        return number, notice

    async def _ask(self, signals: NumberSignals, number: Number) -> None:
        try:
            changed = await signals.changed_lately(number.e164)
        except DeliveryError as error:
            # NIST says SHOULD. Who must not send without an answer uses authenticators.
            self._audit.record("guard.signal_failed", reason=error.reason)
            return
        if changed:
            self._audit.record("guard.blocked", reason="sim_changed", country=number.country)
            raise BlockedError(reason="sim_changed", retry_after=3_600)

    async def watch(self, rules: Rules, verification: Verification, plan: Plan | None, step: Awaitable[Added]) -> Added:
        """Wait for a step that sends, and write down what the guard decided in it, where it had a plan to decide on."""
        country = "" if plan is None else plan.traits.country
        try:
            added = await step
        except RateLimitedError as error:
            if isinstance(error, BlockedError):  # by what nobody is told of: no limit of the recipient's
                self._record(Verdict("block", error.reason), country)
            else:
                error.policy = told("sends", _recipient_rates(rules, is_text=plan is not None))
            raise
        except ChallengeError:
            self._record(Verdict("challenge", "country"), country)
            raise
        if plan is None:
            if added.quiet:
                self._audit.record("guard.quieted", app=ids.app_text(verification.app), channel=verification.channel)
            return added
        if not added.replayed:
            self._record(added.verdict, country)
            if verification.notice:
                name = ids.to_text(ids.VERIFICATION, verification.id)
                self._audit.record("verification.noticed", verification=name, notice=verification.notice)
        return added

    def _record(self, verdict: Verdict, country: str) -> None:
        self._audit.record(_EVENTS[verdict.decision], reason=verdict.reason, country=country)


def sends_left(rules: Rules, verification: Verification, left: Left | None) -> Allowance | None:
    """What the app is told of a send that was charged."""
    if left is None:
        return None
    return Allowance("sends", _recipient_rates(rules, is_text=bool(verification.traits)), left)


def guesses_left(rules: Rules, guesses: Guesses, now: Instant) -> Allowance | None:
    """What the app is told of a guess that was right."""
    budgets = rules.limits.wrong_guesses
    left = limit.guesses_left(guesses.log, budgets, now)
    return None if left is None else Allowance("guesses", budgets, left)


def recipient_charge(rules: Rules, lane: int, recipient: bytes) -> Charge:
    """The bucket of a mailbox in a lane. Those of a number lie in its row of the guard.

    Mail beyond a recipient's day is answered as if it were sent: who floods a mailbox must not see the end. Not for a
    device that proved itself before: whoever sits there is told to wait.
    """
    rates = rules.limits.recipient_sends
    quiet = not lane and rules.flooded == "quiet" and bool(rates) and rates[-1].per >= DAY
    return Charge(sends_key(lane, recipient), rates, quiet)


def _recipient_rates(rules: Rules, *, is_text: bool) -> tuple[Rate, ...]:
    return rules.sms_limits.number_sends if is_text else rules.limits.recipient_sends


def too_many_guesses(rules: Rules, wait: Span) -> RateLimitedError:
    """The refusal of a check whose recipient has no wrong guesses left for now."""
    error = RateLimitedError(retry_after=seconds_until(wait, 0))
    error.policy = told("guesses", rules.limits.wrong_guesses)
    return error


def text_methods(methods: Sequence[str] | None) -> Sequence[str]:
    """A text carries a code and no link: people are told never to open one.

    Raises:
        InvalidInputError: something else was asked for.
    """
    if methods is not None and list(methods) != ["code"]:
        raise InvalidInputError("A text carries a code and no link: ['code'].", field="methods")
    return ["code"]


def traits_of(ring: Keyring, number: Number, recipient: bytes) -> Traits:
    """What the guard keeps of a number. ``recipient`` is its own keyed hash."""
    digits = number.e164
    whole, more = ring.lookups(INDEX_BLOCK, digits[:-WIDER_PREFIX].encode())
    blocks, order = more[:-_ORDER_SIZE], int.from_bytes(more[-_ORDER_SIZE:], "big")
    block, tail = divmod(int(digits[-WIDER_PREFIX:]), BLOCK_SIZE)
    return Traits(recipient, blocks + bytes((_moved(block, order),)), whole, number.country, tail)


def _moved(digit: int, order: int) -> int:
    """Where a digit lies in one of all orders of ten. Who knows where some lie knows where no other does.

    An order is which five digits lie first, and an order of five for either half.
    """
    order, first = divmod(order, len(_ORDERS))
    order, last = divmod(order, len(_ORDERS))
    half = _HALVES[order % len(_HALVES)]
    before = bisect_left(half, digit)  # how many of the half are less
    if digit in half:
        return _ORDERS[first][before]
    return len(half) + _ORDERS[last][digit - before]


def plan_of(
    rules: Rules,
    ring: Keyring,
    verification: Verification,
    network: bytes | None,
    traits: Traits | None = None,
    *,
    page: bool = False,
    holds: bool = False,
    worked: int | None = None,
) -> Plan | None:
    """What the guard decides on, where the message costs money. ``network`` is where the person is.

    ``traits`` are the verification's, where they were read already; ``page``, ``holds`` and ``worked`` are the plan's.
    There is a page only where the verification has one.
    A decoy costs none, and is decided on and charged all the same: nothing may tell it from the others.
    """
    if not verification.traits:
        return None
    traits, app = traits or read_traits(verification.traits), verification.app
    sms, limits = _demand_sms(rules), rules.sms_limits
    charges = []
    if network is not None and limits.network_sends:
        charges.append(Charge(b"S" + ring.lookup(INDEX_SOURCE, b"net" + _wider(network)), limits.network_sends))
    if limits.country_sends:
        charges.append(Charge(b"K" + traits.country.encode(), limits.country_sends))
    if limits.app_sends:
        charges.append(Charge(b"A" + app, limits.app_sends))
    if limits.global_sends:
        charges.append(Charge(b"G", limits.global_sends))
    if worked is not None:
        charges.append(Charge(b"W" + traits.country.encode(), WORKED))
    page = page and verification.has_page and sms.challenge > 0
    return Plan(
        traits,
        app,
        _price(sms, traits.country),
        write_terms(Terms(sms.guard, limits.number_sends, limits.block_sends, limits.range_sends)),
        tuple(charges),
        verification.lane > 0,
        page,
        page and holds,
        worked if page else None,
    )


def _price(sms: SmsRules, country: str) -> int:
    """The price of a message; the dearest, where a country went from the list between a send and its repeat."""
    price = sms.prices.get(country)
    return max(sms.prices.values(), default=0) if price is None else price


def charges_of(rules: Rules, ring: Keyring, verification: Verification, network: bytes | None) -> list[Charge]:
    """The buckets any send pays into. Recipient and source are buckets of their own, never one combined key.

    A text pays into those of its number and of a wider network by its plan.
    """
    limits, is_text = rules.limits, bool(verification.traits)
    charges = []
    if limits.recipient_sends and not is_text:
        charges.append(recipient_charge(rules, verification.lane, verification.recipient))
    if network is not None and limits.source_sends and not is_text:
        charges.append(Charge(b"s" + ring.lookup(INDEX_SOURCE, network), limits.source_sends))
    if limits.app_sends:
        charges.append(Charge(b"a" + verification.app, limits.app_sends))
    if limits.global_sends:
        charges.append(Charge(b"*", limits.global_sends))
    return charges


def _wider(network: bytes) -> bytes:
    return network[:-1] if len(network) == _IPV4 else network


def _demand_sms(rules: Rules) -> SmsRules:
    if rules.sms is None:
        raise ChannelForbiddenError
    return rules.sms
