"""Texts through providers, one after the other: the mailer of the channel ``sms`` (``ports.Mailer``).

A provider that certainly took nothing is asked once more, then the next one gets the same text with the same code. Who
failed a moment ago is asked last. An outcome that nobody saw ends the hand-over, so that no second provider is paid for
a message that may be on its way; the courier repeats it later and says so.

Not handled here: what a text says (``sms_text.py``), how a provider is spoken to (``sms_twilio.py``,
``sms_gateway.py``), when to try again and when to give up (``flows/courier.py``).

Rule: there is no other channel here to fall back to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from watchword.adapters.sms_text import Texts
from watchword.core.instant import MINUTE, Span
from watchword.core.message import PasscodeMessage, Receipt
from watchword.core.report import of_provider
from watchword.errors import DeliveryError

LEFT_ALONE: Final = 30.0  # seconds
TRIES: Final = 2


class Provider(Protocol):
    """Somebody who delivers texts. ``name`` is one of ``core.sms.PROVIDERS``."""

    @property
    def name(self) -> str:
        """What the operator's settings call it."""
        ...

    async def send(self, number: str, text: str, *, reference: str, lifetime: Span) -> Receipt:
        """Hand over one text. ``reference`` comes back in the provider's report, ``lifetime`` is how long it is of use.

        Raises:
            DeliveryError: it was not taken (or, where ``uncertain``, perhaps was).
        """
        ...

    async def aclose(self) -> None:
        """Close what is kept open."""
        ...


class TextMailer:
    """Sends texts. ``now`` is a monotonic clock in seconds."""

    def __init__(
        self, texts: Texts, providers: Sequence[Provider], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._texts = texts
        self._providers = list(providers)
        self._failed_at = dict.fromkeys(range(len(self._providers)), -LEFT_ALONE)
        self._now = now

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        """As the port says."""
        text = self._texts.compose(message)
        last = DeliveryError(reason="unreachable")
        for number in self._order():
            try:
                receipt = await self._hand_over(self._providers[number], recipient, text, message)
            except DeliveryError as error:
                if error.permanent or error.uncertain:
                    raise
                self._failed_at[number] = self._now()
                last = error
            else:
                self._failed_at[number] = -LEFT_ALONE
                return receipt
        raise last

    async def aclose(self) -> None:
        """Take leave of all of them."""
        for provider in self._providers:
            await provider.aclose()

    def _order(self) -> list[int]:
        """The providers as the operator put them, those that failed a moment ago last."""
        now = self._now()
        return sorted(self._failed_at, key=lambda number: (now - self._failed_at[number] < LEFT_ALONE, number))

    @staticmethod
    async def _hand_over(provider: Provider, recipient: str, text: str, message: PasscodeMessage) -> Receipt:
        lifetime, reference = max(message.lifetime, MINUTE), of_provider(message.reference, provider.name)
        for left in reversed(range(TRIES)):
            try:
                return await provider.send(recipient, text, reference=reference, lifetime=lifetime)
            except DeliveryError as error:
                if error.permanent or error.uncertain or not left:
                    raise
        raise AssertionError  # the last try returns or raises
