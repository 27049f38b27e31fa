"""What the guard costs: creates by mail with the limits that mail has, and creates by text with the guard's, in turns.

Both run through the flow on SQLite (``synchronous=FULL``), 64 at once, with a recipient and a source of their own each.
Nobody answers here, so the guard monitors: it decides, counts and writes all the same, and refuses nothing.
Figures are microseconds of this process's CPU a create, with what the service sets at its start. Reading a number,
which mail does not need, is told apart: as what creates by mail cost more that read one besides, because in a loop of
its own it takes half of that.

Not handled here: HTTP around it, which costs both the same (``pumping.over_http``).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import msgspec

from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.system import SystemClock, SystemEntropy, settle_to_serve
from watchword.core.guard import Budget, GuardRules
from watchword.core.keyring import Keyring
from watchword.core.number import read_number
from watchword.core.policy import BALANCED, Rules, SmsLimits
from watchword.core.sms import SmsRules
from watchword.flows.app import Apps
from watchword.flows.keys import Keys
from watchword.flows.verification import Request, Verifications

AT_ONCE = 64


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


def _rules() -> Rules:
    budget = Budget(10**14, 10**14, 10**14)
    sms = SmsRules(
        *("n", "1", "r", "m", "authenticator", frozenset({"DE"}), ("gateway",), "Acme", {"DE": 1}),
        GuardRules("monitor", app_budget=budget, global_budget=budget),
        {},
    )
    table = {**BALANCED.table, **{("sms", purpose): rule for purpose, rule in BALANCED.sms.items()}}
    return Rules(BALANCED._replace(table=table), sms=sms, sms_limits=SmsLimits())


async def measure(order: Order) -> Costs:
    """Run all rounds."""
    clock, dice = SystemClock(), SystemEntropy()
    keys = Keys(lambda: Keyring({1: b"k" * 32}, current=1, index=b"i" * 32), clock)
    with tempfile.TemporaryDirectory(dir=order.folder) as folder:
        store = SqliteStore(Path(folder) / "watchword.db")
        await store.open()
        app, _ = await Apps(store, clock, dice, Unheard()).create("Bench")
        flow = Verifications(store, keys, clock, dice, Unheard(), _rules())
        costs, serial = Costs([], [], []), 0

        def mail(number: int) -> Request:
            return Request("email", f"user{number}@example.com", "login", source=_source(number))

        def text(number: int) -> Request:
            return Request("sms", _mobile(number), "login", source=_source(number))

        def read(number: int) -> Request:
            read_number(_mobile(number))
            return mail(number)

        async def run(make: Callable[[int], Request], first: int) -> float:
            numbers = iter(range(first, first + order.creates))

            async def one() -> None:
                for number in numbers:
                    await flow.create(app, make(number))

            began = process_time()
            await asyncio.gather(*(one() for _ in range(AT_ONCE)))
            return 1e6 * (process_time() - began) / order.creates

        for _ in range(order.rounds):
            costs.mail.append(await run(mail, serial))
            costs.text.append(await run(text, serial))
            costs.reading.append(await run(read, serial) - costs.mail[-1])
            serial += order.creates
        await store.aclose()
    return costs


def _mobile(number: int) -> str:
    """Numbers far apart: a prime step through the eight digits behind +49151."""
    return f"+49151{number * 10_007_003 % 100_000_000:08d}"


def _source(number: int) -> str:
    return f"{1 + number % 200}.{number // 200 % 250}.{number // 50_000 % 250}.1"


if __name__ == "__main__":
    settle_to_serve()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(measure(order))))
