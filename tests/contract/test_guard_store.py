"""What every store promises about sends that cost money: no ceiling is passed by one, however many ask at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.sms import WIDE_OPEN, ceiling, with_sms
from tests.support.work import ask, block_the_country, solve, working
from tests.support.world import World
from watchword.core import breaker
from watchword.core.delivery import DeliveryStatus, Report, Settlement
from watchword.core.guard import keys_of, read_traits
from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import Rate
from watchword.core.magic_link import page_proof
from watchword.core.policy import Rules, SmsLimits
from watchword.core.report import of_provider
from watchword.errors import BlockedError, ChallengeError, RateLimitedError, UnknownError
from watchword.flows.verification import Request
from watchword.ports_limit import BucketKeys

AT_ONCE = 64


async def text(world: World, number: int, **more: object) -> str:
    try:
        asked = Request("sms", f"+49151{23400000 + number:08d}", "login", **more)  # type: ignore[arg-type]
        await world.verifications.create(world.app, asked)
    except BlockedError as error:
        return error.reason
    except RateLimitedError:
        return "limited"
    return "sent"


def a_number_takes(*rates: Rate) -> Rules:
    """Rules by which nothing but a number's own bucket limits texts."""
    return with_sms(limits=WIDE_OPEN._replace(number_sends=rates))


async def have_neighbours_blocked(world: World) -> None:
    """Text to as many neighbours of the first number as it takes. None of them answers."""
    for number in range(1, breaker.NEIGHBOURS + 1):
        assert await text(world, number) == "sent"
    assert await text(world, 99) == "neighbours"


async def last_sent(world: World) -> bytes:
    """Have texts leave. The verification of the last one."""
    await world.courier.drain()
    return (await world.store.recent(1))[0][0].id


@every_store
def test_many_sends_at_once_never_cost_more_than_the_budget(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(guard=ceiling(20 * 80_000), limits=WIDE_OPEN)) as world:
            told = Counter(await asyncio.gather(*(text(world, 100_003 * n) for n in range(AT_ONCE))))
            assert told == {"sent": 20, "budget": AT_ONCE - 20}

    run(journey())


@every_store
def test_many_sends_at_once_into_one_block_end_with_its_sixth(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(limits=WIDE_OPEN)) as world:
            told = Counter(await asyncio.gather(*(text(world, number) for number in range(AT_ONCE))))
            assert told == {"sent": breaker.NEIGHBOURS, "neighbours": AT_ONCE - breaker.NEIGHBOURS}

    run(journey())


