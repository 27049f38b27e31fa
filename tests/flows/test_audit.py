"""Events: one for every outcome, and no secret in any of them."""

from __future__ import annotations

import traceback

import pytest

from tests.flows.journeys import journey
from tests.support.world import World, wrong
from watchword.core import passcode
from watchword.core.instant import MINUTE, SECOND
from watchword.errors import DeliveryError, MismatchError, RateLimitedError, WatchwordError


@journey()
async def test_every_outcome_leaves_an_event(world: World) -> None:
    raw, code = await world.send()
    with pytest.raises(MismatchError):
        await world.check(raw, wrong(code))
    world.clock.move(30 * SECOND)
    await world.verifications.resend(world.app, raw)
    await world.check(raw, code)
    other = (await world.create()).verification.id
    await world.verifications.cancel(world.app, other)
    assert [name for name in world.journal.names() if name.startswith(("verification.", "delivery."))] == [
        "verification.created",
        "delivery.sent",
        "verification.refused",
        "verification.resent",
        "verification.approved",
        "verification.created",
        "verification.canceled",
    ]


@journey()
async def test_an_event_names_verification_app_channel_and_purpose(world: World) -> None:
    await world.create(purpose="recovery")
    event, facts = world.journal.events[-1]
    assert event == "verification.created"
    assert set(facts) == {"verification", "app", "channel", "purpose"}
    assert str(facts["verification"]).startswith("vf_")
    assert str(facts["app"]).startswith("ap_")


@journey()
async def test_no_event_and_no_error_tells_a_code_a_word_or_an_address(world: World) -> None:
    told: list[str] = []

    async def refused(check: object) -> None:
        try:
            await check  # type: ignore[misc]
        except WatchwordError as error:
            told.extend(traceback.format_exception(error, chain=True)[-1:])
            told.append(repr(error) + error.detail + repr(vars(error)))

    shown = await world.create("canary-address@example.com", source="203.0.113.77")
    raw = shown.verification.id
    code = passcode.derive_code(world.keys.ring, world.app.id, raw, 6)
    world.outbox.trouble = lambda: DeliveryError(reason="refused")
    await world.courier.drain()
    world.clock.move(MINUTE)
    world.outbox.trouble = lambda: None
    await world.courier.drain()
    await refused(world.check(raw, wrong(code)))
    await refused(world.check(raw, code, to="canary-other@example.com"))
    await refused(world.verifications.resend(world.app, raw))
    await world.check(raw, code)
    await refused(world.check(raw, code))
    await refused(world.create("canary-address@@example.com"))
    for _ in range(3):
        await refused(world.create("canary-address@example.com"))
    told.append(repr(world.journal.events))
    everything = "\n".join(told)
    assert len(told) > 5
    secrets = (code, wrong(code), "canary", "203.0.113.77", *shown.watchword.split(), world.key)
    assert [secret for secret in secrets if secret in everything] == []


@journey()
async def test_a_limited_check_is_written_down(world: World) -> None:
    for _ in range(2):
        raw, code = await world.send()
        for _ in range(5):
            with pytest.raises(MismatchError):
                await world.check(raw, wrong(code))
    raw, code = await world.send()
    with pytest.raises(RateLimitedError):
        await world.check(raw, code)
    assert world.journal.events[-1][1]["reason"] == "limited"
