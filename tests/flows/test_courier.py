"""Couriers: every message once, again where nobody saw the end, and never too late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.flows.journeys import generous, journey
from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.core.delivery import NOT_HANDED_OVER, POSSIBLE_DUPLICATE, Delivery, DeliveryStatus, Due, Settlement
from watchword.core.instant import MINUTE, SECOND
from watchword.core.message import PasscodeMessage, Receipt, TlsFacts
from watchword.core.verification import Status
from watchword.errors import DeliveryError, StoreError, UndeliverableError
from watchword.flows.courier import Courier
from watchword.flows.delivering import GIVING_BACK, HAND_OVER, LEASE, POLL
from watchword.ports import CourierStore, Mailer


class Slow:
    """A relay that takes nothing until it is told to."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def deliver(self, recipient: str, _: PasscodeMessage) -> Receipt:
        self.begun.set()
        await self.go_on.wait()
        self.mails.append(recipient)
        return Receipt("T1", "relay.example")


class Sure(Slow):
    """One that knows that it handed nothing over when it is canceled."""

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        try:
            return await super().deliver(recipient, message)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(NOT_HANDED_OVER) from None


class Mute(MemoryStore):
    """A store in which no word of a courier is ever written, while it is ``mute``."""

    mute = True

    async def settle(self, due: Due, settlement: Settlement) -> None:
        if self.mute:
            await asyncio.Event().wait()
        await super().settle(due, settlement)


class Trouble(MemoryStore):
    """A store whose verbs fail as often as told."""

    def __init__(self) -> None:
        super().__init__()
        self.claims_to_fail = 0
        self.settlements_to_fail = 0

    async def claim(self, *, now: int, lease: int, most: int) -> Sequence[Due]:
        if self.claims_to_fail:
            self.claims_to_fail -= 1
            raise StoreError("the disk is full")
        return await super().claim(now=now, lease=lease, most=most)

    async def settle(self, due: Due, settlement: Settlement) -> None:
        if self.settlements_to_fail:
            self.settlements_to_fail -= 1
            raise StoreError("the disk is full")
        await super().settle(due, settlement)


class Hesitant(MemoryStore):
    """A store whose claims take their time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def claim(self, *, now: int, lease: int, most: int) -> Sequence[Due]:
        self.asked.set()
        await self.go_on.wait()
        return await super().claim(now=now, lease=lease, most=most)


async def move_to(world: World, store: MemoryStore) -> None:
    """Keep what the world makes from now on in another store."""
    await store.add_app(world.app)
    world.verifications._store = store


def a_courier(
    world: World, *, store: CourierStore | None = None, mailer: Mailer | None = None, at_once: int = 8
) -> Courier:
    return Courier(
        store or world.store,
        mailer or world.outbox,
        world.keys,
        world.clock,
        world.dice,
        world.journal,
        at_once=at_once,
    )


async def last(world: World, raw: bytes) -> Delivery:
    _, deliveries = await world.store.find(world.app.id, raw)
    return deliveries[-1]


def fails(reason: str, *, permanent: bool = False, uncertain: bool = False) -> Callable[[], DeliveryError]:
    return lambda: DeliveryError(reason=reason, permanent=permanent, uncertain=uncertain)


async def until(told: Callable[[], bool]) -> None:
    """Let others work until something holds, for at most a minute by the loop's own time, which costs none."""
    for _ in range(6_000):
        if told():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


@journey()
async def test_a_delivery_records_what_was_proven(world: World) -> None:
    facts = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "ab" * 32)

    class Relay:
        async def deliver(self, _: str, __: PasscodeMessage) -> Receipt:
            return Receipt("T1", "relay.example", facts)

    raw = (await world.create()).verification.id
    await a_courier(world, mailer=Relay()).drain()
    delivery = await last(world, raw)
    assert (delivery.status, delivery.transport, delivery.tls) == (DeliveryStatus.SENT, "T1", facts)
    assert (delivery.reason, delivery.tries, delivery.due_at) == ("", 1, None)


