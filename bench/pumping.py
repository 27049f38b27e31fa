"""SMS pumping, simulated: what the guard lets an attacker cost, and what it costs honest people.

A day of honest sign-ins and an attack run through the guard's own step (``plan_of`` and ``pay_steps.pay`` on the memory
store) in the order of their time; right codes come back as people type them. Every draw comes from one seed, so a run
can be repeated to the message.

Honest people: ``honest`` sign-ins a day, more by day than by night, from as many numbers; of these 85 in 100 gave a
right code within the last 90 days; 80 to 95 in 100 type theirs, after 10 to 90 seconds, and half of the others ask once
more after a minute. 70 in 100 are in DE, 20 in AT, 9 in CH, 1 in LT.

Attacks, none of which ever types a code:

* ``sequential``: 10 000 numbers one after the other, five a second, from 200 networks;
* ``burst``: 5 000 numbers of 20 ranges of ten thousand in LT within five minutes, each from a network of its own;
* ``low and slow``: 10 000 numbers of 10 ranges in LT over a whole day, each from a network of its own;
  in both the ranges are the attacker's, without honest people in them;
* ``thin``: 10 000 numbers of 500 ranges in DE where people live, over a whole day, each from a network of its own: what
  breakers cannot see, because a range has too few and a country that is blocked would lock its people out. It earns
  nobody anything, and budgets are what holds;
* ``working``: 10 000 numbers of all ranges that are the attacker's in LT, over a whole day, each from a network of its
  own and at a hosted page: where the guard has the browser work before it sends, the work is done, each time. Honest
  people do not come by a hosted page here, or they would work as well and not be refused.

Not handled here: reading numbers, delivery, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from bench.children import call, load, server
from bench.guard import Costs, Order
from bench.links import ALONE
from bench.requests import PAIRS
from watchword.adapters import guard_steps, pay_steps
from watchword.adapters.memory import MemoryTables
from watchword.core.breaker import UNUSUAL
from watchword.core.budget import Budget
from watchword.core.guard import GuardRules, write_traits
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Instant
from watchword.core.keyring import Keyring
from watchword.core.number import Number
from watchword.core.policy import BALANCED, Rules
from watchword.core.recipient import lookup
from watchword.core.sms import SmsRules
from watchword.core.verification import Verification
from watchword.core.work import COST
from watchword.errors import ChallengeError, RateLimitedError
from watchword.flows.guard import charges_of, plan_of, traits_of

START: Instant = 1_795_046_400_000  # midnight, UTC, of a day in November 2026
PRICE = 80_000
SEED = 20_261_127
_NATIONAL = {"DE": ("+49151", 8), "AT": ("+43664", 7), "CH": ("+4179", 7), "LT": ("+3706", 7)}
_SHARES = (("DE", 0.70), ("AT", 0.90), ("CH", 0.99), ("LT", 1.0))
_APP = bytes(16)
_HELD = (700, 1_000)  # ranges of a country in which nobody lives: those who earn by messages hold ranges of their own


class Ask(NamedTuple):
    """Somebody asks for a code. ``answers_after`` is None for one who never types it."""

    at: Instant
    number: Number
    network: bytes
    answers_after: int | None = None
    asks_again: bool = False
    attacks: bool = False
    works: bool = False


class Outcome(NamedTuple):
    """What a run came to. ``worked`` is how often the attacker did the work that was asked for."""

    attack: str
    asked: int
    paid: int
    honest: int
    refused: int
    worked: int = 0


def a_number(country: str, rest: int) -> Number:
    """A number of a country."""
    prefix, digits = _NATIONAL[country]
    return Number(f"{prefix}{rest:0{digits}d}", country)


def honest_day(random: Random, people: int) -> Iterator[tuple[Ask, bool]]:
    """A day of sign-ins, and of each whether its number is known."""
    for _ in range(people):
        at = START + int(DAY * random.triangular(0, 1, 0.6))
        draw = random.random()
        country = next(name for name, up_to in _SHARES if draw < up_to)
        number = a_number(country, random.randrange(10 ** _NATIONAL[country][1] * _HELD[0] // _HELD[1]))
        typed = random.random() < random.uniform(0.80, 0.95)
        answer = random.randrange(10 * SECOND, 90 * SECOND) if typed else None
        ask = Ask(at, number, random.randbytes(4), answer, asks_again=not typed and random.random() < 0.5)
        yield ask, random.random() < 0.85


def sequential(random: Random) -> Iterator[Ask]:
    """One number after the other."""
    networks = [random.randbytes(4) for _ in range(200)]
    for step in range(10_000):
        yield Ask(START + 9 * HOUR + step * SECOND // 5, a_number("CH", 3_000_000 + step), random.choice(networks))


def burst(random: Random) -> Iterator[Ask]:
    """One country, all at once."""
    ranges = random.sample(range(*_HELD), 20)
    for _ in range(5_000):
        rest = random.choice(ranges) * 10_000 + random.randrange(10_000)
        yield Ask(START + 14 * HOUR + random.randrange(5 * MINUTE), a_number("LT", rest), random.randbytes(4))


def low_and_slow(random: Random) -> Iterator[Ask]:
    """One country, over a day."""
    ranges = random.sample(range(*_HELD), 10)
    for _ in range(10_000):
        rest = random.choice(ranges) * 10_000 + random.randrange(10_000)
        yield Ask(START + random.randrange(DAY), a_number("LT", rest), random.randbytes(4))


def thin(random: Random) -> Iterator[Ask]:
    """Spread over where people live."""
    ranges = random.sample(range(7_000), 500)
    for _ in range(10_000):
        rest = random.choice(ranges) * 10_000 + random.randrange(10_000)
        yield Ask(START + random.randrange(DAY), a_number("DE", rest), random.randbytes(4))


def working(random: Random) -> Iterator[Ask]:
    """One country, over a day, in ranges enough that none of them is conspicuous, and with work where that is asked."""
    for _ in range(10_000):
        rest = random.randrange(_HELD[0] * 10_000, _HELD[1] * 10_000)
        at = START + random.randrange(DAY)
        yield Ask(at, a_number("LT", rest), random.randbytes(4), works=True)


ATTACKS: dict[str, Callable[[Random], Iterator[Ask]]] = {
    "sequential": sequential,
    "burst": burst,
    "low and slow": low_and_slow,
    "thin": thin,
    "working": working,
}


class Simulation:
    """One run: a guard that is fresh but for the numbers that it knows."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.tables = MemoryTables()
        self.ring = Keyring({1: b"k" * 32}, current=1, index=b"i" * 32)
        guard = GuardRules(global_budget=budget if budget is not None else Budget())
        prices = dict.fromkeys(_NATIONAL, PRICE)
        sms = SmsRules("", "1", "", "", "authenticator", frozenset(prices), (), "", prices, guard, {})
        self.rules = Rules(BALANCED, sms=sms)
        self.worked = 0

    def know(self, number: Number) -> None:
        """Let a number have given a right code a month ago."""
        guard_steps.note_verified(self.tables, self._traits(number), 1, START - 30 * DAY)

    def _traits(self, number: Number) -> bytes:
        return write_traits(traits_of(self.ring, number, lookup(self.ring, "sms", number.e164)))

    def ask(self, ask: Ask) -> bytes | None:
        """Ask the guard; the traits of what is sent, None where nothing is."""
        recipient, traits = lookup(self.ring, "sms", ask.number.e164), self._traits(ask.number)
        asked = Verification(
            *(bytes(16), _APP, "sms", "login", recipient, recipient, b"", "en", 6, 5, 5),
            *(ask.at, ask.at + 5 * MINUTE, ask.at),
            challenge=bytes(32) if ask.works else None,
            traits=traits,
        )
        try:
            self._send(asked, ask)
        except RateLimitedError:
            return None
        return traits

    def _send(self, asked: Verification, ask: Ask) -> None:
        charges = charges_of(self.rules, self.ring, asked, ask.network)
        plan = plan_of(self.rules, self.ring, asked, ask.network, page=True)
        try:
            pay_steps.pay(self.tables, charges, plan, ask.at)
        except ChallengeError:
            self.worked += 1
            plan = plan_of(self.rules, self.ring, asked, ask.network, page=True, worked=asked.sends)
            pay_steps.pay(self.tables, charges, plan, ask.at)

    def run(self, name: str, *, honest: int, seed: int = SEED) -> Outcome:
        """Mix an attack with a day, and count."""
        random = Random(seed)
        queue: list[tuple[Instant, int, Ask | bytes]] = []
        for ask, known in honest_day(random, honest):
            heappush(queue, (ask.at, len(queue), ask))
            if known:
                self.know(ask.number)
        for ask in ATTACKS[name](random):
            heappush(queue, (ask.at, len(queue), ask._replace(attacks=True)))
        serial, counts = len(queue), {"asked": 0, "paid": 0, "honest": 0, "refused": 0}
        while queue:
            now, _, event = heappop(queue)
            if isinstance(event, bytes):
                guard_steps.note_verified(self.tables, event, 0, now)
                continue
            for after, follows in self._asked(event, counts):
                serial += 1
                heappush(queue, (after, serial, follows))
        return Outcome(name, counts["asked"], counts["paid"], counts["honest"], counts["refused"], self.worked)

    def _asked(self, ask: Ask, counts: dict[str, int]) -> Iterator[tuple[Instant, Ask | bytes]]:
        sent = self.ask(ask)
        counts["asked" if ask.attacks else "honest"] += 1
        counts["paid" if ask.attacks else "refused"] += (sent is not None) if ask.attacks else (sent is None)
        if sent is not None and ask.answers_after is not None:
            yield ask.at + ask.answers_after, sent
        if ask.asks_again:
            yield ask.at + MINUTE, ask._replace(at=ask.at + MINUTE, asks_again=False)