@every_store
def test_many_sends_at_once_never_exceed_a_bucket_of_the_guard_by_one(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = with_sms(limits=WIDE_OPEN._replace(network_sends=(Rate(7, DAY),)))
        async with a_world(store, tmp_path, rules) as world:
            asked = (text(world, 100_003 * n, source=f"192.0.2.{n}") for n in range(AT_ONCE))
            assert Counter(await asyncio.gather(*asked)) == {"sent": 7, "bucket": AT_ONCE - 7}

    run(journey())


@every_store
def test_many_sends_at_once_to_one_number_never_exceed_its_bucket_by_one(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(limits=SmsLimits())) as world:
            told = Counter(await asyncio.gather(*(text(world, 1) for _ in range(AT_ONCE))))
            assert told == {"sent": 3, "limited": AT_ONCE - 3}

    run(journey())


@every_store
def test_of_many_sends_at_once_with_one_piece_of_work_one_goes_out(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = working()
        # With no wait between two sends, nothing but the work itself can tell the second from the first.
        rules = rules._replace(profile=rules.profile._replace(resend_after=(0, 0, 0, 0)))
        async with a_world(store, tmp_path, rules) as world:
            await block_the_country(world)
            shown = await ask(world)
            assert shown.ticket is not None
            raw, proof = shown.verification.id, page_proof(shown.ticket)
            done = solve(await world.magic_links.challenge(raw, proof, "192.0.2.1"))
            sends = (world.magic_links.resend(raw, proof, "192.0.2.1", done) for _ in range(AT_ONCE))
            told = Counter(type(each).__name__ for each in await asyncio.gather(*sends, return_exceptions=True))
            assert told == {"PageSeen": 1, "ChallengeError": AT_ONCE - 1}
            assert await world.courier.drain() == 1
            assert (await world.store.find(world.app.id, raw))[0].sends == 1

    run(journey())


@every_store
def test_what_was_held_for_work_pays_into_its_numbers_bucket_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = working()
        rules = rules._replace(sms_limits=rules.sms_limits._replace(number_sends=(Rate(1, HOUR),)))
        async with a_world(store, tmp_path, rules) as world:
            await block_the_country(world)
            shown = await ask(world)
            assert shown.ticket is not None
            raw, proof = shown.verification.id, page_proof(shown.ticket)
            with pytest.raises(RateLimitedError):
                await ask(world)
            with pytest.raises(ChallengeError):
                await world.magic_links.resend(raw, proof, "192.0.2.1")
            done = solve(await world.magic_links.challenge(raw, proof, "192.0.2.1"))
            await world.magic_links.resend(raw, proof, "192.0.2.1", done)
            assert await world.courier.drain() == 1
            with pytest.raises(RateLimitedError):
                await ask(world)

    run(journey())


@every_store
def test_what_was_counted_outlives_a_restart(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = with_sms(limits=WIDE_OPEN)
        async with a_world(store, tmp_path, rules) as world:
            for number in range(breaker.NEIGHBOURS):
                assert await text(world, number) == "sent"
            await world.store.aclose()
            await world.store.open()
            assert await text(world, 99) == "neighbours"

    run(journey())


@every_store
def test_a_right_code_is_counted_once_however_many_checks_come(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(limits=WIDE_OPEN)) as world:
            for number in range(breaker.NEIGHBOURS - 1):
                assert await text(world, number) == "sent"
            raw = await last_sent(world)
            code = world.outbox.last_code
            await asyncio.gather(*(world.check(raw, code) for _ in range(AT_ONCE)), return_exceptions=True)
            assert await text(world, 100) == "sent"
            assert await text(world, 101) == "sent"

    run(journey())


@every_store
def test_a_right_code_refills_nothing_of_its_number_and_what_follows_takes_no_trust(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, a_number_takes(Rate(3, HOUR))) as world:
            assert await text(world, 0) == "sent"
            raw = await last_sent(world)
            await asyncio.gather(world.check(raw, world.outbox.last_code), text(world, 0))
            await have_neighbours_blocked(world)
            assert await text(world, 0) == "sent"
            assert await text(world, 0) == "limited"
            assert await text(world, 0, known_device=True) == "sent"

    run(journey())


@every_store
def test_a_number_that_is_emptied_is_sent_to_again_and_keeps_its_trust(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, a_number_takes(Rate(1, HOUR))) as world:
            assert await text(world, 0) == "sent"
            raw = await last_sent(world)
            await world.check(raw, world.outbox.last_code)
            await have_neighbours_blocked(world)
            assert await text(world, 0) == "limited"
            own, *_ = keys_of(read_traits((await world.store.find(world.app.id, raw))[0].traits))
            await world.store.empty(BucketKeys((), (), (own,)), now=world.clock.now())
            assert await text(world, 0) == "sent"

    run(journey())


@every_store
def test_a_purge_gives_back_neither_a_numbers_limit_nor_its_trust(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, a_number_takes(Rate(2, 2 * DAY))) as world:
            assert await text(world, 0) == "sent"
            await world.store.purge(made_before=0, now=world.clock.now() + 23 * HOUR, step=100)
            assert [await text(world, 0) for _ in range(2)] == ["sent", "limited"]
            await world.check(await last_sent(world), world.outbox.last_code)
            await world.store.purge(made_before=0, now=world.clock.now() + 89 * DAY, step=100)
            world.clock.move(2 * DAY)
            await have_neighbours_blocked(world)
            assert await text(world, 0) == "sent"

    run(journey())


@every_store
def test_of_many_reports_at_once_one_changes_the_delivery(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms()) as world:
            await text(world, 1)
            await world.courier.drain()
            reference = of_provider(world.outbox.mails[-1][1].reference, "gateway")
            await asyncio.gather(*(world.reports.by_gateway(reference, "1") for _ in range(AT_ONCE)))
            assert world.journal.names().count("delivery.reported") == 1
            raw = world.journal.events[-1][1]["verification"]
            assert raw
            (row,) = [event for event in world.journal.events if event[0] == "delivery.reported"]
            assert row[1]["reason"] == DeliveryStatus.DELIVERED.value

    run(journey())


@every_store
def test_a_report_that_is_faster_than_its_courier_ends_the_delivery(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms()) as world:
            await text(world, 1)
            now = world.clock.now()
            (due,) = await world.store.claim(now=now, lease=MINUTE, most=1)
            raw = due.verification.id
            assert await world.store.report(world.app.id, raw, 1, Report.DELIVERED, now=now)
            await world.store.settle(due, Settlement(DeliveryStatus.SENT, now, "T1"))
            world.clock.move(MINUTE)
            assert not await world.store.claim(now=world.clock.now(), lease=MINUTE, most=1)
            _, (delivery,) = await world.store.find(world.app.id, raw)
            assert (delivery.status, delivery.transport) == (DeliveryStatus.DELIVERED, "T1")

    run(journey())


@every_store
def test_rows_of_the_guard_that_decide_nothing_any_more_are_purged(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(limits=WIDE_OPEN)) as world:
            for number in range(breaker.NEIGHBOURS):
                await text(world, number)
            now = world.clock.now()
            assert await world.store.purge(made_before=0, now=now + HOUR, step=100) == 0
            assert await world.store.purge(made_before=0, now=now + 40 * DAY, step=100) >= 5
            assert await world.store.purge(made_before=0, now=now + 40 * DAY, step=100) == 0
            assert await text(world, 99) == "sent"

    run(journey())


def test_where_there_are_two_halves_texts_lie_in_the_one_that_lasts(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world("valkey", tmp_path, with_sms()) as world:
            assert await text(world, 1) == "sent"
            (due,) = await world.store.claim(now=world.clock.now(), lease=HOUR, most=5)
            assert due.verification.channel == "sms"
            halves: Any = world.store
            assert (await halves.durable.find(world.app.id, due.verification.id))[0] == due.verification
            with pytest.raises(UnknownError):
                await halves.fast.find(world.app.id, due.verification.id)

    run(journey())


@every_store
def test_a_range_that_is_calm_no_more_is_counted_in_all_its_blocks(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(limits=WIDE_OPEN)) as world:
            other = 1_000  # numbers on, the next block begins
            for number in (0, 1, 2, other, other + 1, other + 2, 3, 4, 5):
                assert await text(world, number) == "sent"
            assert await text(world, 6) == "neighbours"
            for number in (3, 4, 5):
                assert await text(world, other + number) == "sent"
            assert await text(world, other + 6) == "neighbours"

    run(journey())


@every_store
def test_a_range_is_counted_in_more_blocks_than_were_sent_to_lately(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, with_sms(limits=WIDE_OPEN)) as world:
            assert await text(world, 0) == "sent"
            raw = await last_sent(world)
            world.clock.move(4 * MINUTE)
            await world.check(raw, world.outbox.last_code)
            world.clock.move(DAY)
            for block in range(1, 5):
                assert await text(world, 1_000 * block) == "sent"
            world.clock.move(DAY - 2 * MINUTE)  # the first send is dropped then, and its code is not
            for block in range(5, 7):
                assert await text(world, 1_000 * block) == "sent"

    run(journey())
