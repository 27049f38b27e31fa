"""What every store promises to couriers, and about apps and purging (``ports.CourierStore`` and the others)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, every_store_that_purges, run
from tests.contract.test_verification_store import UNLIMITED
from tests.support.world import World, wrong
from watchword.core.delivery import POSSIBLE_DUPLICATE, DeliveryStatus, Settlement
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND
from watchword.core.message import TlsFacts
from watchword.core.verification import Expected, Status
from watchword.errors import InvalidInputError, MismatchError, UnauthenticatedError, UnknownError
from watchword.flows.purge import RETENTION

LEASE = MINUTE


@every_store
def test_couriers_at_once_take_each_message_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            made = {(await world.create(f"user{n}@example.com")).verification.id for n in range(40)}
            claims = await asyncio.gather(
                *(world.store.claim(now=world.clock.now(), lease=LEASE, most=5) for _ in range(16))
            )
            taken = [due.verification.id for claim in claims for due in claim]
            assert sorted(taken) == sorted(made)

    run(journey())


@every_store
def test_a_message_whose_courier_died_is_repeated_and_says_so(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            world.clock.move(LEASE - 1)
            assert await world.courier.drain() == 0
            world.clock.move(1)
            assert await world.courier.drain() == 1
            _, (delivery,) = await world.store.find(world.app.id, raw)
            assert (delivery.status, delivery.reason) == (DeliveryStatus.SENT, POSSIBLE_DUPLICATE)
            assert delivery.tries == 2

    run(journey())


@every_store
def test_a_courier_that_lost_its_lease_cannot_overrule_the_next(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            (late,) = await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            world.clock.move(LEASE)
            await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            gone = Settlement(DeliveryStatus.FAILED, world.clock.now(), reason="refused")
            await world.store.settle(late, gone)
            found, (delivery,) = await world.store.find(world.app.id, raw)
            assert delivery.status is DeliveryStatus.QUEUED
            assert found.status is Status.PENDING

    run(journey())


@every_store
def test_that_a_message_was_sent_counts_even_from_a_late_courier(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            (late,) = await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            world.clock.move(LEASE)
            await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            await world.store.settle(late, Settlement(DeliveryStatus.SENT, world.clock.now(), "T1"))
            world.clock.move(LEASE)
            assert await world.courier.drain() == 0
            _, (delivery,) = await world.store.find(world.app.id, raw)
            assert delivery.status is DeliveryStatus.SENT

    run(journey())


@every_store
def test_what_is_over_is_dropped_when_a_courier_looks(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            await world.verifications.cancel(world.app, raw)
            assert await world.courier.drain() == 0
            _, (delivery,) = await world.store.find(world.app.id, raw)
            assert (delivery.status, delivery.reason) == (DeliveryStatus.DROPPED, "canceled")

    run(journey())


@every_store
def test_a_verification_fails_when_no_message_went_out_and_none_will(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            (due,) = await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            await world.store.settle(due, Settlement(DeliveryStatus.FAILED, world.clock.now(), reason="refused"))
            found, _ = await world.store.find(world.app.id, raw)
            assert found.status is Status.FAILED

    run(journey())


@every_store
def test_a_failed_resend_leaves_the_first_code_valid(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            world.clock.move(30 * SECOND)
            await world.verifications.resend(world.app, raw)
            (due,) = await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            await world.store.settle(due, Settlement(DeliveryStatus.FAILED, world.clock.now(), reason="refused"))
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())


@every_store
def test_a_resend_supersedes_a_message_that_still_waits(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            world.clock.move(30 * SECOND)
            await world.verifications.resend(world.app, raw)
            assert await world.courier.drain() == 1
            _, deliveries = await world.store.find(world.app.id, raw)
            assert [each.status for each in deliveries] == [DeliveryStatus.SUPERSEDED, DeliveryStatus.SENT]

    run(journey())


@every_store
def test_what_a_handshake_proved_is_kept_with_the_delivery(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw = (await world.create()).verification.id
            (due,) = await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
            facts = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "ab" * 32)
            await world.store.settle(due, Settlement(DeliveryStatus.SENT, world.clock.now(), "T1", tls=facts))
            _, (delivery,) = await world.store.find(world.app.id, raw)
            assert (delivery.transport, delivery.tls) == ("T1", facts)

    run(journey())


@every_store
def test_the_outbox_says_when_something_is_due_and_how_much(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            assert await world.store.next_due() is None
            await world.create()
            assert await world.store.next_due() == world.clock.now()
            assert await world.store.backlog(now=world.clock.now()) == 1
            await world.courier.drain()
            assert await world.store.next_due() is None
            assert await world.store.backlog(now=world.clock.now()) == 0

    run(journey())


@every_store
def test_recent_mails_are_those_that_were_sent_newest_first(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            first, _ = await world.send("ann@example.com")
            world.clock.move(SECOND)
            second, _ = await world.send("bob@example.com")
            await world.create("eve@example.com", decoy=True)
            await world.courier.drain()
            await world.create("waiting@example.com")
            assert [row.id for row, name, _ in await world.store.recent(10) if name == "Acme"] == [second, first]
            world.clock.move(MINUTE)
            await world.verifications.resend(world.app, first)
            await world.courier.drain()
            latest = [row.id for row, _, _ in await world.store.recent(10) if row.id in {first, second}]
            assert latest == [first, second, first]

    run(journey())


async def rows(world: World) -> int:
    """How much a purge finds when everything is over."""
    return await world.store.purge(made_before=world.clock.now() + DAY, now=world.clock.now() + 400 * DAY, step=10_000)


@every_store_that_purges
def test_purge_removes_what_is_over_and_nothing_else(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            old, code = await world.send("ann@example.com")
            await world.check(old, code)
            world.clock.move(RETENTION - HOUR)
            young, _ = await world.send("ann@example.com")
            world.clock.move(HOUR + 1)
            await world.purge.once()
            with pytest.raises(UnknownError):
                await world.store.find(world.app.id, old)
            await world.store.find(world.app.id, young)

    run(journey())


@every_store_that_purges
def test_purge_comes_to_an_end_and_leaves_no_rows(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            for number in range(30):
                raw, code = await world.send(f"user{number}@example.com", source=f"192.0.2.{number}")
                await world.check(raw, code)
            world.clock.move(RETENTION + 1)
            assert await world.purge.once() == 30 * 3  # the verification and two buckets
            assert await rows(world) == 0

    run(journey())


@every_store
def test_a_streak_of_wrong_guesses_survives_the_purge(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
            world.clock.move(400 * DAY)
            await world.purge.once()
            again = await world.create()
            judged = await world.store.attempt(
                world.app.id,
                again.verification.id,
                digits=6,
                matches=False,
                expected=Expected(),
                guesses=world.verifications.rules.guesses,
                now=world.clock.now(),
            )
            assert judged.guesses.streak == 2

    run(journey())


@every_store
def test_an_app_name_is_taken_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            with pytest.raises(InvalidInputError):
                await world.apps.create("Acme")
            other, _ = await world.apps.create("Other")
            with pytest.raises(InvalidInputError):
                await world.apps.update(other, name="Acme")
            await world.apps.update(other, name="Another", redirect_uris=["https://app.example/callback"])
            named = await world.apps.named("Another")
            assert named.redirect_uris == ("https://app.example/callback",)

    run(journey())


@every_store
def test_a_key_works_until_it_is_revoked_or_replaced(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            second = await world.apps.add_key(world.app)
            assert (await world.apps.by_key(second.encode())).id == world.app.id
            await world.apps.revoke_key(world.app, second)
            with pytest.raises(UnauthenticatedError):
                await world.apps.by_key(second.encode())
            third = await world.apps.add_key(world.app, replace=True)
            world.clock.move(SECOND)
            with pytest.raises(UnauthenticatedError):
                await world.apps.by_key(world.key.encode())
            assert (await world.apps.by_key(third.encode())).name == "Acme"

    run(journey())
