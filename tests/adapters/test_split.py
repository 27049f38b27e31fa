"""Two halves that look like one store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.support.link import CHALLENGE, REDIRECT, STATE, VERIFIER
from tests.support.sms import ANN, with_sms
from tests.support.world import World, wrong
from watchword.adapters.meanwhile import AwayError, Meanwhile
from watchword.adapters.memory import MemoryStore
from watchword.adapters.split import SplitStore
from watchword.core import magic_link
from watchword.core.delivery import DeliveryStatus, Due, Settlement
from watchword.core.instant import MINUTE, SECOND, Instant, Span
from watchword.core.limit import GuessLimits, Rate
from watchword.core.magic_link import LinkWanted
from watchword.core.policy import Rules
from watchword.core.verification import CODE, Expected, Outcome, Status, Verification
from watchword.errors import AlreadyUsedError, MismatchError, RateLimitedError, StoreError, UnknownError
from watchword.flows.verification import Request, Shown

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


def test_an_email_from_before_there_were_two_halves_is_good_still() -> None:
    async def journey() -> None:
        world, fast, durable = await a_world()
        raw, code = await world.send()
        durable.tables.verifications[raw] = fast.tables.verifications.pop(raw)
        assert (await world.check(raw, code)).status is Status.APPROVED
        with pytest.raises(AlreadyUsedError):
            await world.check(raw, code)

    asyncio.run(journey())


class Away(MemoryStore):
    """A fast half with a switch, and no connection where it is off (the verbs that are asked here)."""

    away = False

    def __getattribute__(self, name: str) -> object:
        verbs = {"add", "attempt", "confirm_code", "exchange", "claim", "settle", "empty", "look", "find", "next_due"}
        if name in verbs and self.away:
            raise AwayError("Valkey: not connected")
        return super().__getattribute__(name)


async def mailed_while_away(world: World, to: str, **more: Any) -> tuple[Shown, str]:
    """Create and deliver; the courier then finds out that one half does not answer."""
    shown = await world.create(to, **more)
    with pytest.raises(StoreError):
        await world.courier.drain()
    return shown, world.outbox.last_code


async def a_world_with_a_switch(rules: Rules | None = None) -> tuple[World, Away, SplitStore]:
    fast, durable = Away(), MemoryStore()
    store = SplitStore(fast, durable, Meanwhile((Rate(2, MINUTE),)))
    world = World(store, rules)
    await world.open()
    fast.tables.apps = durable.tables.apps
    return world, fast, store


def test_while_counters_are_away_mail_goes_out_up_to_the_cap_and_no_code_is_looked_at() -> None:
    async def journey() -> None:
        world, fast, _ = await a_world_with_a_switch()
        fast.away = True
        mailed = [await mailed_while_away(world, f"u{number}@example.com") for number in range(2)]
        sent = [(shown.verification.id, code) for shown, code in mailed]
        with pytest.raises(RateLimitedError) as refused:
            await world.create("u3@example.com")
        assert refused.value.retry_after == 30
        for raw, code in sent:
            for typed in (code, wrong(code)):
                with pytest.raises(StoreError):
                    await world.check(raw, typed)
        fast.away = False
        with pytest.raises(MismatchError):
            await world.check(sent[0][0], wrong(sent[0][1]))
        for raw, code in sent:
            assert (await world.check(raw, code)).status is Status.APPROVED
            with pytest.raises(AlreadyUsedError):
                await world.check(raw, code)
        assert world.journal.names().count("delivery.sent") == 2

    asyncio.run(journey())


def test_of_mails_that_could_not_be_settled_no_memory_is_kept() -> None:
    async def failing(due: Due, settlement: Settlement) -> None:
        raise StoreError(f"{due} {settlement}")

    async def journey() -> None:
        world, fast, store = await a_world_with_a_switch()
        settle, store.durable.settle = store.durable.settle, failing  # type: ignore[method-assign]
        fast.away = True
        await mailed_while_away(world, "ann@example.com")
        assert not store._strayed
        store.durable.settle = settle  # type: ignore[method-assign]
        fast.away = False
        world.clock.move(2 * MINUTE)
        await world.courier.drain()
        assert not store._strayed
        assert 2 == len(world.outbox.mails)  # the second time saying that it may be a repeat
        assert ["delivery.sent"] == [name for name in world.journal.names() if name.startswith("delivery.")]

    asyncio.run(journey())


def test_where_the_operator_wants_no_mail_meanwhile_it_is_refused() -> None:
    async def journey() -> None:
        world, fast, store = await a_world_with_a_switch()
        store.meanwhile.rates = ()
        fast.away = True
        with pytest.raises(StoreError):
            await world.create()
        fast.away = False
        assert (await world.create()).status is Status.PENDING

    asyncio.run(journey())


def test_while_the_counters_of_texts_are_away_none_is_sent_and_mail_goes_on() -> None:
    async def journey() -> None:
        world, _, store = await a_world_with_a_switch(with_sms())
        asked = Request("sms", ANN, "login")

        async def failing(*_: object, **__: object) -> None:
            raise StoreError("the disk is gone")

        store.durable.add = failing  # type: ignore[method-assign, assignment]
        with pytest.raises(StoreError):
            await world.verifications.create(world.app, asked)
        assert (await world.create()).status is Status.PENDING

    asyncio.run(journey())


def test_a_link_of_a_mail_that_went_out_meanwhile_is_exchanged_once_and_its_address_is_tied_once() -> None:
    async def journey() -> None:
        world, fast, _ = await a_world_with_a_switch()
        world.app = await world.apps.update(world.app, redirect_uris=[REDIRECT])
        wanted = LinkWanted(REDIRECT, STATE, CHALLENGE, "S256")
        fast.away = True
        made, code = await mailed_while_away(world, "ann@example.com", link=wanted, subject="ann")
        fast.away = False
        page = magic_link.page_proof(made.ticket or b"")
        await world.magic_links.check(made.verification.id, page, code, "192.0.2.1")
        collected = await world.magic_links.exchange(world.app, made.verification.id, None, VERIFIER)
        assert collected.status is Status.APPROVED
        with pytest.raises(AlreadyUsedError):
            await world.magic_links.exchange(world.app, made.verification.id, None, VERIFIER)
        assert 1 == len(await world.addresses.of_subject(world.app, "ann"))

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