def rows(honest: int = 50_000) -> list[Outcome]:
    """Every attack, each with a day of its own."""
    return [Simulation().run(name, honest=honest) for name in ATTACKS]


def table(outcomes: list[Outcome]) -> str:
    """The table of the results page."""
    lines = [
        "| attack, on a normal day | asked for | worked for | paid | of an unguarded bill | honest | refused of them |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.attack} | {each.asked:,} | {each.worked:,} | {each.paid:,} | {100 * each.paid / each.asked:.1f} % "
        f"| {each.honest:,} | {each.refused} ({1_000 * each.refused / each.honest:.2f} in 1000) |"
        for each in outcomes
    ]
    return "\n".join(lines)


def page(outcomes: list[Outcome], costs: Costs, whole: float, when: str) -> str:
    """``bench/GUARD.md``."""
    return f"""# The guard, measured

Written by `python -m bench.pumping` on {when}. Do not edit: run it again. What is simulated, and how, stands at the
top of `bench/pumping.py`; every run with seed {SEED} gives the same table.

## What attacks cost

{told(outcomes)}

## What it costs us

{cost(costs, whole)}
"""


def told(outcomes: list[Outcome]) -> str:
    """The table, with what was demanded."""
    return f"""{table(outcomes)}

Demanded: under 100 paid messages for a burst, under 1 % of an unguarded bill, and fewer than 1 in 1000 honest sign-ins
refused, for the first three. The fourth is what breakers cannot see: it earns nobody anything, and budgets end it.
The fifth does all the work that it is asked for, which is PBKDF2 with {COST:,} rounds, 256 times on average. That buys
{UNUSUAL} messages an hour into a country and no more: the rest was worked for in vain, and budgets hold as ever."""


