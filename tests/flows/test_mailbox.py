"""The development mailbox derives what it shows."""

from __future__ import annotations

from tests.flows.journeys import generous, journey
from tests.support.world import World
from watchword.core.instant import MINUTE, SECOND
from watchword.core.verification import Status
from watchword.flows.mailbox import Mailbox


@journey()
async def test_the_mailbox_shows_the_mail_that_was_sent(world: World) -> None:
    raw, code = await world.send("Ann+x@example.com")
    (mail,) = await Mailbox(world.store, world.keys).mails()
    assert (mail.to, mail.message) == world.outbox.mails[0]
    assert (await world.check(raw, code)).status is Status.APPROVED


@journey(generous())
async def test_the_newest_mail_is_first(world: World) -> None:
    for name in ("ann", "bob", "eve"):
        await world.send(f"{name}@example.com")
        world.clock.move(SECOND)
    mails = await Mailbox(world.store, world.keys).mails(2)
    assert [mail.to for mail in mails] == ["eve@example.com", "bob@example.com"]


@journey()
async def test_a_resend_is_a_mail_of_its_own(world: World) -> None:
    raw, _ = await world.send()
    world.clock.move(MINUTE)
    await world.verifications.resend(world.app, raw)
    await world.courier.drain()
    mails = await Mailbox(world.store, world.keys).mails()
    assert [mail.message.key[-2:] for mail in mails] == [".2", ".1"]
    assert [mail.message.lifetime for mail in mails] == [9 * MINUTE, 10 * MINUTE]


@journey()
async def test_what_waits_and_what_is_a_decoy_is_not_in_the_mailbox(world: World) -> None:
    await world.create("decoy@example.com", decoy=True)
    await world.courier.drain()
    await world.create("waiting@example.com")
    assert await Mailbox(world.store, world.keys).mails() == []
