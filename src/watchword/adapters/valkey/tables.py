"""The rows of one verification, as the steps of all stores see them (``steps.Tables``), between reading and replacing.

So what less frequent verbs decide stands in one place for every store, and only the two that come with every login have
it in a script as well.

Not handled here: whether nobody else changed the row meanwhile (``rows.py``), buckets of sends, which are charged
before (``verification.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from watchword.adapters.valkey.row import Record
from watchword.core.delivery import Delivery
from watchword.core.instant import Instant
from watchword.core.limit import UNTRIED, Guesses
from watchword.core.notice import Address
from watchword.core.verification import Verification


class NobodyTold:
    """No addresses: what an approval ties, the durable half ties (``adapters/split.py``)."""

    def addresses(self, subject: bytes) -> Sequence[Address]:  # noqa: ARG002 - none of anybody
        return ()

    def put_address(self, address: Address) -> None:
        """Nothing is kept here."""


class RecordTables:
    """One verification, its deliveries and the wrong guesses of its recipient."""

    def __init__(self, record: Record, guesses: Guesses = UNTRIED) -> None:
        self._found = record
        self._guesses = guesses
        self.row = record.verification
        self.notices = NobodyTold()
        self.outbox = {delivery.number: delivery for delivery in record.deliveries}

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.row is not self._found.verification or bool(self.moved)

    @property
    def moved(self) -> Sequence[Delivery]:
        """Deliveries that are not what they were."""
        before = {delivery.number: delivery for delivery in self._found.deliveries}
        return [delivery for number, delivery in self.outbox.items() if delivery is not before.get(number)]

    def verification(self, app: bytes, verification: bytes) -> Verification | None:
        return self.row if (self.row.app, self.row.id) == (app, verification) else None

    def change_verification(self, verification: Verification) -> None:
        self.row = verification

    def guesses(self, key: bytes) -> Guesses:  # noqa: ARG002 - there is one bucket that it pays into
        return self._guesses

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:  # noqa: ARG002
        self._guesses = guesses

    def deliveries(self, verification: bytes) -> Sequence[Delivery]:  # noqa: ARG002 - all are of the one there is
        return [delivery for _, delivery in sorted(self.outbox.items())]

    def put_delivery(self, delivery: Delivery) -> None:
        self.outbox[delivery.number] = delivery

    def queue_delivery(self, verification: bytes, number: int, now: Instant) -> None:
        self.put_delivery(Delivery(verification, number, now, now))
