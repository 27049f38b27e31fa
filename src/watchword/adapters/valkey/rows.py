"""Rows of verifications, read and replaced: what a step decides about one is written if nobody changed it meanwhile.

Not handled here: what is decided (``adapters/steps.py``), the two verbs that come with every login (``together.py``,
``apart.py``).

Rule: a row is compared as a whole, byte by byte, in the step that replaces it and its place in the due list. Whoever
comes second decides again, on what the first one left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from watchword.adapters.valkey.layout import RECENT_LIES, member
from watchword.adapters.valkey.one import Wire
from watchword.adapters.valkey.row import Record, pack, term_of, unpack
from watchword.adapters.valkey.scripts import SWAP
from watchword.adapters.valkey.tables import RecordTables
from watchword.core.delivery import DeliveryStatus
from watchword.core.limit import UNTRIED, Guesses
from watchword.errors import OverloadedError, UnknownError

_TRIES: Final = 100  # each is lost to somebody who won, so that a crowd of so many gets its turn

Result = TypeVar("Result")


class Rows:
    """The rows, wherever they lie."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def read(self, app: bytes, verification: bytes) -> Record:
        """One row.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        record = await self.find(verification)
        if record is None or record.verification.app != app:
            raise UnknownError
        return record

    async def find(self, verification: bytes) -> Record | None:
        """One row, whosever it is."""
        key = self._wire.layout.row(verification)
        packed = await self._wire.command(key, b"GET")
        return None if packed is None else unpack(packed, self._wire.term(key))

    async def change(
        self, record: Record | None, step: Callable[[Any], Result], guesses: Guesses = UNTRIED
    ) -> Result | None:
        """Run a step on a row until what it decided could be written; None where the row is gone."""
        for _ in range(_TRIES):
            if record is None:
                return None
            tables = RecordTables(record, guesses)
            result = step(tables)
            if not tables.changed:
                return result
            replaced, record = await self.replace(record, tables)
            if replaced:
                return result
        raise OverloadedError

    async def replace(self, record: Record, tables: RecordTables) -> tuple[bool, Record | None]:
        """Write what a step decided; whether that was done, and where it was not, the row as it is now."""
        layout, raw = self._wire.layout, record.verification.id
        key, partition = layout.row(raw), layout.partition(raw)
        sent, due = (b"", 0), []
        for delivery in tables.moved:
            place = member(raw, delivery.number)
            due += [place, b"" if delivery.due_at is None else delivery.due_at]
            if delivery.status is DeliveryStatus.SENT and not tables.row.decoy:
                sent = (place, delivery.at)
        packed = pack(tables.row, tables.deliveries(raw), term_of(record.packed), record.later)
        now = await self._wire.run(
            SWAP,
            (key, layout.due(partition), layout.recent(partition)),
            *(record.packed, packed, *sent, RECENT_LIES, *due),
        )
        if now == 1:
            return True, None
        return False, None if now is None else unpack(now, self._wire.term(key))
