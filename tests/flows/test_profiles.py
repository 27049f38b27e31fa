"""Profiles at work: what a profile refuses is refused where it is asked for, and nothing is sent or counted for it."""

from __future__ import annotations

import msgspec
import pytest

from tests.flows.journeys import journey
from tests.support.authenticator import ANN, PERIOD, bind, checked, code
from tests.support.site import Site
from tests.support.world import World
from watchword.core.departure import rules_of
from watchword.core.policy import ASVS_L2, ASVS_L3, LEGACY, NIST, Limits, Rules

REASON = "Accepted in RA-2026-12 until the spring."
EXCUSED = rules_of(NIST, Limits(), {"email_login": REASON}, durable=True)


@pytest.mark.parametrize("rules", [Rules(NIST), Rules(ASVS_L3)], ids=["nist-63b-4", "asvs5-l3"])
@pytest.mark.parametrize("purpose", ["login", "step_up"])
def test_a_profile_without_email_signs_nobody_in_by_email(rules: Rules, purpose: str) -> None:
    with Site(rules=rules) as site:
        refused = site.create(purpose=purpose)
        site.run(site.world.courier.drain())

        assert (403, "channel_forbidden") == (refused.status, refused.json["code"])
        assert [] == site.world.outbox.mails
        assert 201 == site.create(purpose="recovery").status


def test_with_a_reason_it_does() -> None:
    with Site(rules=EXCUSED) as site:
        address, code_of_it = site.sent(purpose="login")

        assert 200 == site.post(f"{address}/check", {"code": code_of_it}).status


def test_a_lifetime_above_the_profiles_is_refused() -> None:
    with Site(rules=Rules(ASVS_L2)) as site:
        late = site.create(purpose="recovery", expires_in=601)
        assert (422, "expires_in") == (late.status, late.json["errors"][0]["field"])
        assert 201 == site.create(purpose="recovery", expires_in=600).status
    with Site(rules=Rules(LEGACY)) as site:
        assert 201 == site.create(expires_in=900).status
        assert 422 == site.create(expires_in=901).status


def test_tries_are_the_profiles() -> None:
    with Site(rules=Rules(LEGACY)) as site:
        assert 10 == site.create().json["attempts_remaining"]


@pytest.mark.parametrize(("skew", "answers"), [(0, ["mismatch", "approved", "mismatch"]), (1, ["approved"] * 3)])
@journey()
async def test_a_code_of_a_neighbouring_step_counts_only_where_the_profile_allows_it(
    world: World, skew: int, answers: list[str]
) -> None:
    _, key, _ = await bind(world)
    world.authenticators.skew = skew
    heard = []
    for off in (-1, 0, 1):
        world.clock.move(3 * PERIOD)
        heard.append(await checked(world, code(world, key, off), ANN))
    assert answers == heard


@journey()
async def test_a_clock_that_was_followed_before_is_not_where_no_skew_is_allowed(world: World) -> None:
    raw, key, _ = await bind(world)
    rows = world.store.tables.authenticators.rows  # type: ignore[attr-defined]
    rows[raw] = msgspec.structs.replace(rows[raw], drift=2)
    world.authenticators.skew = 0

    world.clock.move(3 * PERIOD)
    assert "mismatch" == await checked(world, code(world, key, 2), ANN)
    assert "approved" == await checked(world, code(world, key), ANN)