def cost(costs: Costs, whole: float) -> str:
    """What a create by text costs beside one by mail, with what was demanded. ``whole`` is one by mail over HTTP."""
    mail, text, reading = (median(each) for each in (costs.mail, costs.text, costs.reading))
    added = text - reading - mail
    alone = whole + reading  # a text's create with no limits but mail's
    verdicts = ["Met" if added < 0.15 * each else "Missed" for each in (mail, whole, alone)]
    return f"""Microseconds of CPU a create through the flow on SQLite with its scribe, without HTTP, medians of
{len(costs.mail)} rounds, between which codes come back as on a day like any other:

| by mail, with its limits | by text, with the guard | of which reading the number | the guard | of a create by mail |
|---|---|---|---|---|
| {mail:.0f} | {text:.0f} | {reading:.0f} | {added:.0f} | {100 * added / mail:.0f} % |

Demanded: under 15 %. Of the flow alone: **{verdicts[0]}.** Of a whole create by mail over HTTP, which took
{whole:.0f} µs of the server's CPU in the same run, the guard is {100 * added / whole:.0f} %: **{verdicts[1]}.**
Of a create by text over HTTP with mail's limits alone, which reads the number, too, {100 * added / alone:.0f} %:
**{verdicts[2]}.**
A create by mail pays nothing for the guard: its recipient's bucket is all that mail needs. A text into a calm range
reads and writes two rows that lie side by side, its number's with its bucket and its range's, and shares three more
with all texts of its batch. Reading the number slows what asks, so that batches become smaller and the scribe takes
more a create: that is in what reading costs, and not in the guard's.
Beside the price of a text, some cents, {added:.0f} µs are nothing."""


def measured(rounds: int, creates: int, folder: Path) -> Costs:
    """What it costs us, measured in a process of its own."""
    order = msgspec.json.encode(Order(rounds, creates, str(folder)))
    return msgspec.json.decode(call("bench.guard", order), type=Costs)


def over_http(rounds: int, seconds: float, folder: Path) -> float:
    """Microseconds of a server's CPU for a create by mail over 64 connections, the median of some rounds."""
    with server("watchword", folder) as service:
        # Which kind begins is all the same: the other one is not looked at.
        rows = [row for _ in range(rounds) for row in load(service, PAIRS[0], 64, seconds)]
    return median(row.microseconds for row in rows if row.scenario == ALONE)


def main() -> None:
    """Measure all of it, and write the page."""
    here = Path(__file__).parent
    (here / "out").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=here / "out") as scratch:
        costs, whole = measured(24, 400, here / "out"), over_http(5, 2.0, Path(scratch))
    written = page(rows(), costs, whole, datetime.now(UTC).strftime("%Y-%m-%d"))
    (here / "GUARD.md").write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
