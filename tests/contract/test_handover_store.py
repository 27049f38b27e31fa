"""What every store promises about hand-overs (``ports_handover.HandoverStore``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support import notice
from tests.support.authenticator import ANN, PERIOD, bind, checked, code, no_code
from tests.support.handover import CLAIM, confirmed, handed_over, opened
from tests.support.world import World
from watchword.core import authenticator as rules
from watchword.core.instant import DAY, MINUTE, SECOND
from watchword.core.secret import LEASE, State
from watchword.errors import ConflictError, LapsedError, OpenedError, UnknownError

AT_ONCE = 16


async def status(world: World, theirs: object) -> tuple[str, str, str]:
    """How the authenticator, the link and its end stand."""
    made = theirs.made  # type: ignore[attr-defined]
    shown = await world.authenticators.get(world.app, made.shown.authenticator.id)
    seen = await world.secrets.status(made.shared.secret.id, made.shared.token)
    return shown.status.value, seen.state.value, seen.secret.outcome


@every_store
def test_the_first_right_code_makes_it_active_and_destroys_the_link(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            await notice.confirmed(world, notice.HOME)
            theirs = await opened(world, await handed_over(world, rotate_by=world.clock.now() + 90 * DAY))
            assert ("pending", "opened", "") == await status(world, theirs)
            assert "no_authenticator" == await checked(world, code(world, theirs.key))
            world.clock.move(5 * MINUTE)
            assert "active" == await confirmed(world, theirs, code(world, theirs.key))
            assert ("active", "opened", "enrolled") == await status(world, theirs)
            seen = await world.secrets.status(theirs.secret, theirs.made.shared.token)
            assert (world.clock.now(), True, b"") == (seen.secret.opened_at, seen.secret.erased, seen.secret.nonce)
            assert set() == await world.store.secrets.held([theirs.secret])
            with pytest.raises(OpenedError):
                await opened(world, theirs.made)
            assert [(notice.HOME, [("authenticator_added", 1)])] == await notice.told(world)
            assert 0 == await world.recovery_codes.remaining(world.app, ANN)
            assert "used" == await checked(world, code(world, theirs.key))
            world.clock.move(2 * PERIOD)
            assert "approved" == await checked(world, code(world, theirs.key))
            shown = await world.authenticators.get(world.app, theirs.made.shown.authenticator.id)
            assert shown.authenticator.is_shared
            assert shown.authenticator.rotate_by == theirs.made.shown.authenticator.rotate_by

    run(journey())


@every_store
def test_of_many_right_codes_at_once_one_binds_and_the_others_hear_the_same(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            theirs = await opened(world, await handed_over(world))
            typed = code(world, theirs.key)
            outcomes = Counter(await asyncio.gather(*(confirmed(world, theirs, typed) for _ in range(AT_ONCE))))
            assert {"active": AT_ONCE} == outcomes
            assert 1 == world.journal.names().count("authenticator.confirmed")

    run(journey())


@every_store
def test_of_many_wrong_codes_at_once_five_are_looked_at_and_then_it_is_void(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            theirs = await opened(world, await handed_over(world))
            typed = no_code(world, theirs.key)
            outcomes = Counter(await asyncio.gather(*(confirmed(world, theirs, typed) for _ in range(AT_ONCE))))
            assert {"mismatch": 4, "exhausted": 1, "unknown": AT_ONCE - 5} == outcomes
            assert "unknown" == await confirmed(world, theirs, code(world, theirs.key))
            assert ("exhausted", "opened", "void") == await status(world, theirs)
            assert set() == await world.store.secrets.held([theirs.secret])

    run(journey())


@every_store
def test_nobody_without_link_and_live_claim_may_try(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            theirs = await opened(world, await handed_over(world))
            right = code(world, theirs.key)
            assert "unknown" == await confirmed(world, theirs, right, b"x" * 16)
            assert "unknown" == await confirmed(world, theirs._replace(link=bytes(32)), right)
            assert "unknown" == await confirmed(world, theirs._replace(secret=bytes(16)), right)
            raw = theirs.made.shown.authenticator.id
            with pytest.raises(ConflictError):  # its own app neither
                await world.authenticators.confirm(world.app, raw, right)
            assert 5 == (await world.authenticators.get(world.app, raw)).authenticator.tries_left
            world.clock.move(LEASE)
            assert "unknown" == await confirmed(world, theirs, code(world, theirs.key))

    run(journey())


@every_store
def test_a_wrong_code_gives_its_reader_time_again(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            theirs = await opened(world, await handed_over(world))
            world.clock.move(LEASE - SECOND)
            assert "mismatch" == await confirmed(world, theirs, no_code(world, theirs.key))
            world.clock.move(LEASE - SECOND)
            assert "active" == await confirmed(world, theirs, code(world, theirs.key))

    run(journey())


@every_store
def test_a_reader_cannot_end_it_without_a_code(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            theirs = await opened(world, await handed_over(world))
            for outcome in ("read", "enrolled"):
                with pytest.raises(ConflictError):
                    await world.secrets.ack(theirs.secret, theirs.link, CLAIM, outcome)
            assert "active" == await confirmed(world, theirs, code(world, theirs.key))

    run(journey())


@every_store
@pytest.mark.parametrize("end", ["burnt", "revoked", "expired", "left open"])
def test_link_and_authenticator_end_together(store: str, end: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            made = await handed_over(world)
            raw, secret = made.shown.authenticator.id, made.shared.secret
            if end == "burnt":
                await world.secrets.burn(secret.id, made.shared.token)
            elif end == "revoked":
                await world.authenticators.revoke(world.app, raw)
            elif end == "left open":
                await opened(world, made)
                world.clock.move(LEASE)
            else:
                world.clock.move(DAY)
            await world.purge.once()
            seen = await world.secrets.status(secret.id, made.shared.token)
            assert seen.secret.erased
            assert seen.state is {"expired": State.EXPIRED, "left open": State.OPENED}.get(end, State.BURNT)
            if end == "revoked":
                with pytest.raises(UnknownError):
                    await world.authenticators.get(world.app, raw)
            else:
                assert "expired" == (await world.authenticators.get(world.app, raw)).status.value

    run(journey())


@every_store
def test_hand_overs_wait_beside_enrolments_and_are_bounded(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            first = await handed_over(world)
            for _ in range(rules.MOST_PENDING + 1):
                await bind(world, "somebody else" + str(_))
            for _ in range(rules.MOST_PENDING - 1):
                await handed_over(world)
            with pytest.raises(ConflictError):
                await handed_over(world)
            theirs = await opened(world, first)
            assert "active" == await confirmed(world, theirs, code(world, theirs.key))

    run(journey())


@every_store
def test_a_subject_that_is_full_gets_no_hand_over_and_no_sixth_by_one(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            theirs = await opened(world, await handed_over(world))
            for _ in range(rules.MOST_ACTIVE):
                await bind(world)
            with pytest.raises(ConflictError):
                await handed_over(world)
            world.clock.at = theirs.made.shared.secret.created_at + MINUTE
            assert "conflict" == await confirmed(world, theirs, code(world, theirs.key))

    run(journey())


@every_store
def test_a_link_that_nobody_opened_in_time_opens_no_more(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            made = await handed_over(world, expires_in=60)
            world.clock.move(MINUTE)
            with pytest.raises(LapsedError):
                await opened(world, made)

    run(journey())
