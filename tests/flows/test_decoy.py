"""Decoys: for accounts that do not exist. From outside nothing tells them from the others."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.support.world import World, wrong
from watchword.core import passcode
from watchword.core.instant import SECOND
from watchword.core.verification import Status
from watchword.errors import ChannelClosedError, ExhaustedError, MismatchError, RateLimitedError
from watchword.flows.verification import Shown


def the_code(world: World, raw: bytes) -> str:
    """The code that a verification would have, which nobody can know."""
    return passcode.derive_code(world.keys.ring, world.app.id, raw, 6)


def outline(shown: Shown) -> tuple[object, ...]:
    """Everything an app passes on to a page, but for id and watchword."""
    row = shown.verification
    times = (row.created_at, row.expires_at, row.resend_at)
    return (shown.status, shown.to, row.purpose, row.attempts_remaining, row.sends_remaining, len(row.sealed), times)


@journey()
async def test_a_decoy_looks_like_any_other(world: World) -> None:
    real, decoy = await world.create(), await world.create(decoy=True)
    assert outline(real) == outline(decoy)
    assert len(decoy.watchword.split()) == 2


@journey()
async def test_a_decoy_is_never_rendered_nor_sent(world: World) -> None:
    raw = (await world.create(decoy=True)).verification.id
    assert await world.courier.drain() == 0
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    assert await world.courier.drain() == 0
    assert world.outbox.mails == []


@journey()
async def test_a_decoy_seems_to_be_sent_even_where_the_relay_refuses_everybody(world: World) -> None:
    raw = (await world.create(decoy=True)).verification.id
    await world.courier.drain()
    shown = await world.verifications.get(world.app, raw)
    assert [(each.status, each.transport) for each in shown.deliveries] == [("sent", "T0")]
    assert shown.status is Status.PENDING


@journey()
async def test_the_right_code_of_a_decoy_is_refused(world: World) -> None:
    raw = (await world.create(decoy=True)).verification.id
    with pytest.raises(MismatchError) as refused:
        await world.check(raw, the_code(world, raw), purpose="login", to="ann@example.com")
    assert refused.value.attempts_remaining == 4


@journey()
async def test_guesses_at_a_decoy_are_counted_like_others(world: World) -> None:
    for decoy in (True, False):
        raw = (await world.create(decoy=decoy)).verification.id
        for _ in range(5):
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(the_code(world, raw)))
        with pytest.raises(ExhaustedError):
            await world.check(raw, "123456")
    raw = (await world.create(decoy=True)).verification.id
    with pytest.raises(RateLimitedError) as refused:
        await world.check(raw, "123456")
    assert refused.value.retry_after == 3600


@journey()
async def test_a_decoy_is_charged_like_others(world: World) -> None:
    for decoy in (True, False, True):
        await world.create(decoy=decoy)
    with pytest.raises(RateLimitedError):
        await world.create(decoy=True)


@journey()
async def test_a_decoy_waits_for_its_resends_like_others(world: World) -> None:
    refusals = []
    for decoy in (True, False):
        raw = (await world.create(decoy=decoy)).verification.id
        with pytest.raises(RateLimitedError) as refused:
            await world.verifications.resend(world.app, raw)
        refusals.append(refused.value.retry_after)
    assert refusals == [30, 30]


@journey()
async def test_a_decoy_can_be_canceled(world: World) -> None:
    raw = (await world.create(decoy=True)).verification.id
    assert (await world.verifications.cancel(world.app, raw)).status is Status.CANCELED


@journey()
async def test_a_decoy_for_binding_opens_no_closed_channel(world: World) -> None:
    rules = world.verifications.rules
    world.verifications.rules = rules._replace(profile=rules.profile._replace(failure_ceiling=1))
    raw, code = await world.send()
    with pytest.raises(MismatchError):
        await world.check(raw, wrong(code))
    bound = (await world.create(purpose="binding", decoy=True)).verification.id
    with pytest.raises(MismatchError):
        await world.check(bound, the_code(world, bound))
    with pytest.raises(ChannelClosedError):
        await world.create()


@journey()
async def test_a_decoy_leaves_the_same_events_as_others(world: World) -> None:
    journals = []
    for decoy in (True, False):
        world.journal.events.clear()
        raw = (await world.create(decoy=decoy)).verification.id
        with pytest.raises(MismatchError):
            await world.check(raw, wrong(the_code(world, raw)))
        journals.append([(event, sorted(facts)) for event, facts in world.journal.events])
    assert journals[0] == journals[1]
