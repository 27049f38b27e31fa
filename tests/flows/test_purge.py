"""Purging: what is over goes, what still counts stays."""

from __future__ import annotations

import asyncio

import pytest

from tests.flows.journeys import generous, journey
from tests.support.secret import LINK, nonce, share
from tests.support.world import World, wrong
from watchword.adapters.memory import MemoryStore
from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.secret import State
from watchword.errors import LapsedError, MismatchError, StoreError, UnknownError
from watchword.flows.purge import RETENTION, STEP, Purge
from watchword.flows.secret_file import SecretFiles


@journey()
async def test_a_verification_can_be_read_for_two_days(world: World) -> None:
    raw, _ = await world.send()
    world.clock.move(RETENTION)
    await world.purge.once()
    await world.verifications.get(world.app, raw)
    world.clock.move(1)
    await world.purge.once()
    with pytest.raises(UnknownError):
        await world.verifications.get(world.app, raw)


@journey()
async def test_an_idempotency_key_goes_with_its_verification(world: World) -> None:
    await world.create(idempotency_key="order-7", fingerprint=b"same")
    world.clock.move(RETENTION + 1)
    await world.purge.once()
    assert isinstance(world.store, MemoryStore)
    assert world.store.tables.replays == {}


@journey()
async def test_after_everything_is_over_the_store_is_empty_again(world: World) -> None:
    for number in range(20):
        raw, code = await world.send(
            f"user{number}@example.com", source=f"192.0.2.{number}", idempotency_key=f"{number}"
        )
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(code))
        await world.check(raw, code)
    world.clock.move(RETENTION + HOUR)
    await world.purge.once()
    assert isinstance(world.store, MemoryStore)
    tables = world.store.tables
    left = (tables.verifications, tables.outbox, tables.replays, tables.send_buckets, tables.guess_buckets)
    assert [len(each) for each in left] == [0] * 5


@journey()
async def test_a_spent_budget_survives_the_purge(world: World) -> None:
    for _ in range(2):
        raw, code = await world.send()
        for _ in range(5):
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
    await world.check((await world.send(purpose="binding", known_device=True))[0], world.outbox.last_code)
    world.clock.move(30 * MINUTE)
    await world.purge.once()
    assert isinstance(world.store, MemoryStore)
    assert any(len(guesses.log) == 10 for guesses in world.store.tables.guess_buckets.values())


@journey(generous())
async def test_more_than_a_step_is_removed_in_several(world: World) -> None:
    for number in range(STEP + 7):
        await world.create(f"user{number}@example.com")
    world.clock.move(RETENTION + 1)
    assert await world.purge.once() == STEP + 7
    assert world.journal.events[-1] == ("purge.done", {"rows": STEP + 7})


@pytest.mark.parametrize(("steps", "tidied"), [(10, 0), (11, 1)])
@journey(generous())
async def test_memory_is_given_back_after_much_was_removed_and_not_after_little(
    world: World, steps: int, tidied: int
) -> None:
    asked: list[str] = []
    purge = Purge(world.store, world.clock, world.journal, lambda: asked.append("tidy"))
    for number in range(steps * STEP):
        await world.create(f"user{number}@example.com")
    world.clock.move(RETENTION + 1)
    await purge.once()
    assert tidied == len(asked)


@journey()
async def test_a_purge_of_nothing_is_not_worth_an_event(world: World) -> None:
    assert await world.purge.once() == 0
    assert "purge.done" not in world.journal.names()


class Failing(MemoryStore):
    """Cannot be purged the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.asked_thrice = asyncio.Event()

    async def purge(self, *, made_before: int, now: int, step: int) -> int:
        self.asked += 1
        if self.asked == 1:
            raise StoreError("the disk is full")
        if self.asked == 3:
            self.asked_thrice.set()
        return await super().purge(made_before=made_before, now=now, step=step)


@journey()
async def test_a_store_that_fails_is_purged_again_a_minute_later(world: World) -> None:
    store = Failing()
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = asyncio.create_task(Purge(store, world.clock, world.journal).run())
    await store.asked_thrice.wait()
    task.cancel()
    assert ("purge.store_failed", {"detail": "the disk is full"}) in world.journal.events
    assert loop.time() - began == pytest.approx(2 * 60, abs=1)


@journey()
async def test_a_purge_under_a_clock_that_leapt_forgets_no_streak(world: World) -> None:
    raw, code = await world.send()
    with pytest.raises(MismatchError):
        await world.check(raw, wrong(code))
    world.clock.move(4000 * DAY)
    await world.purge.once()
    assert isinstance(world.store, MemoryStore)
    assert [guesses.streak for guesses in world.store.tables.guess_buckets.values()] == [1]


@journey()
async def test_what_a_purge_erased_under_a_clock_that_leapt_has_expired(world: World) -> None:
    shared = await share(world)
    world.clock.move(DAY)
    await world.purge.once()
    world.clock.move(-DAY)
    assert State.EXPIRED is (await world.secrets.status(shared.secret.id, shared.token)).state
    with pytest.raises(LapsedError):
        await world.secrets.claim(shared.secret.id, LINK, None, nonce(1))


@journey()
async def test_of_several_processes_the_one_whose_turn_it_is_purges(world: World) -> None:
    store, turns = Failing(), iter([False, False, True, False, True])
    began = asyncio.get_running_loop().time()
    asked_at: list[float] = []

    def is_ours() -> bool:
        asked_at.append(asyncio.get_running_loop().time() - began)
        return next(turns, True)

    task = asyncio.create_task(Purge(store, world.clock, world.journal, is_ours=is_ours).run())
    await store.asked_thrice.wait()
    task.cancel()
    # The first time was the third time of asking, the second the fifth, and from then on it stayed ours.
    assert [0, 1, 2, 3, 4, 5] == [round(at / 60) for at in asked_at]


@journey()
async def test_files_without_a_secret_are_swept_with_the_first_round_of_an_hour(world: World) -> None:
    swept: list[float] = []
    twice = asyncio.Event()

    class Sweeping(SecretFiles):
        async def sweep(self) -> int:
            swept.append(asyncio.get_running_loop().time())
            if len(swept) == 2:
                twice.set()
            return await super().sweep()

    files = Sweeping(world.store.secrets, world.blobs, world.secrets, world.clock, world.journal)
    task = asyncio.create_task(Purge(world.store, world.clock, world.journal, files=files).run())
    await twice.wait()
    task.cancel()
    first, second = swept
    assert second - first == pytest.approx(60 * 60, abs=1)
