"""The mailer of a service that has a relay: a message becomes a letter at the moment it is handed over.

Not handled here: how a letter looks (``letter.py``), how the relay is spoken to (``smtp.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchword.adapters.letter import Letters
from watchword.core.message import PasscodeMessage, Receipt
from watchword.errors import DeliveryError, InvalidInputError

if TYPE_CHECKING:
    from watchword.adapters.smtp import SmtpRelay


class Post:
    """Renders a message and hands it to the relay (``ports.Mailer``)."""

    def __init__(self, letters: Letters, relay: SmtpRelay) -> None:
        self._letters = letters
        self._relay = relay

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        """As the port says."""
        try:
            letter = self._letters.compose(recipient, message)
        except InvalidInputError as error:
            raise DeliveryError(error.detail, reason="unsendable", permanent=True) from None
        return await self._relay.send(letter.envelope())
