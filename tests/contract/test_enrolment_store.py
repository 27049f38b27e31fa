"""What every store promises about enrolments at the hosted page: ``prove`` and ``collect``."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run
from tests.support.authenticator import ANN, PERIOD, checked, code, no_code
from tests.support.link import CHALLENGE, OTHER_VERIFIER, REDIRECT, STATE, VERIFIER, handed_off
from tests.support.world import World, a_keyring
from watchword.core import authenticator as rules
from watchword.core import magic_link
from watchword.core.instant import MINUTE
from watchword.core.magic_link import LinkWanted
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import (
    ConflictError,
    ExhaustedError,
    ExpiredError,
    MismatchError,
    NotAcceptedError,
    UnknownError,
    WatchwordError,
)
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.keys import Keys

AT_ONCE = 64
ASKED = LinkWanted(REDIRECT, STATE, CHALLENGE, "S256")


class Page:
    """An enrolment, and whoever has its page's address."""

    def __init__(self, world: World, raw: bytes, key: AuthenticatorKey, proof: bytes) -> None:
        self.world, self.raw, self.key, self.proof = world, raw, key, proof

    async def confirm(self, typed: str) -> tuple[str, tuple[str, ...]]:
        """The hand-off code, and what recovery codes came."""
        proven = await self.world.enrolments.confirm(self.raw, self.proof, typed, "192.0.2.1")
        return handed_off(proven.redirect_to), proven.codes

    async def tried(self, typed: str) -> str:
        try:
            await self.confirm(typed)
        except NotAcceptedError as error:
            return error.reason
        return "confirmed"

    async def collected(self, handoff: str, verifier: str = VERIFIER, subject: str = ANN) -> str:
        try:
            shown = await self.world.enrolments.exchange(self.world.app, handoff, verifier, subject)
        except NotAcceptedError as error:
            return error.reason
        except WatchwordError as error:
            return type(error).__name__
        return shown.status.value

    async def status(self) -> str:
        return (await self.world.authenticators.get(self.world.app, self.raw)).status.value


async def a_page(world: World, subject: str = ANN) -> Page:
    """Begin an enrolment for the hosted page."""
    if not world.app.redirect_uris:
        world.app = await world.apps.update(world.app, redirect_uris=[REDIRECT])
    world.clock.move(1)  # so that ids are in the order in which they were made
    enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(subject, link=ASKED))
    assert enrolled.ticket is not None
    return Page(world, enrolled.shown.authenticator.id, enrolled.key, magic_link.page_proof(enrolled.ticket))


