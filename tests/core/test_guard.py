"""The guard's arithmetic: breakers over ranges and countries, and money."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.sms import ceiling, terms
from tests.support.world import START
from watchword.core import breaker, guard
from watchword.core.breaker import BLOCKS, ENOUGH, NEIGHBOURS, Line
from watchword.core.budget import Budget, Spent
from watchword.core.guard import TRUST, GuardRules, Joint, Known, Plan, Rows, Terms, Traits, write_terms
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Instant, Span
from watchword.core.limit import FRESH as FRESH_BUCKET
from watchword.core.limit import Rate

PRICE = 80_000
FRESH = Rows(Known(), Line(), Line(), Joint(Line(), Spent(), Spent()))


def plan(tail: int = 1, rules: GuardRules | None = None, *, passes: bool = False) -> Plan:
    traits = Traits(b"number", b"near", b"wide", "DE", tail)
    return Plan(traits, b"app", PRICE, terms(rules or GuardRules()), passes=passes)


def sent(line: Line, times: int, now: Instant = START, *, every: Span = SECOND, broad: bool = False) -> Line:
    for number in range(times):
        line = breaker.send(line, now + number * every, broad=broad)
    return line


def is_open(line: Line, now: Instant = START) -> bool:
    return now < line.until


def test_a_range_is_blocked_with_the_twentieth_send_that_nobody_answers() -> None:
    assert not is_open(sent(Line(), ENOUGH - 1))
    assert is_open(sent(Line(), ENOUGH))


def test_the_same_spread_over_a_day_is_blocked_too() -> None:
    assert sent(Line(), ENOUGH, every=HOUR).until


def test_a_range_whose_codes_come_back_is_never_blocked() -> None:
    line, now = Line(), START
    for number in range(500):
        now += 20 * SECOND
        line = breaker.send(line, now)
        if number % 10 < 8:
            line = breaker.verify(line, now + 15 * SECOND)
        assert not line.until


def test_three_in_ten_is_enough_and_less_is_not() -> None:
    line = Line()
    for _ in range(6):
        line = breaker.verify(line, START)
    assert not is_open(sent(line, 20))
    assert is_open(sent(line, 21))


def test_six_neighbours_that_nobody_answers_are_enough() -> None:
    line = Line()
    for tail in range(NEIGHBOURS):
        assert not line.until
        line = breaker.send(line, START + tail * HOUR, tail=tail)
    assert line.until


def test_one_number_asked_for_again_and_again_is_one_neighbour() -> None:
    line = Line()
    for _ in range(NEIGHBOURS * 2):
        line = breaker.send(line, START, tail=7)
    assert not line.until


def test_a_neighbour_that_answers_counts_no_more() -> None:
    line = Line()
    for tail in range(NEIGHBOURS - 1):
        line = breaker.send(line, START, tail=tail)
    line = breaker.verify(line, START, tail=0)
    assert not breaker.send(line, START, tail=100).until


def test_a_country_waits_for_codes_that_are_on_their_way() -> None:
    assert not sent(Line(), ENOUGH + 10, broad=True).until


def test_a_burst_in_a_country_is_noticed_before_codes_are_due() -> None:
    assert sent(Line(), breaker.UNUSUAL + 1, every=1, broad=True).until


def test_a_country_is_blocked_once_no_code_can_come_any_more() -> None:
    line = sent(Line(), ENOUGH, broad=True)
    assert breaker.send(line, START + 15 * MINUTE, broad=True).until


def test_blocks_grow_longer_and_probes_are_few() -> None:
    line, now = sent(Line(), ENOUGH), START + (ENOUGH - 1) * SECOND
    for block in (*BLOCKS, BLOCKS[-1]):
        assert line.until == now + block
        now = line.until
        for _ in range(breaker.PROBES - 1):
            line = breaker.send(line, now)
            assert not is_open(line, now)
        line = breaker.send(line, now)


def test_two_of_three_probes_that_come_back_close_the_breaker() -> None:
    line = sent(Line(), ENOUGH)
    now = line.until
    for _ in range(breaker.PROBES):
        line = breaker.send(line, now)
    line = breaker.verify(line, now + MINUTE)
    assert is_open(line, now + MINUTE)
    line = breaker.verify(line, now + MINUTE)
    assert not line.until
    assert not sent(line, ENOUGH - 1, now + MINUTE).until


def test_a_range_that_fails_again_is_blocked_for_longer() -> None:
    line = sent(Line(), ENOUGH)
    now = line.until
    for _ in range(breaker.PROBES):
        line = breaker.send(line, now)
    for _ in range(breaker.PROVEN):
        line = breaker.verify(line, now)
    line = sent(line, ENOUGH, now)
    assert line.until - now > BLOCKS[0] * 2


def test_codes_that_were_on_their_way_heal_a_breaker_that_opened_too_soon() -> None:
    line = sent(Line(), ENOUGH)
    for _ in range(6):
        line = breaker.verify(line, START + MINUTE)
    assert not line.until


def test_what_no_provider_took_is_no_failure_of_the_range() -> None:
    line = Line()
    for _ in range(5 * ENOUGH):
        line = breaker.unsend(breaker.send(line, START, tail=1), START, tail=1)
    assert not line.until
    assert not line.unanswered


def test_what_is_blocked_changes_nothing_however_often_it_is_asked_for() -> None:
    rows = FRESH
    for tail in range(NEIGHBOURS):
        _, rows = guard.decide(plan(tail), rows, START)
    for _ in range(1_000):
        verdict, after = guard.decide(plan(9), rows, START)
        assert ("block", "neighbours") == verdict[:2]
        assert after is rows


@pytest.mark.parametrize("known", [Known(START - DAY), Known(START - TRUST + 1)])
def test_a_number_that_gave_a_right_code_before_passes(known: Known) -> None:
    blocked = Line(until=START + DAY, paid=FRESH_BUCKET)
    rows = Rows(known, blocked, blocked, Joint(blocked, Spent(), Spent()))
    verdict, after = guard.decide(plan(), rows, START)
    assert "allow" == verdict.decision
    assert (after.near, after.wide, after.joint.country) == (blocked, blocked, blocked)


def test_trust_ends() -> None:
    blocked = Line(until=START + DAY)
    rows = Rows(Known(START - TRUST), blocked, blocked, Joint(blocked, Spent(), Spent()))
    assert "block" == guard.decide(plan(), rows, START)[0].decision


def test_a_device_that_proved_itself_passes() -> None:
    blocked = Line(until=START + DAY)
    rows = Rows(Known(), blocked, blocked, Joint(blocked, Spent(), Spent()))
    assert "allow" == guard.decide(plan(passes=True), rows, START)[0].decision


def test_nobody_passes_a_budget() -> None:
    rows, allowed, reason = FRESH, 0, ""
    for _ in range(100):
        verdict, rows = guard.decide(plan(rules=ceiling(10 * PRICE), passes=True), rows, START)
        allowed += verdict.decision == "allow"
        reason = verdict.reason
    assert (10, "budget") == (allowed, reason)


def test_monitoring_allows_what_it_says_it_would_block() -> None:
    rows = blocked("range")
    verdict, after = guard.decide(plan(rules=GuardRules("monitor")), rows, START)
    assert ("monitor", "range") == verdict[:2]
    assert PRICE == sum(amount for _, amount in after.joint.everybody.hour)


@pytest.mark.parametrize("whose", ["app_budget", "global_budget"])
def test_a_budget_is_a_ceiling_while_the_guard_only_monitors(whose: str) -> None:
    rules = GuardRules("monitor", **{whose: Budget(PRICE, PRICE, PRICE)})
    verdict, rows = guard.decide(plan(rules=rules), FRESH, START)
    assert "allow" == verdict.decision
    verdict, after = guard.decide(plan(2, rules), rows, START)
    assert ("block", "budget") == verdict[:2]
    assert after is rows


def test_a_send_is_paid_for_in_its_own_lane_and_what_is_refused_is_not() -> None:
    rates = Terms(GuardRules(), number=(Rate(1, HOUR),))
    asked = msgspec.structs.replace(plan(), kept_terms=write_terms(rates))
    paid, wait = guard.charge(Known(7), asked, START)
    assert (paid, wait) == (Known(7, ((START + HOUR, 0), (0, 0))), 0)
    assert guard.charge(paid, asked, START) == (paid, HOUR)
    both, wait = guard.charge(paid, msgspec.structs.replace(asked, passes=True), START)
    assert (both, wait) == (Known(7, ((START + HOUR, 0), (START + HOUR, 0))), 0)


def test_traits_are_read_back_as_they_were_written() -> None:
    traits = plan().traits
    assert traits == guard.read_traits(guard.write_traits(traits))


def blocked(reason: str) -> Rows:
    line = Line(until=START + HOUR)
    if reason == "country":
        return msgspec.structs.replace(FRESH, joint=Joint(line, Spent(), Spent()))
    return msgspec.structs.replace(FRESH, **{{"neighbours": "near", "range": "wide"}[reason]: line})


@pytest.mark.parametrize(
    ("reason", "page", "worked", "decision"),
    [
        ("country", False, None, "block"),
        ("country", True, None, "challenge"),
        ("country", True, 0, "allow"),
        ("range", True, None, "block"),
        ("range", True, 0, "block"),
        ("neighbours", True, 0, "block"),
    ],
)
def test_work_opens_a_country_and_nothing_else(reason: str, worked: int | None, decision: str, *, page: bool) -> None:
    asked = msgspec.structs.replace(plan(), page=page, worked=worked)
    verdict, rows = guard.decide(asked, blocked(reason), START)
    assert decision == verdict.decision
    assert (rows == blocked(reason)) is (decision != "allow")


def test_work_for_another_send_is_no_work() -> None:
    assert msgspec.structs.replace(plan(), worked=1).after(1).worked == 1
    assert msgspec.structs.replace(plan(), worked=1).after(2).worked is None