@journey()
async def test_a_refused_message_is_tried_again_with_growing_jittered_waits(world: World) -> None:
    world.outbox.trouble = fails("greylisted")
    raw = (await world.create()).verification.id
    waits = []
    for _ in range(7):
        await world.courier.drain()
        delivery = await last(world, raw)
        assert delivery.due_at is not None
        waits.append(delivery.due_at - world.clock.now())
        world.clock.move(waits[-1])
    longest = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]
    assert all(most // 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert waits != longest
    tried = await last(world, raw)
    assert (tried.tries, tried.reason) == (7, "greylisted")


@journey()
async def test_a_message_waits_until_it_is_due(world: World) -> None:
    world.outbox.trouble = fails("greylisted")
    raw = (await world.create()).verification.id
    await world.courier.drain()
    due_at = (await last(world, raw)).due_at
    assert due_at is not None
    world.clock.at = due_at - 1
    assert await world.courier.drain() == 0
    world.clock.at = due_at
    assert await world.courier.drain() == 1


@journey()
async def test_a_repeat_of_a_send_keeps_its_key(world: World) -> None:
    keys = []

    class Relay:
        async def deliver(self, _: str, message: PasscodeMessage) -> Receipt:
            keys.append(message.key)
            raise DeliveryError(reason="timeout", uncertain=True)

    await world.create()
    courier = a_courier(world, mailer=Relay())
    for _ in range(3):
        await courier.drain()
        world.clock.move(MINUTE)
    assert len(keys) == 3
    assert len(set(keys)) == 1


@journey()
async def test_a_refusal_for_good_is_not_tried_again_and_fails_the_verification(world: World) -> None:
    world.outbox.trouble = fails("no_such_mailbox", permanent=True)
    raw = (await world.create()).verification.id
    assert await world.courier.drain() == 1
    shown = await world.verifications.get(world.app, raw)
    assert shown.status is Status.FAILED
    assert [(each.status, each.reason) for each in shown.deliveries] == [(DeliveryStatus.FAILED, "no_such_mailbox")]
    assert world.journal.events[-1][0] == "delivery.failed"


@journey()
async def test_tries_end_when_the_code_would_arrive_too_late(world: World) -> None:
    world.outbox.trouble = fails("unreachable")
    raw = (await world.create(expires_in=60)).verification.id
    while (due_at := await world.store.next_due()) is not None:
        world.clock.at = due_at
        await world.courier.drain()
    delivery = await last(world, raw)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "unreachable")
    assert world.clock.now() < delivery.at + SECOND
    with pytest.raises(UndeliverableError):
        await world.check(raw, "123456")


@journey()
async def test_a_code_nobody_had_time_to_send_fails_as_expired(world: World) -> None:
    raw = (await world.create(expires_in=60)).verification.id
    world.clock.move(46 * SECOND)
    assert await world.courier.drain() == 0
    shown = await world.verifications.get(world.app, raw)
    assert (shown.status, shown.deliveries[0].reason) == (Status.FAILED, "expired")
    assert world.outbox.mails == []


@journey()
async def test_a_failed_resend_does_not_fail_what_was_delivered_before(world: World) -> None:
    raw, code = await world.send()
    world.outbox.trouble = fails("no_such_mailbox", permanent=True)
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    await world.courier.drain()
    shown = await world.verifications.get(world.app, raw)
    assert [each.status for each in shown.deliveries] == [DeliveryStatus.SENT, DeliveryStatus.FAILED]
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey()
async def test_a_message_that_may_have_arrived_leaves_its_code_valid(world: World) -> None:
    world.outbox.trouble = fails("timeout", permanent=True, uncertain=True)
    raw = (await world.create()).verification.id
    await world.courier.drain()
    assert (await last(world, raw)).status is DeliveryStatus.FAILED
    assert (await world.verifications.get(world.app, raw)).status is Status.PENDING


@pytest.mark.parametrize("end", ["cancel", "approve"])
@journey()
async def test_what_is_over_before_it_is_handed_over_is_dropped(world: World, end: str) -> None:
    raw, code = await world.send()
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    if end == "cancel":
        await world.verifications.cancel(world.app, raw)
    else:
        await world.check(raw, code)
    assert await world.courier.drain() == 0
    assert (await last(world, raw)).status is DeliveryStatus.DROPPED
    assert len(world.outbox.mails) == 1


