"""Idempotency keys: a request that is repeated makes, sends and charges nothing new."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.core.instant import DAY, HOUR
from watchword.core.verification import Status
from watchword.errors import IdempotencyReusedError, RateLimitedError


@journey()
async def test_the_same_request_again_shows_what_is_there(world: World) -> None:
    first = await world.create(idempotency_key="order-7", fingerprint=b"same")
    again = await world.create(idempotency_key="order-7", fingerprint=b"same")
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.verification, first.watchword, first.to) == (again.verification, again.watchword, again.to)


@journey()
async def test_a_storm_of_repeats_sends_one_message_and_charges_once(world: World) -> None:
    for _ in range(50):
        await world.create(idempotency_key="order-7", fingerprint=b"same", source="192.0.2.1")
    await world.courier.drain()
    assert len(world.outbox.mails) == 1
    for _ in range(2):
        await world.create()
    with pytest.raises(RateLimitedError):
        await world.create()


@journey()
async def test_a_repeat_is_answered_even_where_nothing_more_may_be_sent(world: World) -> None:
    first = await world.create(idempotency_key="order-7", fingerprint=b"same")
    for _ in range(2):
        await world.create()
    again = await world.create(idempotency_key="order-7", fingerprint=b"same")
    assert first.verification.id == again.verification.id


@journey()
async def test_a_repeat_shows_how_the_verification_stands_now(world: World) -> None:
    raw, code = await world.send(idempotency_key="order-7", fingerprint=b"same")
    await world.check(raw, code)
    again = await world.create(idempotency_key="order-7", fingerprint=b"same")
    assert again.status is Status.APPROVED


@journey()
async def test_another_request_under_the_same_key_is_refused(world: World) -> None:
    await world.create(idempotency_key="order-7", fingerprint=b"one")
    with pytest.raises(IdempotencyReusedError) as refused:
        await world.create(idempotency_key="order-7", fingerprint=b"two")
    assert refused.value.field == "Idempotency-Key"


@journey()
async def test_a_key_is_held_until_the_last_millisecond_of_a_day(world: World) -> None:
    first = await world.create(idempotency_key="order-7", fingerprint=b"same")
    world.clock.move(DAY - 1)
    again = await world.create(idempotency_key="order-7", fingerprint=b"same")
    assert first.verification.id == again.verification.id


@journey()
async def test_a_key_is_free_again_after_a_day(world: World) -> None:
    first = await world.create(idempotency_key="order-7", fingerprint=b"one")
    world.clock.move(DAY)
    second = await world.create(idempotency_key="order-7", fingerprint=b"two")
    assert first.verification.id != second.verification.id
    assert not second.replayed


@journey()
async def test_a_key_is_held_while_the_clock_is_back(world: World) -> None:
    first = await world.create(idempotency_key="order-7", fingerprint=b"same")
    world.clock.move(-HOUR)
    again = await world.create(idempotency_key="order-7", fingerprint=b"same")
    assert first.verification.id == again.verification.id


@journey()
async def test_two_apps_may_use_one_key(world: World) -> None:
    first = await world.create(idempotency_key="order-7", fingerprint=b"one")
    world.app, _ = await world.apps.create("Other")
    second = await world.create(idempotency_key="order-7", fingerprint=b"two")
    assert first.verification.id != second.verification.id


@journey()
async def test_without_a_key_every_request_is_new(world: World) -> None:
    first, second = await world.create(fingerprint=b"same"), await world.create(fingerprint=b"same")
    assert first.verification.id != second.verification.id


@journey()
async def test_a_refused_request_does_not_take_its_key(world: World) -> None:
    for _ in range(3):
        await world.create()
    with pytest.raises(RateLimitedError):
        await world.create(idempotency_key="order-7", fingerprint=b"one")
    shown = await world.create("bob@example.com", idempotency_key="order-7", fingerprint=b"two")
    assert not shown.replayed


@journey()
async def test_a_key_is_kept_as_a_keyed_hash(world: World) -> None:
    await world.create(idempotency_key="customer-4711", fingerprint=b'{"to": "ann@example.com"}')
    assert isinstance(world.store, MemoryStore)
    kept = repr(world.store.tables.replays)
    assert "customer-4711" not in kept
    assert "ann@" not in kept
