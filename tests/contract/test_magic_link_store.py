"""What every store promises about links, hosted pages and the exchange (``ports.VerificationStore``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.link import CHALLENGE, REDIRECT, challenge_of
from tests.support.world import World, wrong
from watchword.core.instant import DAY, MINUTE
from watchword.core.limit import Rate
from watchword.core.magic_link import LinkWanted
from watchword.core.policy import BALANCED, Limits, Rules
from watchword.core.verification import WORDS, Expected, Judgement, Outcome, Status, Verification
from watchword.errors import EndedError, InvalidInputError, UnknownError, WatchwordError

AT_ONCE = 64
UNLIMITED = Rules(limits=Limits((), (), (), (), (Rate(1000, MINUTE), Rate(1000, DAY))))
MINE = CHALLENGE.encode()


async def asked(world: World, to: str = "ann@example.com", **more: Any) -> Verification:
    """A verification with code and link, of the session that has the verifier of ``MINE``."""
    if not world.app.redirect_uris:
        world.app = await world.apps.update(world.app, redirect_uris=[REDIRECT])
    wanted = LinkWanted(REDIRECT, "state", CHALLENGE, "S256")
    return (await world.create(to, link=wanted, **more)).verification


async def exchanged(world: World, raw: bytes, challenge: bytes = MINE, *, handed_over: bool = True) -> Judgement:
    """What an exchange is judged."""
    return await world.store.exchange(
        world.app.id,
        raw,
        challenge=challenge,
        expected=Expected(),
        handed_over=handed_over,
        guesses=world.verifications.rules.guesses,
        now=world.clock.now(),
    )


async def typed(world: World, raw: bytes, *, right: bool) -> Judgement:
    """What a code that is typed at the hosted page is judged."""
    return await world.store.confirm_code(
        world.app.id,
        raw,
        digits=6,
        matches=right,
        guesses=world.verifications.rules.guesses,
        now=world.clock.now(),
    )


async def said(world: World, raw: bytes, *, right: bool) -> Outcome:
    """What a first word comes to."""
    outcome, _ = await world.store.confirm_word(world.app.id, raw, matches=right, now=world.clock.now())
    return outcome


async def outcome(work: Awaitable[Judgement]) -> str:
    """An outcome as a word."""
    return (await work).outcome.value


async def status(world: World, raw: bytes) -> Status:
    """How it stands in the store."""
    found, _ = await world.store.find(world.app.id, raw)
    return found.status


@every_store
def test_a_device_that_is_recognised_counts_apart_from_then_on(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        rules = Rules(limits=Limits((), (), (), (), (Rate(3, DAY),)))
        async with a_world(store, tmp_path, rules) as world:
            attacked = await asked(world)
            for _ in range(3):
                assert (await typed(world, attacked.id, right=False)).outcome is Outcome.MISMATCH
            mine = await asked(world)
            assert (await typed(world, mine.id, right=True)).outcome is Outcome.LIMITED
            recognised = await asyncio.gather(*(world.store.recognise(world.app.id, mine.id) for _ in range(AT_ONCE)))
            assert {(each.id, each.lane) for each in recognised} == {(mine.id, 1)}
            assert (await world.store.find(world.app.id, mine.id))[0].lane == 1
            assert (await typed(world, mine.id, right=True)).outcome is Outcome.CONFIRMED
            assert (await exchanged(world, mine.id)).outcome is Outcome.APPROVED
            assert (await typed(world, (await asked(world)).id, right=True)).outcome is Outcome.LIMITED

    run(journey())


@every_store
def test_recognising_a_device_loses_no_wrong_code_that_comes_at_the_same_time(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            row = await asked(world)
            works = [
                world.store.recognise(world.app.id, row.id) if each % 2 else typed(world, row.id, right=False)
                for each in range(8)
            ]
            await asyncio.gather(*works)
            found = (await world.store.find(world.app.id, row.id))[0]
            assert (found.lane, found.attempts) == (1, 4)
            with pytest.raises(UnknownError):
                await world.store.recognise(b"x" * 16, row.id)

    run(journey())


@every_store
def test_of_many_exchanges_at_once_exactly_one_is_approved(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            outcomes = Counter(await asyncio.gather(*(outcome(exchanged(world, row.id)) for _ in range(AT_ONCE))))
            assert outcomes == {"approved": 1, "used": AT_ONCE - 1}

    run(journey())


@every_store
def test_of_many_exchanges_and_checks_at_once_exactly_one_is_approved(store: str, tmp_path: Path) -> None:
    async def check(world: World, raw: bytes, code: str) -> str:
        try:
            await world.check(raw, code)
        except WatchwordError:
            return "used"
        return "approved"

    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            for number in range(8):
                row = await asked(world, f"user{number}@example.com")
                await world.courier.drain()
                code = world.outbox.last_code
                works = [
                    check(world, row.id, code) if each % 2 else outcome(exchanged(world, row.id))
                    for each in range(AT_ONCE)
                ]
                assert Counter(await asyncio.gather(*works)) == {"approved": 1, "used": AT_ONCE - 1}

    run(journey())


@every_store
def test_exchanges_with_other_verifiers_never_win_and_spend_nothing(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            others = [challenge_of(f"{number:043}").encode() for number in range(AT_ONCE)]
            works = (outcome(exchanged(world, row.id, other)) for other in others)
            assert Counter(await asyncio.gather(*works)) == {"mismatch": AT_ONCE}
            assert (await world.store.find(world.app.id, row.id))[0] == row
            assert "approved" == await outcome(exchanged(world, row.id))

    run(journey())


@every_store
def test_of_many_wrong_words_at_once_no_more_are_looked_at_than_three(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            outcomes = Counter(await asyncio.gather(*(said(world, row.id, right=False) for _ in range(AT_ONCE))))
            assert outcomes == {Outcome.MISMATCH: WORDS, Outcome.EXHAUSTED: AT_ONCE - WORDS}
            assert await said(world, row.id, right=True) is Outcome.EXHAUSTED
            assert await status(world, row.id) is Status.PENDING
            assert "confirmed" == await outcome(typed(world, row.id, right=True))
            assert "approved" == await outcome(exchanged(world, row.id))

    run(journey())


@every_store
def test_a_word_races_an_exchange_and_neither_undoes_the_other(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, UNLIMITED) as world:
            for number in range(AT_ONCE):
                row = await asked(world, f"user{number}@example.com")
                word, judged = await asyncio.gather(said(world, row.id, right=True), exchanged(world, row.id))
                assert judged.outcome is Outcome.APPROVED
                assert word in {Outcome.CONFIRMED, Outcome.USED}
                assert await status(world, row.id) is Status.APPROVED

    run(journey())


@every_store
def test_wrong_codes_at_page_and_app_share_attempts_and_budget(store: str, tmp_path: Path) -> None:
    async def check(world: World, raw: bytes) -> str:
        try:
            await world.check(raw, wrong(world.outbox.last_code))
        except WatchwordError as error:
            return type(error).__name__
        return "approved"

    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            await world.courier.drain()
            works = [
                check(world, row.id) if number % 2 else outcome(typed(world, row.id, right=False))
                for number in range(AT_ONCE)
            ]
            outcomes = Counter(await asyncio.gather(*works))
            assert BALANCED.attempts == outcomes["MismatchError"] + outcomes["mismatch"]
            assert AT_ONCE - BALANCED.attempts == outcomes["ExhaustedError"] + outcomes["exhausted"]
            second = await asked(world)
            for _ in range(5):
                assert "mismatch" == await outcome(typed(world, second.id, right=False))
            third = await asked(world)
            limited = await typed(world, third.id, right=True)
            assert (limited.outcome, limited.verification) == (Outcome.LIMITED, third)

    run(journey())


@every_store
def test_an_id_waits_for_a_confirmation_and_is_then_collected_once(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            assert "pending" == await outcome(exchanged(world, row.id, handed_over=False))
            assert await said(world, row.id, right=True) is Outcome.CONFIRMED
            assert await said(world, row.id, right=True) is Outcome.CONFIRMED
            works = (outcome(exchanged(world, row.id, handed_over=False)) for _ in range(AT_ONCE))
            assert Counter(await asyncio.gather(*works)) == {"approved": 1, "used": AT_ONCE - 1}

    run(journey())


@every_store
def test_what_is_confirmed_expires_and_can_be_canceled(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row, other = await asked(world), await asked(world)
            for each in (row, other):
                assert await said(world, each.id, right=True) is Outcome.CONFIRMED
            assert (await world.verifications.cancel(world.app, other.id)).status is Status.CANCELED
            assert "canceled" == await outcome(exchanged(world, other.id))
            world.clock.move(10 * MINUTE)
            assert "expired" == await outcome(exchanged(world, row.id))
            assert await status(world, row.id) is Status.CONFIRMED

    run(journey())


@every_store
def test_a_message_for_what_is_confirmed_is_not_sent(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            await said(world, row.id, right=True)
            assert 0 == await world.courier.drain()
            _, (delivery,) = await world.store.find(world.app.id, row.id)
            assert ("dropped", "confirmed") == (delivery.status.value, delivery.reason)
            with pytest.raises(EndedError):
                await world.verifications.resend(world.app, row.id)

    run(journey())


@every_store
def test_a_verification_is_found_by_its_id_alone_with_its_app(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world, action=None)
            assert (row, world.app) == await world.store.look(row.id)
            with pytest.raises(UnknownError):
                await world.store.look(row.id[:-1] + bytes([row.id[-1] ^ 1]))

    run(journey())


@every_store
def test_what_nobody_made_or_another_app_did_is_unknown(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world)
            mine = world.app
            world.app, _ = await world.apps.create("Other")
            for work in (
                exchanged(world, row.id),
                typed(world, row.id, right=True),
                said(world, row.id, right=True),
            ):
                with pytest.raises(UnknownError):
                    await work
            world.app = mine
            assert await status(world, row.id) is Status.PENDING

    run(journey())


@every_store
def test_what_has_no_code_takes_none_and_loses_nothing(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            row = await asked(world, methods=["link"])
            with pytest.raises(InvalidInputError):
                await typed(world, row.id, right=True)
            with pytest.raises(InvalidInputError):
                await world.check(row.id, "123456")
            assert (row, world.app) == await world.store.look(row.id)

    run(journey())


@every_store
def test_an_exchange_ends_a_streak_of_wrong_guesses_and_a_closed_channel_ends_exchanges(
    store: str, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, Rules(BALANCED._replace(failure_ceiling=3), UNLIMITED.limits)) as world:
            first, second = await asked(world), await asked(world)
            for _ in range(2):
                await typed(world, first.id, right=False)
            assert "approved" == await outcome(exchanged(world, second.id))
            for _ in range(3):
                assert "mismatch" == await outcome(typed(world, first.id, right=False))
            third = (await asked(world, purpose="binding")).id
            assert "approved" == await outcome(exchanged(world, third))

    run(journey())


@every_store
def test_a_closed_channel_takes_no_link_either(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path, Rules(BALANCED._replace(failure_ceiling=3), UNLIMITED.limits)) as world:
            first, second = await asked(world), await asked(world)
            for _ in range(3):
                await typed(world, first.id, right=False)
            assert "closed" == await outcome(exchanged(world, second.id))
            assert await status(world, second.id) is Status.PENDING

    run(journey())


@every_store
def test_rows_that_have_no_link_are_what_they_were(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            raw, code = await world.send()
            found, _ = await world.store.find(world.app.id, raw)
            assert (1, None, None, 0) == (found.methods, found.challenge, found.action, found.words)
            assert "mismatch" == await outcome(exchanged(world, raw, bytes(32)))
            assert (await world.check(raw, code)).status is Status.APPROVED

    run(journey())
