"""A range that is calm is decided on as if its figures had been counted from the start, whatever happens in it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.support.sms import paid, terms
from tests.support.world import START
from watchword.adapters import guard_steps
from watchword.adapters.memory import MemoryTables
from watchword.core import breaker, calm, guard
from watchword.core.breaker import FRESH_LINE, Line
from watchword.core.budget import Spent
from watchword.core.guard import GuardRules, Joint, Known, Plan, Rows, Traits, Verdict, write_traits
from watchword.core.instant import DAY, HOUR, MINUTE, Instant
from watchword.core.limit import Rate

APP = b"app"
RANGE = b"the range's hash"
TRIALS, STEPS = 150, 60
SPANS = (0, 1, MINUTE, MINUTE, 7 * MINUTE, HOUR, 11 * HOUR, DAY, 3 * DAY, -MINUTE)
RATES = ((), (), (Rate(20, HOUR), Rate(60, DAY)), (Rate(3, HOUR),), (Rate(2, HOUR), Rate(6, DAY)))


def traits(block: int, tail: int) -> Traits:
    return Traits(b"%016d" % (block * 1_000 + tail), b"block" + bytes((block,)), RANGE, "DE", tail)


class Counted:
    """The same guard, which counts every send of every range at once."""

    def __init__(self) -> None:
        self.known: dict[bytes, Known] = {}
        self.blocks: dict[int, Line] = {}
        self.whole = self.country = FRESH_LINE
        self.app = self.everybody = Spent()

    def send(self, plan: Plan, now: Instant) -> Verdict:
        block, known = plan.traits.block, self.known.get(plan.traits.number, Known())
        near = self.blocks.get(block, FRESH_LINE)
        rows = Rows(known, near, self.whole, Joint(self.country, self.app, self.everybody))
        verdict, after = guard.decide(plan, rows, now)
        if verdict.decision not in guard.REFUSING:
            assert after.near is not None
            self.blocks[block], self.whole = after.near, after.wide
            self.country, self.app, self.everybody = guard.apart(after.joint)
        return verdict

    def code(self, told: Traits, lane: int, now: Instant) -> None:
        known = self.known.get(told.number, Known())
        self.known[told.number] = Known(now)
        self.whole = breaker.note_good(self.whole, now)
        if not (lane or guard.is_trusted(known, now)):
            near = self.blocks.get(told.block, FRESH_LINE)
            self.blocks[told.block] = breaker.verify(near, now, tail=told.tail)
            self.whole = breaker.verify(self.whole, now)
            self.country = breaker.verify(self.country, now, broad=True)

    def unsent(self, told: Traits, lane: int, now: Instant) -> None:
        if not (lane or guard.is_trusted(self.known.get(told.number, Known()), now)):
            self.blocks[told.block] = breaker.unsend(self.blocks[told.block], now, tail=told.tail)
            self.whole = breaker.unsend(self.whole, now)
            self.country = breaker.unsend(self.country, now)


def run(dice: Random) -> Counter[str]:
    """Some time of a range, through both; how often what was decided."""
    tables, reference, now, told = MemoryTables(), Counted(), START, Counter[str]()
    block, whole, mode = dice.choice(RATES), dice.choice(RATES), dice.choice(guard.MODES)
    blocks, tails = dice.choice([1, 2, 4]), dice.choice([2, 9, 1000])
    out: list[tuple[Traits, int]] = []
    for _ in range(STEPS):
        what = dice.choice(["send", "send", "send", "code", "unsent", "move"])
        if what == "move":
            now += dice.choice(SPANS)
        elif what == "send":
            asked_for, lane = traits(dice.randrange(blocks), dice.randrange(tails)), int(dice.random() < 0.2)
            plan = Plan(asked_for, APP, 1, terms(GuardRules(mode), block, whole), passes=lane > 0)
            verdict = paid(tables, plan, now)
            assert reference.send(plan, now)[:2] == verdict
            told[" ".join(verdict)] += 1
            if verdict[0] != "block":
                out.append((asked_for, lane))
        elif out:
            which, lane = out.pop(dice.randrange(len(out)))
            if what == "code":
                guard_steps.note_verified(tables, write_traits(which), lane, now)
                reference.code(which, lane, now)
            else:
                guard_steps.note_unsent(tables, write_traits(which), lane, now)
                reference.unsent(which, lane, now)
    return told


@pytest.mark.parametrize("seed", range(8))
def test_a_calm_range_is_decided_on_as_if_it_had_been_counted(seed: int) -> None:
    dice, told = Random(seed), Counter[str]()
    for _ in range(TRIALS):
        told += run(dice)
    assert {"allow ", "block neighbours", "block bucket", "monitor neighbours"} <= told.keys()


def test_a_range_is_calm_until_a_rule_could_ask_for_its_figures() -> None:
    tables = MemoryTables()
    for tail in range(breaker.NEIGHBOURS - 1):
        paid(tables, Plan(traits(0, tail), APP, 1, terms(GuardRules())), START)
    (line,) = tables.guard.get([b"4" + RANGE])
    assert len(line.calm) == breaker.NEIGHBOURS - 1
    paid(tables, Plan(traits(1, 1), APP, 1, terms(GuardRules())), START)
    whole, first, second = tables.guard.get([b"4" + RANGE, b"3block\0", b"3block\1"])
    assert (None, breaker.NEIGHBOURS, 5, 1) == (whole.calm, whole.hour[0][1], first.hour[0][1], second.hour[0][1])


def test_what_is_too_old_to_count_keeps_no_range_from_being_calm() -> None:
    tables = MemoryTables()
    for day in range(100):
        paid(tables, Plan(traits(0, day), APP, 1, terms(GuardRules())), START + day * DAY)
        (line,) = tables.guard.get([b"4" + RANGE])
        assert 1 <= len(line.calm) < breaker.NEIGHBOURS


def test_somebody_who_answered_is_remembered_when_the_range_is_counted() -> None:
    tables = MemoryTables()
    guard_steps.note_verified(tables, write_traits(traits(0, 1)), 0, START)
    for tail in range(breaker.NEIGHBOURS):
        paid(tables, Plan(traits(0, tail + 5), APP, 1, terms(GuardRules())), START)
    (line,) = tables.guard.get([b"4" + RANGE])
    assert (None, START) == (line.calm, line.good_at)


def test_a_bucket_that_remembers_for_long_is_kept_from_the_first_send_on() -> None:
    assert calm.most_sends((Rate(9, DAY),), (Rate(9, DAY + 1),)) == 0
    assert calm.most_sends((Rate(9, DAY),), (Rate(3, DAY),)) == 3
    assert calm.most_sends((), ()) == breaker.NEIGHBOURS - 1
