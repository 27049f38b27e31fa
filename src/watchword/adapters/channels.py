"""The mailer of all channels: a message goes to the mailer of its own channel, and to no other (``ports.Mailer``).

Rule: a channel without a mailer fails its messages for good. Nothing falls back from one channel to another.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword.core.message import PasscodeMessage, Receipt
from watchword.errors import DeliveryError
from watchword.ports import Mailer


class Channels:
    """Chooses by channel."""

    def __init__(self, mailers: Mapping[str, Mailer]) -> None:
        self._mailers = mailers

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        """As the port says."""
        mailer = self._mailers.get(message.channel)
        if mailer is None:
            raise DeliveryError(reason="no_provider", permanent=True)
        return await mailer.deliver(recipient, message)
