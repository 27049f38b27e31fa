"""Mail of development mode: nothing goes over a network, nothing is kept, and everything can be looked at.

Not handled here: what there is to look at, which is derived again from the delivery rows (``flows/mailbox.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from watchword.adapters.letter import Letters
from watchword.core.instant import Instant
from watchword.core.message import NoticeMessage, PasscodeMessage, Receipt
from watchword.errors import InvalidInputError
from watchword.flows.mailbox import Mail, Mailbox, NoticeMail


class DevelopmentMailbox:
    """Takes every message and forgets it; the receipt says T0, not sent over a network.

    ``ports.Mailer`` and ``ports_notice.NoticeMailer``.
    """

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:  # noqa: ARG002 (the port's arguments)
        return Receipt("T0")

    async def notify(self, recipient: str, message: NoticeMessage) -> Receipt:  # noqa: ARG002 (the port's arguments)
        return Receipt("T0")


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail of the development mailbox as its reader would get it (``web.services.RenderedMail``)."""

    key: str
    to: str
    at: Instant
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    source: str = field(repr=False)


class RenderedMailbox:
    """The development mailbox with its mails rendered (``web.services.MailboxView``)."""

    def __init__(self, mailbox: Mailbox, letters: Letters) -> None:
        self._mailbox = mailbox
        self._letters = letters

    async def mails(self) -> Sequence[RenderedMail]:
        """The latest mails, newest first, without any that no letter can be made of: one must not hide the others."""
        sent: list[Mail | NoticeMail] = [*await self._mailbox.mails(), *await self._mailbox.notices()]
        sent.sort(key=lambda mail: mail.at, reverse=True)
        return [shown for mail in sent for shown in self._rendered(mail)]

    async def awaits_more(self) -> bool:
        """Whether a mail may come that was asked for already."""
        return await self._mailbox.awaits_more()

    def _rendered(self, mail: Mail | NoticeMail) -> Iterator[RenderedMail]:
        message = mail.message
        try:
            if isinstance(message, NoticeMessage):
                letter = self._letters.compose_notice(mail.to, message)
            else:
                letter = self._letters.compose(mail.to, message)
        except InvalidInputError:
            return
        source = letter.source.decode()
        yield RenderedMail(mail.message.key, mail.to, mail.at, letter.subject, letter.text, letter.html, source)
