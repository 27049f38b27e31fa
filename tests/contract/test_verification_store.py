"""What every store promises about verifications (``ports.VerificationStore``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.world import World, wrong
from watchword.core import passcode
from watchword.core.instant import DAY, MINUTE, SECOND
from watchword.core.limit import Left, Rate
from watchword.core.policy import BALANCED, Limits, Rules
from watchword.core.verification import Status
from watchword.errors import (
    AlreadyUsedError,
    ChannelClosedError,
    EndedError,
    ExhaustedError,
    ExpiredError,
    IdempotencyReusedError,
    MismatchError,
    RateLimitedError,
    SendsSpentError,
    StoreError,
    UnknownError,
    WatchwordError,
)

AT_ONCE = 64
UNLIMITED = Rules(limits=Limits((), (), (), (), (Rate(1000, MINUTE), Rate(1000, DAY))))


async def outcome(world: World, raw: bytes, code: str) -> str:
    """The class name of what a check raises, or 'approved'."""
    try:
        await world.check(raw, code)
    except WatchwordError as error:
        return "StoreError" if isinstance(error, StoreError) else type(error).__name__
    return "approved"


FLOODED = Rules(limits=UNLIMITED.limits._replace(recipient_sends=(Rate(1_000, MINUTE), Rate(5, DAY))))


@every_store
def test_of_64_mails_at_once_to_one_recipient_none_exceeds_its_day_and_all_are_answered(
    store: str, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FLOODED) as world:
            made = await asyncio.gather(*(world.create(source=f"192.0.2.{n}") for n in range(AT_ONCE)))
            await world.courier.drain()
            assert len(world.outbox.mails) == 5
            assert world.journal.names().count("guard.quieted") == AT_ONCE - 5
            assert {(one.status, one.verification.decoy, one.to) for one in made} == {
                (Status.PENDING, False, "a***@example.com")
            }
            assert len({one.watchword for one in made}) > 1
            # A day later there is room again.
            world.clock.move(DAY)
            await world.create()
            await world.courier.drain()
            assert len(world.outbox.mails) == 6

    run(journey())


@every_store
def test_what_is_answered_and_not_sent_is_never_right_and_is_replayed_as_it_was(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FLOODED) as world:
            for _ in range(5):
                await world.create()
            made = await world.create(idempotency_key="once")
            again = await world.create(idempotency_key="once")
            raw = made.verification.id
            assert (again.verification.id, again.watchword, again.replayed) == (raw, made.watchword, True)
            ring = world.keys.ring
            assert await outcome(world, raw, passcode.derive_code(ring, world.app.id, raw, 6)) == "MismatchError"
            await world.courier.drain()
            (delivery,) = (await world.store.find(world.app.id, raw))[1]
            assert (delivery.status.value, delivery.transport) == ("sent", "T0")

    run(journey())


@every_store
def test_a_message_that_is_sent_again_beyond_the_day_looks_sent_and_its_code_stays_good(
    store: str, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, FLOODED) as world:
            raw, code = await world.send()
            for _ in range(4):
                await world.create()
            await world.courier.drain()
            world.clock.move(30 * SECOND)
            shown = await world.verifications.resend(world.app, raw)
            assert shown.verification.sends == 2
            await world.courier.drain()
            assert len(world.outbox.mails) == 5
            found, deliveries = await world.store.find(world.app.id, raw)
            assert [each.status.value for each in deliveries] == ["sent", "sent"]
            assert found.sends == 2
            assert await outcome(world, raw, code) == "approved"

    run(journey())


@every_store
def test_a_send_tells_what_the_tightest_bucket_takes_still_and_a_repeat_tells_nothing(
    store: str, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            told = [(await world.create(idempotency_key=key)).left for key in ("a", "b", "b")]
            assert [left and left.left for left in told] == [Left(2, 200 * SECOND), Left(1, 200 * SECOND), None]
            world.clock.move(30 * SECOND)
            made = await world.create("bob@example.com", source="192.0.2.1")
            world.clock.move(30 * SECOND)
            resent = await world.verifications.resend(world.app, made.verification.id)
            assert resent.left is not None
            assert resent.left.left == Left(1, 170 * SECOND)

    run(journey())


@every_store
def test_of_many_right_checks_at_once_exactly_one_is_approved(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, code) for _ in range(AT_ONCE))))
            assert outcomes == {"approved": 1, "AlreadyUsedError": AT_ONCE - 1}

    run(journey())


@every_store
def test_of_many_wrong_checks_at_once_no_more_are_evaluated_than_allowed(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, wrong(code)) for _ in range(AT_ONCE))))
            assert outcomes == {"MismatchError": BALANCED.attempts, "ExhaustedError": AT_ONCE - BALANCED.attempts}

    run(journey())


@every_store
def test_a_right_check_among_many_wrong_ones_wins_at_most_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            codes = [code if number % 2 else wrong(code) for number in range(AT_ONCE)]
            outcomes = Counter(await asyncio.gather(*(outcome(world, raw, typed) for typed in codes)))
            # The wrong ones of another process may all come first.
            assert outcomes["approved"] <= 1
            assert outcomes["MismatchError"] <= BALANCED.attempts
            assert outcomes["approved"] == 1 or outcomes["MismatchError"] == BALANCED.attempts

    run(journey())


@every_store
def test_many_creates_at_once_never_exceed_a_bucket_by_one(store: str, tmp_path: Path) -> None:
    async def create(world: World, number: int) -> str:
        try:
            await world.create(f"Ann+{number}@example.com", source=f"192.0.2.{number}")
        except RateLimitedError:
            return "limited"
        return "created"

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            outcomes = Counter(await asyncio.gather(*(create(world, number) for number in range(AT_ONCE))))
            assert outcomes == {"created": 3, "limited": AT_ONCE - 3}

    run(journey())


@every_store
def test_many_creates_with_one_idempotency_key_make_one_verification(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            shown = await asyncio.gather(
                *(world.create(idempotency_key="order-7", fingerprint=b"same") for _ in range(AT_ONCE))
            )
            assert len({each.verification.id for each in shown}) == 1
            assert Counter(each.replayed for each in shown) == {False: 1, True: AT_ONCE - 1}
            assert await world.courier.drain() == 1

    run(journey())


@every_store
def test_many_resends_at_once_send_once(store: str, tmp_path: Path) -> None:
    async def resend(world: World, raw: bytes) -> str:
        try:
            await world.verifications.resend(world.app, raw)
        except RateLimitedError:
            return "limited"
        return "sent"

    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            raw, _ = await world.send()
            world.clock.move(30 * SECOND)
            outcomes = Counter(await asyncio.gather(*(resend(world, raw) for _ in range(AT_ONCE))))
            assert outcomes == {"sent": 1, "limited": AT_ONCE - 1}
            await world.courier.drain()
            assert len(world.outbox.mails) == 2

    run(journey())


@every_store
def test_a_check_races_a_cancel_and_one_of_them_wins(store: str, tmp_path: Path) -> None:
    async def cancel(world: World, raw: bytes) -> str:
        try:
            await world.verifications.cancel(world.app, raw)
        except EndedError:
            return "too late"
        return "canceled"

    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            for number in range(AT_ONCE):
                raw, code = await world.send(f"user{number}@example.com")
                ended = tuple(await asyncio.gather(cancel(world, raw), outcome(world, raw, code)))
                assert ended in (("canceled", "CanceledError"), ("too late", "approved"))

    run(journey())


@every_store
def test_a_right_code_is_too_late_when_its_lifetime_is_over(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            world.clock.move(10 * MINUTE)
            with pytest.raises(ExpiredError):
                await world.check(raw, code)
            found, _ = await world.store.find(world.app.id, raw)
            assert found.status_at(world.clock.now()) is Status.EXPIRED

    run(journey())


@every_store
def test_what_nobody_made_is_unknown_and_leaves_no_trace(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            nobody = raw[:-1] + bytes([raw[-1] ^ 1])
            other, _ = await world.apps.create("Other")
            for app, each in ((world.app, nobody), (other, raw)):
                with pytest.raises(UnknownError):
                    await world.verifications.check(app, each, code)
                with pytest.raises(UnknownError):
                    await world.verifications.get(app, each)
                with pytest.raises(UnknownError):
                    await world.verifications.resend(app, each)
                with pytest.raises(UnknownError):
                    await world.verifications.cancel(app, each)
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())


@every_store
def test_a_refused_create_writes_and_charges_nothing(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = Rules(limits=Limits(source_sends=(Rate(1, DAY),)))
        async with a_world(store, tmp_path, rules) as world:
            await world.create("ann@example.com", source="192.0.2.1")
            for _ in range(10):
                with pytest.raises(RateLimitedError):
                    await world.create("bob@example.com", source="192.0.2.1")
            for number in (2, 3, 4):  # Bob's own bucket is untouched: all three of his sends are there
                await world.create("bob@example.com", source=f"192.0.2.{number}")
            assert await world.courier.drain() == 4

    run(journey())


@every_store
def test_an_idempotency_key_with_another_request_is_refused(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            await world.create(idempotency_key="order-7", fingerprint=b"one")
            with pytest.raises(IdempotencyReusedError):
                await world.create(idempotency_key="order-7", fingerprint=b"two")

    run(journey())


@every_store
def test_an_idempotency_key_is_free_again_after_a_day(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            first = await world.create(idempotency_key="order-7", fingerprint=b"one")
            world.clock.move(DAY)
            second = await world.create(idempotency_key="order-7", fingerprint=b"two")
            assert first.verification.id != second.verification.id
            again = await world.create(idempotency_key="order-7", fingerprint=b"two")
            assert again.verification.id == second.verification.id

    run(journey())


@every_store
def test_wrong_guesses_of_a_recipient_add_up_over_verifications(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            for to in ("ann@example.com", "Ann+two@Example.com"):
                raw, code = await world.send(to)
                for _ in range(5):
                    with pytest.raises(MismatchError):
                        await world.check(raw, wrong(code))
            raw, code = await world.send()
            with pytest.raises(RateLimitedError) as refused:
                await world.check(raw, code)
            assert refused.value.retry_after == 3600

    run(journey())


@every_store
def test_a_closed_channel_opens_only_by_binding_again(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = Rules(BALANCED._replace(failure_ceiling=3), UNLIMITED.limits)
        async with a_world(store, tmp_path, rules) as world:
            raw, code = await world.send()
            for _ in range(3):
                with pytest.raises(MismatchError):
                    await world.check(raw, wrong(code))
            with pytest.raises(ChannelClosedError):
                await world.check(raw, code)
            with pytest.raises(ChannelClosedError):
                await world.create()
            world.clock.move(MINUTE)
            with pytest.raises(ChannelClosedError):
                await world.verifications.resend(world.app, raw)
            bound, new_code = await world.send(purpose="binding")
            await world.check(bound, new_code)
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())


@every_store
def test_a_used_or_exhausted_verification_stays_so(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            await world.check(raw, code)
            with pytest.raises(AlreadyUsedError):
                await world.check(raw, code)
            with pytest.raises(EndedError):
                await world.verifications.resend(world.app, raw)
            raw, code = await world.send()
            for _ in range(5):
                with pytest.raises(MismatchError):
                    await world.check(raw, wrong(code))
            with pytest.raises(ExhaustedError):
                await world.check(raw, code)

    run(journey())


@every_store
def test_a_verification_has_five_sends_and_no_sixth(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            shown = await world.create(purpose="recovery")
            raw = shown.verification.id
            for wait in (30, 60, 120, 300):
                world.clock.move(wait * SECOND - 1)
                with pytest.raises(RateLimitedError):
                    await world.verifications.resend(world.app, raw)
                world.clock.move(1)
                await world.verifications.resend(world.app, raw)
            world.clock.move(10 * MINUTE)
            with pytest.raises(SendsSpentError):
                await world.verifications.resend(world.app, raw)

    run(journey())


@every_store
def test_a_process_whose_clock_is_behind_cannot_revive_an_expired_code(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            for _ in range(4):
                with pytest.raises(MismatchError):
                    await world.check(raw, wrong(code))
            world.clock.move(-2 * MINUTE)  # the next check runs where the clock is two minutes behind
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
            with pytest.raises(ExhaustedError):
                await world.check(raw, code)

    run(journey())
