"""Port of confirmed addresses and notices. Promises and failure policy: as in ``ports.py``.

What queues a notice is no verb here: the verbs that change a subject's ways in do it in their own step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from watchword.core.delivery import Settlement
from watchword.core.instant import Instant, Span
from watchword.core.message import NoticeMessage, Receipt
from watchword.core.notice import Address, Notice, NoticeDue
from watchword.core.verification import Verification


class NoticeMailer(Protocol):
    """Hands notices over; as ``ports.Mailer`` in everything else."""

    async def notify(self, recipient: str, message: NoticeMessage) -> Receipt:
        """Hand over one notice to one recipient.

        Raises:
            DeliveryError: it was not taken (or, where ``uncertain``, perhaps was).
        """
        ...


class ResealedAddress(NamedTuple):
    """An address with a new seal. It is written where ``sealed`` still is what the row holds."""

    sealed: bytes
    address: Address


class NoticeStore(Protocol):
    """Confirmed addresses of subjects, and the outbox of notices. ``subject`` is the keyed hash of app and subject."""

    async def addresses(self, subject: bytes) -> Sequence[Address]:
        """All of a subject, longest confirmed first."""
        ...

    async def tie(self, verification: Verification, *, now: Instant) -> None:
        """Tie the address of an approved verification to its subject, and tell the others.

        For a store of verifications that lies elsewhere (``adapters/split.py``): everywhere else the step that approves
        does it. A second time changes nothing but the time.
        """
        ...

    async def forget(self, subject: bytes, address: bytes | None, *, notice: bytes, now: Instant) -> int:
        """Untie one address, or all of them; all of the subject, these included, are told in the same step.

        Returns how many were. ``notice`` is the id of that notice.
        """
        ...

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[NoticeDue]:
        """Take up to ``most`` due notices, each by one courier alone until ``now + lease``."""
        ...

    async def settle(self, due: NoticeDue, settlement: Settlement) -> None:
        """Write what became of a notice that was claimed; ``sent`` always, anything else under the latest claim."""
        ...

    async def next_due(self) -> Instant | None:
        """When the earliest open notice is due, or None."""
        ...

    async def backlog(self, *, now: Instant) -> int:
        """How many notices are due now; counting stops at 10 000."""
        ...

    async def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        """The latest notices that were sent, with their app's name, newest first. For the development mailbox."""
        ...

    async def key_numbers(self) -> Sequence[int]:
        """The keys under which any address is sealed, ascending."""
        ...

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Address]:
        """Up to ``most`` addresses sealed under a key, ordered by subject and address, from ``after`` (both) on."""
        ...

    async def reseal(self, rows: Sequence[ResealedAddress]) -> int:
        """Write new seals where the old ones still stand; returns how many were."""
        ...

    async def purge(self, *, now: Instant, step: int) -> int:
        """Remove up to ``step`` notices that were settled two days ago; returns how many went."""
        ...
