"""A country that the guard has blocked, and a browser that works: its work is done by ALTCHA's own solver."""

from __future__ import annotations

from typing import Any

import msgspec
from altcha import Challenge, solve_challenge

from tests.support.link import REDIRECT
from tests.support.sms import WIDE_OPEN, with_sms
from tests.support.world import World
from watchword.core import breaker
from watchword.core.magic_link import LinkWanted
from watchword.core.policy import Rules
from watchword.core.work import WorkDone, WorkFound, WorkSet
from watchword.flows.verification import Request, Shown

LINK = LinkWanted(REDIRECT, "5f2a", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256")
STRANGER = "+4915799999999"
COST = 10  # what is shown here does not get truer by taking longer


def working(**changes: object) -> Rules:
    """Rules with SMS, where work is a matter of a moment."""
    return with_sms(limits=WIDE_OPEN, **{"challenge": COST, **changes})  # type: ignore[arg-type]


def scattered(number: int) -> str:
    """Numbers of one country, of which no two are in one range."""
    return f"+49151{23400000 + 100_003 * number:08d}"


async def block_the_country(world: World) -> None:
    """Send far more than it is used to."""
    world.app = await world.apps.update(world.app, redirect_uris=[REDIRECT])
    for number in range(breaker.UNUSUAL + 1):
        await world.verifications.create(world.app, Request("sms", scattered(number), "login"))
    await world.courier.drain()
    world.outbox.mails.clear()


async def ask(world: World, to: str = STRANGER, **more: Any) -> Shown:
    """Ask for a text whose code is typed at the hosted page."""
    return await world.verifications.create(world.app, Request("sms", to, "login", link=LINK, methods=["code"], **more))


def solve(given: WorkSet) -> WorkDone:
    """Do a piece of work."""
    solution = solve_challenge(Challenge.from_dict(msgspec.to_builtins(given)))
    assert solution is not None
    return WorkDone(given, WorkFound(solution.counter, solution.derived_key))
