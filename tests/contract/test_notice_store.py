"""What every store promises about confirmed addresses and notices (``ports_notice.NoticeStore``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.authenticator import ANN, bind, checked, code, no_code
from tests.support.notice import HOME, WORK, both, confirmed, told
from tests.support.world import World, a_keyring, wrong
from watchword.core import notice as rules
from watchword.core.delivery import POSSIBLE_DUPLICATE, DeliveryStatus, Settlement
from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.policy import Limits, Rules
from watchword.errors import DeliveryError, MismatchError, UnknownError, WatchwordError
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.authenticator_seal import subject_key
from watchword.flows.delivering import LEASE
from watchword.flows.keys import Keys

FREE = Rules(limits=Limits((), (), (), (), Limits().wrong_guesses))


def who(world: World, subject: str = ANN) -> bytes:
    return subject_key(world.keys.ring, world.app, subject)


async def listed(world: World) -> list[str]:
    return [each.to for each in await world.addresses.of_subject(world.app, ANN)]


@every_store
def test_an_approved_address_is_tied_to_its_subject_and_no_other_is(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            raw, typed = await world.send(HOME, subject=ANN)
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(typed))
            assert [] == await listed(world)
            await world.check(raw, typed)
            await confirmed(world, WORK, subject="somebody else")
            anonymous, typed = await world.send("other@example.com")
            await world.check(anonymous, typed)
            assert ["a***@example.com"] == await listed(world)

    run(journey())


@every_store
def test_of_many_checks_at_once_one_ties_and_tells_once(store: str, tmp_path: Path) -> None:
    async def tried(world: World, raw: bytes, typed: str) -> str:
        try:
            await world.check(raw, typed)
        except WatchwordError as error:
            return error.code
        return "approved"

    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            raw, typed = await world.send(WORK, "binding", subject=ANN)
            outcomes = Counter(await asyncio.gather(*(tried(world, raw, typed) for _ in range(16))))
            assert 1 == outcomes["approved"]
            assert [(HOME, [("address_added", 1)])] == await told(world)
            assert 2 == len(await listed(world))

    run(journey())


@every_store
def test_every_change_of_the_ways_in_is_told_to_every_address(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME, WORK)
            added, _, codes = await bind(world)
            assert both("authenticator_added") == await told(world)
            await world.recovery_codes.check(world.app, ANN, codes[0])
            assert both("recovery_code_used") == await told(world)
            await world.recovery_codes.renew(world.app, ANN)
            assert both("recovery_codes_renewed") == await told(world)
            await world.authenticators.revoke(world.app, added)
            assert both("authenticator_removed") == await told(world)
            await confirmed(world, HOME)
            world.clock.move(DAY)
            raw, typed = await world.send(HOME, "recovery", subject=ANN)
            await world.check(raw, typed)
            assert both("account_recovered") == await told(world)

    run(journey())


@every_store
def test_a_lock_is_told_once_when_it_falls(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            _, key, _ = await bind(world)
            await told(world)
            world.authenticators.ceiling = 4
            typed = no_code(world, key)
            outcomes = Counter(await asyncio.gather(*(checked(world, typed) for _ in range(16))))
            assert 4 == outcomes["mismatch"]
            assert "locked" == await checked(world, code(world, key))
            assert [(HOME, [("authenticators_locked", 1)])] == await told(world)

    run(journey())


@every_store
def test_what_changes_nothing_is_not_told(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME, WORK)
            pending = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            raw = pending.shown.authenticator.id
            with pytest.raises(MismatchError):
                await world.authenticators.confirm(world.app, raw, no_code(world, pending.key))
            await world.authenticators.revoke(world.app, raw)
            with pytest.raises(MismatchError):
                await world.recovery_codes.check(world.app, ANN, "0" * 24)
            await confirmed(world, HOME)  # once more: nothing new
            assert [] == await told(world)

    run(journey())


@every_store
def test_of_many_uses_of_a_recovery_code_one_is_told(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            _, _, codes = await bind(world)
            await told(world)
            uses = (world.recovery_codes.check(world.app, ANN, codes[0]) for _ in range(16))
            await asyncio.gather(*uses, return_exceptions=True)
            assert [(HOME, [("recovery_code_used", 1)])] == await told(world)

    run(journey())


@every_store
def test_an_address_that_goes_is_told_with_the_others_and_then_no_more(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME, WORK)
            with pytest.raises(UnknownError):
                await world.addresses.forget(world.app, ANN, "nobody@example.com")
            assert 1 == await world.addresses.forget(world.app, ANN, WORK)
            assert both("address_removed") == await told(world)
            assert ["a***@example.com"] == await listed(world)
            await world.recovery_codes.renew(world.app, ANN)
            assert [(HOME, [("recovery_codes_renewed", 1)])] == await told(world)
            assert 1 == await world.addresses.forget(world.app, ANN, None)
            assert [] == await listed(world)

    run(journey())


@every_store
def test_a_flood_of_changes_becomes_few_mails_that_leave_nothing_out(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            world.clock.move(DAY)
            happened, mails = 0, []
            for _ in range(24 * 6):
                for _ in range(3):
                    await world.recovery_codes.renew(world.app, ANN)
                    happened += 1
                mails += await told(world)
                world.clock.move(10 * MINUTE)
            assert len(mails) <= 40
            world.clock.move(2 * HOUR)
            mails += await told(world)
            assert happened == sum(count for _, lines in mails for _, count in lines)
            assert {HOME} == {to for to, _ in mails}

    run(journey())


@every_store
def test_what_waits_takes_up_whatever_happens_meanwhile(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            world.clock.move(DAY)
            for sent in (1, 1, 1, 1, 1, 0):  # five an hour
                await world.recovery_codes.renew(world.app, ANN)
                assert sent == len(await told(world))
            added, _, _ = await bind(world)
            await world.authenticators.revoke(world.app, added)
            assert [] == await told(world)
            world.clock.move(HOUR)
            ((to, lines),) = await told(world)
            assert HOME == to
            assert {"recovery_codes_renewed", "authenticator_added", "authenticator_removed"} == {k for k, _ in lines}

    run(journey())


@every_store
def test_no_owner_is_pushed_out_by_more_addresses_than_are_kept(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            many = [f"a{number}@example.com" for number in range(rules.MOST_ADDRESSES + 2)]
            await confirmed(world, *many)
            kept = await world.store.notices.addresses(who(world))
            assert rules.MOST_ADDRESSES == len(kept)
            world.clock.move(2 * DAY)
            await told(world)
            await world.recovery_codes.renew(world.app, ANN)
            assert sorted(many[: rules.MOST_ADDRESSES]) == [to for to, _ in await told(world)]

    run(journey())


@every_store
def test_couriers_at_once_take_each_notice_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            for number in range(20):
                await confirmed(world, f"a{number}@example.com", subject=f"s{number}")
            for number in range(20):
                await world.recovery_codes.renew(world.app, f"s{number}")
            claims = await asyncio.gather(
                *(world.store.notices.claim(now=world.clock.now(), lease=LEASE, most=5) for _ in range(8))
            )
            taken = [due.notice.id for claim in claims for due in claim]
            assert 20 == len(taken) == len(set(taken))

    run(journey())


@every_store
def test_a_notice_whose_courier_died_is_repeated_and_says_so(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            await world.recovery_codes.renew(world.app, ANN)
            (late,) = await world.store.notices.claim(now=world.clock.now(), lease=LEASE, most=1)
            world.clock.move(LEASE - 1)
            assert [] == await told(world)
            world.clock.move(1)
            assert [(HOME, [("recovery_codes_renewed", 1)])] == await told(world)
            ((notice, name), *_) = await world.store.notices.recent(1)
            assert ("Acme", POSSIBLE_DUPLICATE) == (name, notice.delivery.reason)
            gone = Settlement(DeliveryStatus.FAILED, world.clock.now(), reason="refused")
            await world.store.notices.settle(late, gone)
            ((notice, _), *_) = await world.store.notices.recent(1)
            assert DeliveryStatus.SENT is notice.delivery.status

    run(journey())


@every_store
def test_a_relay_that_is_down_for_hours_loses_no_notice_and_a_day_ends_it(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            await world.recovery_codes.renew(world.app, ANN)
            world.outbox.trouble = lambda: DeliveryError(reason="connect")
            for _ in range(20 * 4):
                assert [] == await told(world)
                world.clock.move(15 * MINUTE)
            world.outbox.trouble = lambda: None
            assert [(HOME, [("recovery_codes_renewed", 1)])] == await told(world)
            await world.recovery_codes.renew(world.app, ANN)
            world.clock.move(rules.LIFETIME)
            assert [] == await told(world)
            assert await world.store.notices.next_due() is None

    run(journey())


@every_store
def test_a_settled_notice_is_forgotten_after_two_days_and_an_address_is_not(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME)
            await world.recovery_codes.renew(world.app, ANN)
            await told(world)
            assert 1 == len(await world.store.notices.recent(5))
            world.clock.move(rules.REMEMBERED + 1)
            await world.purge.once()
            assert [] == list(await world.store.notices.recent(5))
            assert ["a***@example.com"] == await listed(world)

    run(journey())


@every_store
def test_rotation_seals_addresses_anew(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FREE) as world:
            await confirmed(world, HOME, WORK)
            world.keys = Keys(lambda: a_keyring(1, 2), world.clock)
            for flow in (world.resealing, world.addresses, world.notices, world.recovery_codes):
                vars(flow)["_keys"] = world.keys
            assert 2 == await world.resealing.once()
            assert [2] == list(await world.store.notices.key_numbers())
            assert 0 == await world.resealing.once()
            assert ["a***@example.com", "a***@work.example.org"] == await listed(world)
            await world.recovery_codes.renew(world.app, ANN)
            assert both("recovery_codes_renewed") == await told(world)

    run(journey())
