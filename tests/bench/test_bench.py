"""The bench measures: every part of it runs with counts far too small to mean anything."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import browser, chapters, courier, links, profile, report, store, totp, valkey
from bench.children import call, load, server
from bench.footprint import Left, Moment, Started, leave
from bench.guard import Costs
from bench.load import BESIDE, Loaded
from bench.pumping import Outcome
from bench.requests import PAIRS, SECRETS
from bench.rows import Row, summarise
from tests.support.needs import needs
from tests.support.valkeys import one_server

NOTHING = profile.Profile(0, [], [], [], [])
EMPTY = Moment(0, 50.0, 0.1)


def row(scenario: str, rate: int, connections: int = 64) -> Row:
    return Row(scenario, connections, rate, 1.0, 1.0, 2.0, 0.5, 0.25)


def test_the_service_answers_every_kind_of_load_as_it_should(tmp_path: Path) -> None:
    with server("watchword", tmp_path) as service:
        rows = [
            row
            for scenario in ("mixed", "idempotent", "single", "secrets")
            for row in load(service, scenario, 4, 10, most=40)
        ]

    assert {
        SECRETS,
        "create + check",
        "create + check, with Idempotency-Key",
        "create",
        "check, right",
        "check, wrong",
    } == {row.scenario for row in rows}
    assert all(row.requests >= 16 and row.p50 <= row.p99 for row in rows)


def test_links_are_asked_for_continued_and_exchanged(tmp_path: Path) -> None:
    with server("watchword", tmp_path) as service:
        rows = [row for scenario in ("links", *PAIRS, "linked") for row in load(service, scenario, 4, 10, most=40)]

    pairs = [links.ALONE, links.LINKED, links.LINKED, links.ALONE, links.LINKED, links.ALONE, links.ALONE, links.LINKED]
    single = [links.CREATE, links.CONTINUE, links.EXCHANGE]
    assert [links.CYCLE, *pairs, *single] == [row.scenario for row in rows]
    assert all(row.requests >= 30 for row in rows)


def test_authenticators_are_enrolled_and_checked(tmp_path: Path) -> None:
    with server("watchword", tmp_path) as service:
        rows = load(service, "authenticator", 4, 10, most=40)

    assert ["authenticator: enrol + confirm", "authenticator: check, right"] == [row.scenario for row in rows]
    assert all(row.requests >= 10 for row in rows)


def test_checks_of_codes_are_measured_beside_pyotp() -> None:
    order = msgspec.json.encode(totp.Order(rounds=2, checks=20))
    rates = msgspec.json.decode(call("bench.totp", order), type=totp.Rates)

    assert 2 == len(rates.ours) == len(rates.pyotp)
    assert rates.ratio > 0


def test_the_yardstick_answers(tmp_path: Path) -> None:
    with server("reference", tmp_path) as plain:
        (shown,) = load(plain, "reference", 2, 10, most=20)

    assert "R" == shown.scenario
    assert shown.requests >= 20


def test_what_was_left_behind_is_purged(tmp_path: Path) -> None:
    with server("watchword", tmp_path) as service:
        left = leave(service, 50)

    before, made, purged = left.moments
    assert (0, 0) == (before.rows, purged.rows)
    assert made.rows >= 200


def test_an_unexpected_answer_ends_the_run(tmp_path: Path) -> None:
    with server("reference", tmp_path) as plain, pytest.raises(Exception, match="non-zero"):
        load(plain, "single", 1, 10, most=4)


def test_the_store_and_the_courier_are_measured_alone(tmp_path: Path) -> None:
    order = msgspec.json.encode(store.Order(rounds=1, verifications=128, folder=str(tmp_path)))
    rates = msgspec.json.decode(call("bench.store", order), type=store.Rates)
    orders = msgspec.json.encode(courier.Order(messages=5, folder=str(tmp_path)))
    drained = msgspec.json.decode(call("bench.courier", orders), type=courier.Drained)

    assert min(rates.ours + rates.raw) > 0
    assert 5 == drained.messages


def test_what_people_wait_for_in_the_browser_is_measured(tmp_path: Path) -> None:
    order = msgspec.json.encode(browser.Order(rounds=1, mebibytes=1, folder=str(tmp_path)))
    seen = msgspec.json.decode(call("bench.browser", order), type=browser.Shown)

    assert min(seen.to_clipboard + seen.sealing + seen.opening) > 0


def test_rounds_are_compared_with_the_yardstick_beside_them() -> None:
    rows = [row("R", 100), row("create + check", 40), row(SECRETS, 20), row("R", 10), row("create + check", 3)]
    rows.append(row(SECRETS, 1))

    assert [0.4, 0.3] == report.ratios(rows, 64)
    assert [0.2, 0.1] == report.ratios(rows, 64, SECRETS)
    assert [55.0, 21.5, 10.5] == [each.rate for each in summarise(rows)]


def test_the_page_says_what_was_demanded() -> None:
    rows = [
        row("R", 100),
        row("create + check", 35),
        row(BESIDE, 33),
        row(SECRETS, 45),
        row("authenticator: check, right", 40),
        *(row(links.CYCLE, 32), row(links.CONTINUE, 60), row(links.EXCHANGE, 31), row(links.CREATE, 40)),
        *(row(links.ALONE, 55), row(links.LINKED, 40), row(links.LINKED, 40), row(links.ALONE, 45)),
    ]
    codes = totp.Rates([35.0], [10.0])
    loaded = Loaded(rows, Left(10, 0.1, (EMPTY, EMPTY, EMPTY)), NOTHING)
    drained = courier.Drained(10, 8, 1.0, 0.5, 0.1)

    guarded = ([Outcome("burst", 5_000, 44, 10_000, 1)], Costs([50.0], [80.0], [20.0]))
    page = report.write(
        report.Figures(
            *("today", "make bench", [], loaded, store.Rates([2], [4], 5), drained, Started(300, 200, 60), codes),
            *(browser.Shown(100, [150.0], [900.0], [800.0]), guarded),
        )
    )

    assert "| burst | 5,000 | 0 | 44 | 0.9 % | 10,000 | 1 (0.10 in 1000) |" in page
    assert "| 50 | 80 | 20 | 10 | 20 % |" in page
    assert "| create + check over 64 connections | 0.35 R (rounds: 0.35 to 0.35) | 0.3 R, aim 0.4 R |" in page
    assert f"| {BESIDE}, over 64 connections | 0.33 R (rounds: 0.33 to 0.33) | 0.3 R, aim 0.4 R |" in page
    assert f"| {SECRETS} over 64 connections | 0.45 R (rounds: 0.45 to 0.45) | 0.3 R, aim 0.4 R |" in page
    assert "| checks of authenticators over 64 connections | 0.40 R | 0.3 R |" in page
    assert "| `totp.verify` against pyotp's, a wrong code | 3.5 times | 3 times, aim 4 |" in page
    assert f"| {links.CYCLE} over 64 connections | 0.32 R (rounds: 0.32 to 0.32) | 0.3 R |" in page
    assert "| what a link adds to a create | 25.0% (over 2 phases of each; of processor time 25.0%) | under 5" in page
    assert "| store alone against raw SQLite | 0.50 | 0.5 |" in page
    assert "| open page to link on the clipboard, two inputs | 150 ms | under 1 s |" in page
    assert "| a file of 100 MiB sealed in the browser | 0.90 s | 100 MiB under 3 s |" in page


def test_a_sample_belongs_to_the_innermost_frame_that_has_an_owner() -> None:
    held = [(["run (asyncio/runners.py:1)", "add (watchword/adapters/steps.py:9)", "digest (hmac.py:2)"], 3)]
    native = [(["_worker (concurrent/futures/thread.py:1)", "_queue_SimpleQueue_get (q.c:1)", "wait (libc.so)"], 9)]

    scribe = [(["write (watchword/adapters/sqlite/scribe.py:9)", "fdatasync (libc.so)"], 2)]

    shown = profile.summarise(held, native, scribe)

    assert [("SQLite statements (adapters/sqlite, steps)", 1.0)] == shown.owners
    assert [("digest (hmac.py)", 1.0)] == shown.functions
    assert [] == shown.native
    assert [("fdatasync (libc.so)", 1.0)] == shown.scribe


@needs("redis-benchmark", "redis-cli")
def test_the_store_on_valkey_is_measured_beside_redis_benchmark() -> None:
    chapters.OUT.mkdir(exist_ok=True)
    rates = valkey.alone(one_server(), rounds=1, count=200)
    rows = valkey.over_http(one_server(), rounds=1, seconds=0.3)
    written = valkey.page(rates, rows)

    assert all(rates.values())
    assert "create + check" in written
    assert "ours against it" in written