@journey()
async def test_a_repeat_after_an_unseen_end_says_so(world: World) -> None:
    world.outbox.trouble = fails("timeout", uncertain=True)
    raw = (await world.create()).verification.id
    await world.courier.drain()
    world.outbox.trouble = lambda: None
    world.clock.move(MINUTE)
    await world.courier.drain()
    delivery = await last(world, raw)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.SENT, POSSIBLE_DUPLICATE)
    assert world.journal.events[-1][1]["reason"] == POSSIBLE_DUPLICATE


@journey()
async def test_a_courier_that_dies_after_the_hand_over_is_followed_by_another(world: World) -> None:
    store = Mute()
    await move_to(world, store)
    dying = a_courier(world, store=store)
    raw = (await world.create()).verification.id
    task = asyncio.create_task(dying.drain())
    await until(lambda: len(world.outbox.mails) == 1)
    for under_way in dying._under_way:
        under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    store.mute = False
    courier = a_courier(world, store=store)
    world.clock.move(LEASE - 1)
    assert await courier._take() == 0
    world.clock.move(1)
    assert await courier.drain() == 1
    _, (delivery,) = await store.find(world.app.id, raw)
    assert (delivery.status, delivery.reason, delivery.tries) == (DeliveryStatus.SENT, POSSIBLE_DUPLICATE, 2)


@journey()
async def test_a_code_stays_valid_when_its_courier_died_and_it_is_too_late_to_repeat(world: World) -> None:
    raw = (await world.create(expires_in=130)).verification.id
    await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
    world.clock.move(LEASE)
    assert await world.courier.drain() == 0
    assert (await last(world, raw)).status is DeliveryStatus.FAILED
    assert (await world.verifications.get(world.app, raw)).status is Status.PENDING


@journey()
async def test_the_late_word_of_a_courier_does_not_undo_the_next_ones(world: World) -> None:
    raw = (await world.create()).verification.id
    (late,) = await world.store.claim(now=world.clock.now(), lease=LEASE, most=1)
    world.clock.move(LEASE)
    await world.courier.drain()
    await world.store.settle(late, Settlement(DeliveryStatus.FAILED, world.clock.now(), reason="timeout"))
    assert (await last(world, raw)).status is DeliveryStatus.SENT
    assert (await world.verifications.get(world.app, raw)).status is Status.PENDING


@journey(generous())
async def test_several_couriers_at_once_deliver_each_message_once(world: World) -> None:
    for number in range(100):
        await world.create(f"user{number}@example.com")
    couriers = [a_courier(world, at_once=3) for _ in range(6)]
    await asyncio.gather(*(courier.drain() for courier in couriers))
    assert sorted(to for to, _ in world.outbox.mails) == sorted(f"user{number}@example.com" for number in range(100))


@journey(generous())
async def test_a_courier_holds_no_more_than_it_can_hand_over_at_once(world: World) -> None:
    slow = Slow()
    courier = a_courier(world, mailer=slow, at_once=3)
    for number in range(10):
        await world.create(f"user{number}@example.com")
    task = asyncio.create_task(courier.run())
    await slow.begun.wait()
    assert await world.store.backlog(now=world.clock.now()) == 7
    slow.go_on.set()
    await until(lambda: len(slow.mails) == 10)
    await courier.stop()
    await task
    assert await world.store.backlog(now=world.clock.now()) == 0


@journey()
async def test_a_decoy_is_never_rendered(world: World) -> None:
    class Never:
        async def deliver(self, _: str, __: PasscodeMessage) -> Receipt:
            raise AssertionError("a decoy was handed over")

    raw = (await world.create(decoy=True)).verification.id
    await a_courier(world, mailer=Never()).drain()
    assert (await last(world, raw)).status is DeliveryStatus.SENT


