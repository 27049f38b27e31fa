"""Two halves that look like one store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.adapters.split import SplitStore
from watchword.core.delivery import DeliveryStatus, Due, Settlement
from watchword.core.instant import MINUTE, SECOND, Instant, Span
from watchword.core.limit import GuessLimits, Rate
from watchword.core.verification import CODE, Expected, Outcome, Status, Verification
from watchword.errors import StoreError, UnknownError

LIMITS = GuessLimits((Rate(10, MINUTE),), 50)


async def an_sms(world: World) -> Verification:
    """A verification by SMS, as the flow of SMS would write it."""
    email = (await world.create()).verification
    made = msgspec.structs.replace(email, id=email.id[:-1] + b"\0", channel="sms", challenge=b"c" * 32, methods=CODE)
    added = await world.store.add(made, charges=(), guesses=LIMITS, idempotency=None, now=world.clock.now())
    return added.verification


async def a_world() -> tuple[World, MemoryStore, MemoryStore]:
    fast, durable = MemoryStore(), MemoryStore()
    world = World(SplitStore(fast, durable))
    await world.open()
    fast.tables.apps = durable.tables.apps  # as Valkey asks the durable half for an app
    return world, fast, durable


def test_email_lies_in_the_fast_half_and_sms_in_the_durable_one() -> None:
    async def journey() -> None:
        world, fast, durable = await a_world()
        sms = await an_sms(world)
        assert len(fast.tables.verifications) == 1
        assert list(durable.tables.verifications.values()) == [sms]
        assert (await world.store.find(world.app.id, sms.id))[0] == sms
        assert await world.store.look(sms.id) == (sms, world.app)

    asyncio.run(journey())


def test_every_verb_finds_its_half() -> None:
    async def journey() -> None:
        world, _, _ = await a_world()
        sms, now = await an_sms(world), world.clock.now()
        store, key = world.store, (world.app.id, sms.id)
        told = {"digits": 6, "guesses": LIMITS, "now": now}
        wrong = await store.attempt(*key, matches=False, expected=Expected(), **told)  # type: ignore[arg-type]
        assert wrong.outcome is Outcome.MISMATCH
        word, _ = await store.confirm_word(*key, matches=False, now=now)
        assert word is Outcome.MISMATCH
        resent = await store.resend(*key, charges=(), schedule=(MINUTE,), guesses=LIMITS, now=now + MINUTE)
        assert resent.verification.sends == 2
        hosted = await store.confirm_code(*key, matches=True, **told)  # type: ignore[arg-type]
        assert hosted.outcome is Outcome.CONFIRMED
        fetched = await store.exchange(
            *key, challenge=b"c" * 32, expected=Expected(), handed_over=False, guesses=LIMITS, now=now
        )
        assert fetched.outcome is Outcome.APPROVED
        email = (await world.create("bob@example.com")).verification
        assert (await store.cancel(world.app.id, email.id, now=now)).status is Status.CANCELED

    asyncio.run(journey())


def test_what_neither_half_knows_is_unknown() -> None:
    async def journey() -> None:
        world, _, _ = await a_world()
        with pytest.raises(UnknownError):
            await world.store.find(world.app.id, bytes(16))
        with pytest.raises(UnknownError):
            await world.check(bytes(16), "123456")

    asyncio.run(journey())


def test_an_email_from_before_there_were_two_halves_is_worth_nothing() -> None:
    async def journey() -> None:
        world, fast, durable = await a_world()
        raw, code = await world.send()
        durable.tables.verifications[raw] = fast.tables.verifications.pop(raw)
        with pytest.raises(UnknownError):
            await world.check(raw, code)

    asyncio.run(journey())


def test_a_courier_works_off_both_halves() -> None:
    async def journey() -> None:
        world, _, _ = await a_world()
        await an_sms(world)
        now = world.clock.now()
        assert (await world.store.backlog(now=now), await world.store.next_due()) == (2, now)
        (one,) = await world.store.claim(now=now, lease=MINUTE, most=1)
        (other,) = await world.store.claim(now=now, lease=MINUTE, most=5)
        assert {one.verification.channel, other.verification.channel} == {"email", "sms"}
        for due in (one, other):
            world.clock.move(SECOND)
            await world.store.settle(due, Settlement(DeliveryStatus.SENT, world.clock.now(), "T1"))
        assert [row.channel for row, _, _ in await world.store.recent(10)] == ["sms", "email"]
        assert await world.store.next_due() is None

    asyncio.run(journey())


def test_while_one_half_cannot_be_reached_the_other_is_worked_off() -> None:
    async def failing(*, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        raise StoreError(f"{now} {lease} {most}")

    async def journey() -> None:
        world, fast, durable = await a_world()
        await an_sms(world)
        fast.claim = failing  # type: ignore[method-assign]
        (due,) = await world.store.claim(now=world.clock.now(), lease=MINUTE, most=5)
        assert due.verification.channel == "sms"
        durable.claim = failing  # type: ignore[method-assign]
        with pytest.raises(StoreError):
            await world.store.claim(now=world.clock.now(), lease=MINUTE, most=5)

    asyncio.run(journey())