@every_store
def test_of_64_right_codes_at_once_one_confirms_and_of_64_exchanges_one_binds(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            typed = code(world, page.key)
            outcomes = Counter(await asyncio.gather(*(page.tried(typed) for _ in range(AT_ONCE))))
            assert {"confirmed": 1, "used": AT_ONCE - 1} == outcomes
            seen = await world.enrolments.look(page.raw, page.proof, "192.0.2.1")
            handoff = handed_off(seen.redirect_to)
            outcomes = Counter(await asyncio.gather(*(page.collected(handoff) for _ in range(AT_ONCE))))
            assert {"active": 1, "used": AT_ONCE - 1} == outcomes

    run(journey())


@every_store
def test_what_the_page_confirmed_gates_and_satisfies_nothing_until_it_is_collected(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            handoff, codes = await page.confirm(code(world, page.key))
            assert 10 == len(codes)
            assert "confirmed" == await page.status()
            world.clock.move(PERIOD)
            assert "no_authenticator" == await checked(world, code(world, page.key))
            with pytest.raises(MismatchError):
                await world.recovery_codes.check(world.app, ANN, codes[0])
            assert "active" == await page.collected(handoff)
            assert 9 == await world.recovery_codes.check(world.app, ANN, codes[0])
            assert "approved" == await checked(world, code(world, page.key))

    run(journey())


@every_store
def test_a_stolen_page_binds_nothing_without_the_verifier_and_for_nobody_else(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            handoff, _ = await page.confirm(code(world, page.key))
            assert "mismatch" == await page.collected(handoff, OTHER_VERIFIER)
            assert "mismatch" == await page.collected(handoff, subject="somebody else")
            with pytest.raises(ConflictError):
                await world.authenticators.confirm(world.app, page.raw, code(world, page.key, 1))
            assert "confirmed" == await page.status()
            assert "active" == await page.collected(handoff)

    run(journey())


@every_store
def test_the_code_that_confirmed_at_the_page_is_not_accepted_again(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            typed = code(world, page.key)
            handoff, _ = await page.confirm(typed)
            assert "active" == await page.collected(handoff)
            assert "used" == await checked(world, typed)

    run(journey())


@every_store
def test_ten_wrong_codes_at_the_page_make_it_void(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            off = no_code(world, page.key)
            outcomes = Counter(await asyncio.gather(*(page.tried(off) for _ in range(AT_ONCE))))
            assert {"mismatch": rules.MOST_TRIES, "exhausted": AT_ONCE - rules.MOST_TRIES} == outcomes
            with pytest.raises(ExhaustedError):
                await page.confirm(code(world, page.key))

    run(journey())


@every_store
def test_each_half_has_ten_minutes_and_a_hand_off_one(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            late = await a_page(world)
            world.clock.move(rules.PENDING_TIME)
            with pytest.raises(ExpiredError):
                await late.confirm(code(world, late.key))
            page = await a_page(world)
            world.clock.move(rules.PENDING_TIME - 1)
            handoff, _ = await page.confirm(code(world, page.key))
            world.clock.move(MINUTE)
            assert "expired" == await page.collected(handoff)
            assert "confirmed" == await page.status()
            seen = await world.enrolments.look(page.raw, page.proof, "192.0.2.1")
            world.clock.move(rules.PENDING_TIME - MINUTE)
            assert "expired" == await page.status()
            assert "" == (await world.enrolments.look(page.raw, page.proof, "192.0.2.1")).redirect_to
            assert "expired" == await page.collected(handed_off(seen.redirect_to))

    run(journey())


@every_store
def test_codes_are_made_for_a_subject_that_has_none_unused_and_are_replaced_by_none(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            first, second = await a_page(world), await a_page(world)
            one, kept = await first.confirm(code(world, first.key))
            two, late = await second.confirm(code(world, second.key))
            assert ("active", "active") == (await first.collected(one), await second.collected(two))
            assert 9 == await world.recovery_codes.check(world.app, ANN, kept[0])
            with pytest.raises(MismatchError):
                await world.recovery_codes.check(world.app, ANN, late[0])
            world.clock.move(PERIOD)
            third = await a_page(world)
            _, none = await third.confirm(code(world, third.key))
            assert () == none

    run(journey())


@every_store
def test_a_page_that_made_room_for_a_newer_enrolment_is_unknown(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            pages = [await a_page(world) for _ in range(rules.MOST_PENDING)]
            handoffs = [(await page.confirm(code(world, page.key)))[0] for page in pages]
            await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            with pytest.raises(UnknownError):
                await pages[0].status()
            assert "UnknownError" == await pages[0].collected(handoffs[0])
            assert {"active"} == {
                await page.collected(handoff) for page, handoff in zip(pages[1:], handoffs[1:], strict=True)
            }

    run(journey())


@every_store
def test_a_page_keeps_its_ticket_when_the_key_is_rotated_and_its_row_is_sealed_anew(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            for flow in (world.enrolments, world.authenticators, world.resealing):
                flow._keys = Keys(lambda: a_keyring(1, 2), world.clock)
            assert 1 == await world.resealing.once()
            await world.authenticators.rename(world.app, page.raw, "Phone")
            handoff, _ = await page.confirm(code(world, page.key))
            assert "active" == await page.collected(handoff)

    run(journey())


@every_store
def test_a_wrong_proof_an_unknown_id_and_one_without_a_page_are_unknown(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            page = await a_page(world)
            plain = await world.authenticators.enrol(world.app, NewAuthenticator(ANN))
            cases = [(page.raw, bytes(32)), (bytes(16), page.proof), (plain.shown.authenticator.id, page.proof)]
            for raw, proof in cases:
                with pytest.raises(UnknownError):
                    await world.enrolments.look(raw, proof, "192.0.2.1")
                with pytest.raises(UnknownError):
                    await world.enrolments.confirm(raw, proof, code(world, page.key), "192.0.2.1")
            assert "pending" == await page.status()

    run(journey())