@journey()
async def test_a_running_courier_delivers_what_it_is_woken_for(world: World) -> None:
    task = asyncio.create_task(world.courier.run())
    await asyncio.sleep(0)
    await world.create()
    world.courier.wake()
    await until(lambda: len(world.outbox.mails) == 1)
    await world.courier.stop()
    await task


@journey()
async def test_a_running_courier_sees_what_others_wrote_within_a_second(world: World) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(world.courier.run())
    await asyncio.sleep(0)
    await world.create()
    began = loop.time()
    await until(lambda: len(world.outbox.mails) == 1)
    assert loop.time() - began <= POLL / SECOND + 0.5
    await world.courier.stop()
    await task


@journey()
async def test_a_running_courier_survives_a_store_that_fails(world: World) -> None:
    store = Trouble()
    await move_to(world, store)
    await world.create()
    store.claims_to_fail = 3
    courier = a_courier(world, store=store)
    task = asyncio.create_task(courier.run())
    await until(lambda: len(world.outbox.mails) == 1)
    await courier.stop()
    await task
    assert [name for name in world.journal.names() if name.startswith("courier.")] == ["courier.store_failed"] * 3


@journey()
async def test_a_word_that_cannot_be_written_leaves_the_message_to_be_repeated(world: World) -> None:
    store = Trouble()
    await move_to(world, store)
    raw = (await world.create()).verification.id
    store.settlements_to_fail = 1
    courier = a_courier(world, store=store)
    await courier._take()
    await asyncio.gather(*courier._under_way)
    assert world.journal.names()[-1] == "courier.store_failed"
    world.clock.move(LEASE)
    await courier.drain()
    _, (delivery,) = await store.find(world.app.id, raw)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.SENT, POSSIBLE_DUPLICATE)
    assert len(world.outbox.mails) == 2


@journey()
async def test_a_mailer_that_breaks_leaves_the_message_to_be_tried_again(world: World) -> None:
    class Broken:
        async def deliver(self, recipient: str, _: PasscodeMessage) -> Receipt:
            raise RuntimeError(recipient)

    raw = (await world.create("canary@example.com")).verification.id
    await a_courier(world, mailer=Broken()).drain()
    delivery = await last(world, raw)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.QUEUED, "internal")
    assert ("courier.broke", {"error": "RuntimeError"}) in world.journal.events
    assert "canary" not in repr(world.journal.events)


@pytest.mark.parametrize(("slow", "uncertain"), [(Slow, True), (Sure, False)])
@journey()
async def test_a_relay_that_never_answers_is_left_before_the_lease_ends(
    world: World, slow: type[Slow], uncertain: bool
) -> None:
    loop = asyncio.get_running_loop()
    raw = (await world.create()).verification.id
    began = loop.time()
    courier = a_courier(world, mailer=slow())
    await courier._take()
    await asyncio.gather(*courier._under_way)
    assert loop.time() - began == pytest.approx(HAND_OVER / SECOND, abs=1)
    assert HAND_OVER < LEASE
    delivery = await last(world, raw)
    assert (delivery.status, delivery.reason, delivery.uncertain) == (DeliveryStatus.QUEUED, "timeout", uncertain)


@journey()
async def test_stopping_finishes_what_is_being_handed_over(world: World) -> None:
    slow = Slow()
    courier = a_courier(world, mailer=slow)
    raw = (await world.create()).verification.id
    task = asyncio.create_task(courier.run())
    await slow.begun.wait()
    stopping = asyncio.create_task(courier.stop())
    await asyncio.sleep(0)
    slow.go_on.set()
    await stopping
    await task
    assert (await last(world, raw)).status is DeliveryStatus.SENT


@journey()
async def test_stopping_claims_nothing_more(world: World) -> None:
    courier = a_courier(world)
    await courier.stop()
    await world.create()
    await courier.run()
    assert world.outbox.mails == []
    assert await world.store.backlog(now=world.clock.now()) == 1


