"""Mail of development mode: nothing goes over a network and nothing is kept.

Not handled here: what ``/mailbox`` shows. It is derived again from the delivery rows (``flows/mailbox.py``).
"""

from __future__ import annotations

from watchword.core.message import PasscodeMessage, Receipt


class DevelopmentMailbox:
    """Takes every message and forgets it; the receipt says T0, not sent over a network (``ports.Mailer``)."""

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:  # noqa: ARG002 (the port's arguments)
        return Receipt("T0")
