"""What the guard costs: creates by mail with the limits that mail has, and creates by text with the guard's, in turns.

Both run through the flow on SQLite (``synchronous=FULL``) with its scribe, as ``serve`` has it, 64 at once, with a
recipient and a source of their own each.
Codes of texts come back between the rounds, as on a day like any other, so the guard enforces and refuses nobody; its
numbers lie so far apart that their ranges are calm. Before the first round so many codes came back that a whole round
without any is nothing unusual for their country.
Figures are microseconds of both processes' CPU a create, with what the service sets at its start. Reading a number,
which mail does not need, is told apart: as what creates by mail cost more that read one besides, because in a loop of
its own it takes half of that.

Not handled here: HTTP around it, which costs both the same (``pumping.over_http``).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from bench import machine
from watchword.adapters.scribe import Scribe
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.sqlite.scribe import write
from watchword.adapters.system import SystemClock, SystemEntropy, settle_to_serve
from watchword.core.app import App
from watchword.core.breaker import SHARE, UNUSUAL
from watchword.core.budget import Budget
from watchword.core.guard import GuardRules
from watchword.core.keyring import Keyring
from watchword.core.number import read_number
from watchword.core.passcode import DEFAULT_DIGITS, derive_code
from watchword.core.policy import BALANCED, Rules, SmsLimits
from watchword.core.sms import SmsRules
from watchword.flows.app import Apps
from watchword.flows.keys import Keys
from watchword.flows.verification import Request, Verifications

AT_ONCE = 64
_OPERATORS = "12579"
_Work = TypeVar("_Work")


class Order(msgspec.Struct):
    """How much is measured, and where."""

    rounds: int
    creates: int
    folder: str


class Costs(msgspec.Struct):
    """Microseconds a create, each a round."""

    mail: list[float]
    text: list[float]
    reading: list[float]

    @property
    def share(self) -> float:
        """What the guard adds to a create by mail, without reading the number."""
        added = (text - reading - mail for mail, text, reading in zip(self.mail, self.text, self.reading, strict=True))
        return median(each / mail for each, mail in zip(added, self.mail, strict=True))


class Unheard:
    """No audit."""

    def record(self, event: str, /, **facts: object) -> None:
        """Say nothing."""


def rules() -> Rules:
    """An operator's: texts into one country, with budgets that are not met."""
    budget = Budget(10**14, 10**14, 10**14)
    sms = SmsRules(
        *("n", "1", "r", "m", "authenticator", frozenset({"DE"}), ("gateway",), "Acme", {"DE": 1}),
        GuardRules(app_budget=budget, global_budget=budget),
        {},
    )
    table = {**BALANCED.table, **{("sms", purpose): rule for purpose, rule in BALANCED.sms.items()}}
    return Rules(BALANCED._replace(table=table), sms=sms, sms_limits=SmsLimits())


def mail(number: int) -> Request:
    """Somebody asks for a code by mail."""
    return Request("email", f"user{number}@example.com", "login", source=_source(number))


def text(number: int) -> Request:
    """Somebody asks for a code by text."""
    return Request("sms", _mobile(number), "login", source=_source(number))


def _read(number: int) -> Request:
    read_number(_mobile(number))
    return mail(number)


class Crowd:
    """People who ask for codes, 64 at once, and type those of their texts when they are told to."""

    def __init__(self, flow: Verifications, app: App, ring: Keyring) -> None:
        self._flow = flow
        self._app = app
        self._ring = ring
        self._serial = count()
        self._came = 0

    async def ask(self, make: Callable[[int], Request], creates: int) -> tuple[float, list[bytes]]:
        """So many ask; the microseconds of CPU each took, and whose code may be typed."""
        made: list[bytes] = []

        async def one(numbers: Iterator[int]) -> None:
            for number in numbers:
                made.append((await self._flow.create(self._app, make(number))).verification.id)  # noqa: PERF401

        began = machine.cpu_time()
        await _at_once(one, islice(self._serial, creates))
        return 1e6 * (machine.cpu_time() - began) / creates, made

    async def type(self, made: list[bytes]) -> None:
        """Their codes come back."""

        async def one(ids: Iterator[bytes]) -> None:
            for each in ids:
                await self._flow.check(self._app, each, derive_code(self._ring, self._app.id, each, DEFAULT_DIGITS))

        await _at_once(one, iter(made))
        self._came += len(made)

    async def grow_used_to(self, creates: int) -> None:
        """Text until so many creates of which no code came back yet are nothing unusual."""
        while (usual := UNUSUAL + self._came // SHARE) <= creates:
            _, made = await self.ask(text, usual - 1)
            await self.type(made)


async def _at_once(one: Callable[[Iterator[_Work]], Awaitable[None]], work: Iterator[_Work]) -> None:
    await asyncio.gather(*(one(work) for _ in range(AT_ONCE)))


async def measure(order: Order) -> Costs:
    """Run all rounds."""
    clock, dice = SystemClock(), SystemEntropy()
    ring = Keyring({1: b"k" * 32}, current=1, index=b"i" * 32)
    with tempfile.TemporaryDirectory(dir=order.folder) as folder:
        database = Path(folder) / "watchword.db"
        scribe = Scribe(partial(write, path=database), lost=lambda _: None)
        scribe.hire()
        store = SqliteStore(database, scribe=scribe)
        await store.open()
        app, _ = await Apps(store, clock, dice, Unheard()).create("Bench")
        flow = Verifications(store, Keys(lambda: ring, clock), clock, dice, Unheard(), rules())
        crowd, costs = Crowd(flow, app, ring), Costs([], [], [])
        await crowd.grow_used_to(order.creates)
        asks = [mail, text, _read]
        for _ in range(order.rounds):
            took = {}
            for ask in asks:
                took[ask], made = await crowd.ask(ask, order.creates)
                if ask is text:
                    await crowd.type(made)
            asks.reverse()  # so that a machine which grows slower or faster does so for all of them
            costs.mail.append(took[mail])
            costs.text.append(took[text])
            costs.reading.append(took[_read] - took[mail])
        await store.aclose()
    return costs


def _mobile(number: int) -> str:
    """Numbers far apart: a prime step through the eight digits behind five prefixes."""
    return f"+4915{_OPERATORS[number % len(_OPERATORS)]}{number * 10_007_003 % 100_000_000:08d}"


def _source(number: int) -> str:
    return f"{1 + number % 200}.{number // 200 % 250}.{number // 50_000 % 250}.1"


if __name__ == "__main__":
    settle_to_serve()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(measure(order))))
