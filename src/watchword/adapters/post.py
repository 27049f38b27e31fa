"""The mailer of a service that has a relay: a message becomes a letter at the moment it is handed over.

Not handled here: how a letter looks (``letter.py``), how the relay is spoken to (``smtp.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchword.adapters.letter import Letter, Letters
from watchword.core.message import NoticeMessage, PasscodeMessage, Receipt
from watchword.errors import DeliveryError, InvalidInputError

if TYPE_CHECKING:
    from watchword.adapters.smtp import SmtpRelay


class Post:
    """Renders a message and hands it to the relay (``ports.Mailer``, ``ports_notice.NoticeMailer``)."""

    def __init__(self, letters: Letters, relay: SmtpRelay) -> None:
        self._letters = letters
        self._relay = relay

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        """As the port says."""
        return await self._hand_over(lambda: self._letters.compose(recipient, message))

    async def notify(self, recipient: str, message: NoticeMessage) -> Receipt:
        """As the port says."""
        return await self._hand_over(lambda: self._letters.compose_notice(recipient, message))

    async def _hand_over(self, compose: Callable[[], Letter]) -> Receipt:
        try:
            letter = compose()
        except InvalidInputError as error:
            raise DeliveryError(error.detail, reason="unsendable", permanent=True) from None
        return await self._relay.send(letter.envelope())