@journey()
async def test_stopping_finishes_what_a_claim_under_way_still_brings(world: World) -> None:
    store = Hesitant()
    await move_to(world, store)
    raw = (await world.create()).verification.id
    courier = a_courier(world, store=store)
    task = asyncio.create_task(courier.run())
    await store.asked.wait()
    stopping = asyncio.create_task(courier.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    store.go_on.set()
    await stopping
    _, (delivery,) = await store.find(world.app.id, raw)
    assert delivery.status is DeliveryStatus.SENT
    await task


@journey()
async def test_stopping_takes_no_claim_that_waits_for_its_turn(world: World) -> None:
    store = Hesitant()
    await move_to(world, store)
    await world.create("ann@example.com")
    await world.create("bob@example.com")
    courier = a_courier(world, store=store, at_once=1)
    first, second = asyncio.create_task(courier._take()), asyncio.create_task(courier._take())
    await store.asked.wait()
    stopping = asyncio.create_task(courier.stop())
    await asyncio.sleep(0)
    store.go_on.set()
    assert (await first, await second) == (1, 0)
    await stopping


@journey()
async def test_stopping_waits_no_longer_than_its_grace(world: World) -> None:
    loop = asyncio.get_running_loop()
    slow = Slow()
    courier = a_courier(world, mailer=slow)
    raw = (await world.create()).verification.id
    task = asyncio.create_task(courier.run())
    await slow.begun.wait()
    began = loop.time()
    await courier.stop(3 * SECOND)
    await task
    assert loop.time() - began == pytest.approx((3 * SECOND - GIVING_BACK) / SECOND, abs=0.5)
    assert (await last(world, raw)).status is DeliveryStatus.QUEUED


@pytest.mark.parametrize(("slow", "told"), [(Slow, POSSIBLE_DUPLICATE), (Sure, "")])
@journey()
async def test_what_a_stop_breaks_off_goes_out_at_once_and_says_whether_it_may_be_there(
    world: World, slow: type[Slow], told: str
) -> None:
    mailer = slow()
    courier = a_courier(world, mailer=mailer)
    raw = (await world.create()).verification.id
    task = asyncio.create_task(courier.run())
    await mailer.begun.wait()
    await courier.stop()
    await task
    delivery = await last(world, raw)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.QUEUED, "interrupted")
    assert await a_courier(world).drain() == 1
    delivery = await last(world, raw)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.SENT, told)


@journey()
async def test_a_stop_does_not_wait_for_a_store_that_hangs(world: World) -> None:
    loop = asyncio.get_running_loop()
    store = Mute()
    await move_to(world, store)
    slow = Slow()
    courier = a_courier(world, store=store, mailer=slow)
    await world.create()
    task = asyncio.create_task(courier.run())
    await slow.begun.wait()
    began = loop.time()
    await courier.stop(3 * SECOND)
    await task
    assert loop.time() - began == pytest.approx(3, abs=0.5)


@journey()
async def test_a_stop_does_not_wait_for_a_claim_that_hangs(world: World) -> None:
    loop = asyncio.get_running_loop()
    store = Hesitant()
    await move_to(world, store)
    await world.create()
    courier = a_courier(world, store=store)
    task = asyncio.create_task(courier.run())
    await store.asked.wait()
    began = loop.time()
    async with asyncio.timeout(60):
        await courier.stop(3 * SECOND)
    assert loop.time() - began == pytest.approx((3 * SECOND - GIVING_BACK) / SECOND, abs=0.5)
    task.cancel()


@journey()
async def test_a_clock_that_steps_back_delays_no_message_that_is_due(world: World) -> None:
    await world.create()
    world.clock.move(-SECOND)
    assert await world.courier._take() == 0
    world.clock.move(SECOND)
    assert await world.courier.drain() == 1


@pytest.mark.parametrize(
    ("passed", "told"), [(0, 10), (5_000, 10), (5_001, 9), (65_000, 9), (65_001, 8), (570_000, 0.5), (585_000, 0.25)]
)
@journey()
async def test_a_mail_says_how_many_minutes_are_left_and_never_none(world: World, passed: int, told: float) -> None:
    await world.create()
    world.clock.move(passed)
    await world.courier.drain()
    assert told * MINUTE == world.outbox.mails[0][1].lifetime
