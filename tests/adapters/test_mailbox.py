"""The development mailbox shows letters; what cannot be one hides no other."""

from __future__ import annotations

from dataclasses import replace

from tests.flows.journeys import generous, journey
from tests.support.world import World
from watchword.adapters.catalogue import Catalogues
from watchword.adapters.letter import Letters, MailFrom
from watchword.adapters.mailbox import DevelopmentMailbox, RenderedMailbox
from watchword.core.recipient import is_sendable
from watchword.flows.mailbox import Mail, Mailbox

LETTERS = Letters(MailFrom.parse("codes@acme.example"), Catalogues.load())


class WithSpoiltMails(Mailbox):
    """Every other mail is one that no letter can be made of."""

    async def mails(self, most: int = 100) -> list[Mail]:
        mails = await super().mails(most)
        unsendable = [mail._replace(to="a=?x@example.org") for mail in mails]
        codeless = [mail._replace(message=replace(mail.message, code="")) for mail in mails]
        return [mail for row in zip(unsendable, mails, codeless, strict=True) for mail in row]


@journey()
async def test_a_mail_is_shown_as_its_reader_would_get_it(world: World) -> None:
    _, code = await world.send("ann@example.com")
    (shown,) = await RenderedMailbox(Mailbox(world.store, world.keys), LETTERS).mails()
    letter = LETTERS.compose(*world.outbox.mails[0])
    assert ("ann@example.com", letter.subject, letter.text, letter.html) == (
        shown.to,
        shown.subject,
        shown.text,
        shown.html,
    )
    assert letter.source.decode() == shown.source
    assert code in shown.text
    assert code not in repr(shown)


@journey(generous())
async def test_a_mail_that_cannot_be_composed_hides_no_other(world: World) -> None:
    for name in ("ann", "bob"):
        await world.send(f"{name}@example.com")
        world.clock.move(1_000)
    assert not is_sendable("a=?x@example.org")
    shown = await RenderedMailbox(WithSpoiltMails(world.store, world.keys), LETTERS).mails()
    assert ["bob@example.com", "ann@example.com"] == [mail.to for mail in shown]


@journey()
async def test_mail_of_development_mode_goes_over_no_network(world: World) -> None:
    await world.send()
    assert "T0" == (await DevelopmentMailbox().deliver(*world.outbox.mails[0])).transport
