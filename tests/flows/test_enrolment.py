"""Hosted enrolment pages, where the flow itself decides; the rest: ``contract/test_enrolment_store.py``."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.contract.test_enrolment_store import Page, a_page
from tests.support.authenticator import ANN, code
from tests.support.link import STATE
from tests.support.world import World
from watchword.core import binary
from watchword.core.handoff import LIFETIME, SIZE, Kind, write_handoff
from watchword.errors import CanceledError, TamperedError


def handed(world: World, page: Page, kind: Kind = Kind.ENROLMENT) -> str:
    """A hand-off code that nobody gave away, as only the holder of the keys can make it."""
    until = world.clock.now() + LIFETIME
    return write_handoff(world.keys.ring, world.app.id, kind, page.raw, expires_at=until, nonce=bytes(12))


def test_a_hand_off_of_what_nobody_confirmed_is_pending() -> None:
    async def journey() -> None:
        world = await World().open()
        page = await a_page(world)
        assert "pending" == await page.collected(handed(world, page))
        assert "pending" == await page.status()

    asyncio.run(journey())


def test_a_hand_off_of_another_kind_or_under_a_key_that_never_was_is_a_mismatch() -> None:
    async def journey() -> None:
        world = await World().open()
        page = await a_page(world)
        await page.confirm(code(world, page.key))
        assert "mismatch" == await page.collected(handed(world, page, Kind.VERIFICATION))
        assert "mismatch" == await page.collected(binary.encode(bytes((99,)) + bytes(SIZE - 1)))
        assert "active" == await page.collected(handed(world, page))

    asyncio.run(journey())


def test_an_enrolment_leads_nobody_back_to_an_address_that_the_app_has_withdrawn() -> None:
    async def journey() -> None:
        world = await World().open()
        page = await a_page(world)
        world.app = await world.apps.update(world.app, redirect_uris=[])
        with pytest.raises(CanceledError):
            await page.confirm(code(world, page.key))

    asyncio.run(journey())


def test_what_passes_through_the_flow_shows_nothing_of_itself() -> None:
    async def journey() -> None:
        world = await World().open()
        page = await a_page(world)
        seen = await world.enrolments.look(page.raw, page.proof, "192.0.2.1")
        assert "Seen(status=<Status.PENDING: 'pending'>)" == repr(seen)
        proven = await world.enrolments.confirm(page.raw, page.proof, code(world, page.key), "192.0.2.1")
        assert STATE in proven.redirect_to
        assert "Proven()" == repr(proven)

    asyncio.run(journey())


def test_a_row_that_was_tampered_with_shows_no_key_and_takes_no_code() -> None:
    async def journey() -> None:
        world = await World().open()
        page, other = await a_page(world), await a_page(world, "user-2")
        rows = world.store.tables.authenticators.rows  # type: ignore[attr-defined]
        rows[page.raw] = msgspec.structs.replace(rows[page.raw], seed=rows[other.raw].seed)
        with pytest.raises(TamperedError):
            await world.enrolments.look(page.raw, page.proof, "192.0.2.1")
        with pytest.raises(TamperedError):
            await page.confirm(code(world, other.key))
        assert ANN == (await world.authenticators.get(world.app, page.raw)).names.subject

    asyncio.run(journey())
