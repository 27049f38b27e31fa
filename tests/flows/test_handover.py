"""The flow of hand-overs: what it refuses before anything is made, what its link holds, and quiet reprs."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.support.authenticator import ANN
from tests.support.handover import handed_over, opened
from tests.support.world import World
from watchword.errors import InvalidInputError
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.handover import NewHandover


@journey()
async def test_what_passes_through_it_has_a_quiet_repr(world: World) -> None:
    made = await handed_over(world, passphrase="between us")
    assert "NewHandover()" == repr(NewHandover(NewAuthenticator(ANN), passphrase="between us"))
    assert "HandedOver(Authenticator(confirmed_at=None))" == repr(made)


@journey()
async def test_a_day_to_rotate_by_that_is_over_is_refused_and_nothing_is_made(world: World) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await handed_over(world, rotate_by=world.clock.now())
    assert "rotate_by" == refused.value.field
    assert [] == list(await world.authenticators.of_subject(world.app, ANN))


@journey()
async def test_a_label_is_no_part_of_the_key_that_its_recipient_gets(world: World) -> None:
    new = NewAuthenticator(ANN, label="Front desk", issuer="ACME", account="desk")
    theirs = await opened(world, await world.handovers.create(world.app, NewHandover(new)))
    assert ("ACME", "desk") == (theirs.key.issuer, theirs.key.account)
