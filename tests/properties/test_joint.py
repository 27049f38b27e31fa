"""What many sends share is counted as one, and comes to what each row by itself would: whatever happens between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from tests.support.sms import paid, terms
from tests.support.world import START
from watchword.adapters import guard_steps
from watchword.adapters.guard_rows import GuardRow, HeldRows
from watchword.adapters.memory import MemoryTables
from watchword.core.breaker import UNUSUAL
from watchword.core.budget import Budget
from watchword.core.guard import GuardRules, Plan, Traits, write_traits
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.limit import FRESH, Arrivals

TRIALS, STEPS = 60, 150
SPANS = (SECOND, SECOND, MINUTE, 7 * MINUTE, HOUR, DAY, -MINUTE)
BUDGETS = (Budget(), Budget(hour=30), Budget(day=60, month=90))


class Writers:
    """Processes that write to one file in turns: each holds rows in its transactions, and keeps what it may."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.commits = 0
        self.all = [Writer(self) for _ in range(2)]


class Writer:
    """One of them (``pay_steps.PayTables``)."""

    def __init__(self, writers: Writers) -> None:
        self._file = writers
        self._own = 0
        self.guard = HeldRows(
            lambda keys: [writers.rows.get(key) for key in keys],
            self._write,
            lambda: writers.commits - self._own,  # what others have committed, as SQLite tells a connection
        )

    def _write(self, rows: Sequence[GuardRow]) -> None:
        self._file.rows.update((key, state) for key, state, _ in rows)

    def commit(self) -> None:
        self.guard.flush()
        self._file.commits += 1
        self._own += 1
        self.guard.keep()

    def fail(self, *, flushed: bool) -> None:
        before = dict(self._file.rows)
        if flushed:
            self.guard.flush()
            self._file.rows = before
        self.guard.forget()

    def arrivals(self, _key: bytes) -> Arrivals:
        return FRESH

    def set_arrivals(self, _key: bytes, _arrivals: Arrivals) -> None:
        raise AssertionError("no plan here has buckets")


def a_plan(dice: Random, rules: GuardRules) -> Plan:
    number = dice.randrange(10_000)
    traits = Traits(b"%016d" % number, b"b%d\0" % number, b"%016d" % number, dice.choice(["DE", "DE", "DE", "LT"]), 1)
    app, price = dice.choice([b"a", b"a", b"b"]), dice.choice([1, 1, 1, 0, 2])
    return Plan(traits, app, price, terms(rules), passes=dice.random() < 0.3)


def run(dice: Random) -> Counter[str]:
    """Some time of a guard, by writers and in a dictionary; how often what was decided."""
    writers, plain, now, told = Writers(), MemoryTables(), START, Counter[str]()
    writer = writers.all[0]
    rules = GuardRules(dice.choice(["enforce", "monitor"]), dice.choice(BUDGETS), dice.choice(BUDGETS))
    out: list[tuple[Traits, int]] = []
    for _ in range(STEPS):
        what = dice.choice(["send"] * 8 + ["code", "code", "unsent", "commit", "fail", "move"])
        if what == "move":
            now += dice.choice(SPANS)
        elif what == "send":
            plan = a_plan(dice, rules if dice.random() < 0.9 else GuardRules())
            verdict = paid(writer, plan, now)
            assert paid(plain, plan, now) == verdict
            told[" ".join(verdict)] += 1
            if verdict[0] != "block":
                out.append((plan.traits, int(plan.passes)))
        elif what == "commit":
            writer.commit()
            writer = dice.choice(writers.all)
        elif what == "fail":
            writer.commit()
            before = dict(writers.rows)
            paid(writer, a_plan(dice, rules), now)
            writer.fail(flushed=dice.random() < 0.5)
            writer.commit()
            assert before == writers.rows
        elif out:
            traits, lane = out.pop(dice.randrange(len(out)))
            for tables in (writer, plain):
                noted = guard_steps.note_verified if what == "code" else guard_steps.note_unsent
                noted(tables, write_traits(traits), lane, now)
    return told


@pytest.mark.parametrize("seed", range(8))
def test_what_is_held_as_one_decides_as_rows_by_themselves_do(seed: int) -> None:
    dice, told = Random(seed), Counter[str]()
    for _ in range(TRIALS):
        told += run(dice)
    assert {"allow ", "block budget", "block country"} <= told.keys()


def test_what_was_counted_as_one_stands_in_every_row() -> None:
    writers = Writers()
    for number in range(UNUSUAL):
        traits = Traits(b"%016d" % number, b"b%d\0" % number, b"%016d" % number, "DE", 1)
        plan = Plan(traits, b"a", 3, terms(GuardRules()))
        assert ("allow", "") == paid(writers.all[0], plan, START)
        if number % 7 == 0:
            writers.all[0].commit()
    writers.all[0].commit()
    country, app, everybody = writers.all[1].guard.get([b"cDE", b"$a", b"$*"])
    assert UNUSUAL == sum(sends for _, sends, _ in country.hour)
    assert 3 * UNUSUAL == app.hour[0][1] == everybody.day[0][1]
