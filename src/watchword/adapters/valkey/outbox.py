"""The outbox, seen by couriers (``ports.CourierStore``): one list of what is due in each partition.

An entry is taken out of its list until the lease ends, by one courier alone; then its row is looked at, and replaced if
nobody changed it meanwhile. Whoever dies in between leaves an entry that is due again when the lease ends.

Not handled here: what is decided about a message (``core/delivery.py``, by way of ``adapters/steps.py``).

Rule: a partition whose server does not answer holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from watchword.adapters import steps
from watchword.adapters.valkey.layout import member
from watchword.adapters.valkey.one import Waiting, Wire
from watchword.adapters.valkey.row import unpack
from watchword.adapters.valkey.rows import Rows
from watchword.adapters.valkey.scripts import DUE
from watchword.adapters.valkey.tables import RecordTables
from watchword.core.app import App
from watchword.core.delivery import Delivery, Due, Settlement
from watchword.core.instant import Instant, Span
from watchword.core.verification import Verification
from watchword.errors import StoreError

MOST_COUNTED: Final = 10_000
_NUMBER: Final = 2  # bytes of an entry that tell which delivery it is

Apps = Callable[[bytes], Awaitable[App | None]]


class Outbox:
    """The due lists of all partitions."""

    def __init__(self, wire: Wire, rows: Rows, apps: Apps) -> None:
        self._wire = wire
        self._rows = rows
        self._apps = apps
        self._lists = [wire.layout.due(partition) for partition in wire.layout.partitions]
        self._news: set[int] = set()

    def hint(self, verification: bytes) -> None:
        """Remember that something of this process is due in a partition, so that it is looked at first."""
        self._news.add(self._wire.layout.partition(verification))

    async def claim(self, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        """``CourierStore.claim``."""
        taken: list[Due] = []
        looked_at, gained = 0, True
        while looked_at < steps.MOST_LOOKED_AT and len(taken) < most:
            if not self._news:
                if gained:
                    self._news.update(await self._partitions_due(now))
                if not self._news:
                    break
                gained = False
            partition = self._news.pop()
            entries = await self._take(partition, now, lease, most - len(taken))
            looked_at += len(entries)
            if entries:
                gained = True
                self._news.add(partition)  # there may be more
            found = await asyncio.gather(*(self._decide(*entry, now, lease) for entry in entries))
            taken += [due for due in found if due is not None]
        return taken

    async def settle(self, due: Due, settlement: Settlement) -> None:
        """``CourierStore.settle``."""
        record = await self._rows.find(due.verification.id)
        await self._rows.change(record, lambda tables: steps.settle_due(tables, due, settlement))

    async def next_due(self) -> Instant | None:
        """``CourierStore.next_due``."""
        return min((waiting.first for waiting in await self._look(0)), default=None)

    async def backlog(self, now: Instant) -> int:
        """``CourierStore.backlog``."""
        return min(MOST_COUNTED, sum(waiting.due for waiting in await self._look(now)))

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        """``RecentStore.recent``."""
        layout = self._wire.layout
        keys = [layout.recent(partition) for partition in layout.partitions]
        lists = await asyncio.gather(*(self._wire.command(key, b"ZREVRANGE", 0, most - 1) for key in keys))
        entries = [entry for each in lists for entry in each]
        records = await asyncio.gather(*(self._rows.find(entry[:-_NUMBER]) for entry in entries))
        found = []
        for entry, record in zip(entries, records, strict=True):
            if record is None:
                continue
            sent = next(each for each in record.deliveries if member(each.verification, each.number) == entry)
            app = await self._apps(record.verification.app)
            found.append((record.verification, app.name if app else "", sent))
        return sorted(found, key=lambda row: (row[2].at, row[2].verification, row[2].number), reverse=True)[:most]

    async def _look(self, now: Instant) -> Sequence[Waiting]:
        return await self._wire.look_at(self._lists, now)

    async def _partitions_due(self, now: Instant) -> Iterable[int]:
        return [self._lists.index(waiting.key) for waiting in await self._look(now) if waiting.due]

    async def _take(self, partition: int, now: Instant, lease: Span, most: int) -> Sequence[tuple[bytes, bytes]]:
        layout = self._wire.layout
        try:
            taken = await self._wire.run(DUE, (layout.due(partition),), now, now + lease, most, layout.rows(partition))
        except StoreError:
            if len(layout.partitions) == 1:
                raise
            return ()
        return list(zip(taken[::2], taken[1::2], strict=True))

    async def _decide(self, entry: bytes, packed: bytes, now: Instant, lease: Span) -> Due | None:
        raw, number = entry[:-_NUMBER], int.from_bytes(entry[-_NUMBER:], "big")
        record = unpack(packed, self._wire.term(self._wire.layout.row(raw)))
        app = await self._apps(record.verification.app)
        name = app.name if app else ""

        def take(tables: Any) -> list[Due]:  # noqa: ANN401 - as many of the rows as the step asks for
            one: Any = _OneDue(tables, number, name)
            return steps.take_due(one, now, lease, 1)

        taken = await self._rows.change(record, take)
        return taken[0] if taken else None


class _OneDue:
    """The rows of one verification, of which one delivery was taken out of the due list."""

    def __init__(self, tables: RecordTables, number: int, app_name: str) -> None:
        self._number = number
        self._app_name = app_name
        self.put_delivery = tables.put_delivery
        self.deliveries = tables.deliveries
        self.change_verification = tables.change_verification
        self._tables = tables

    def due(self, now: Instant, most: int) -> Sequence[tuple[Delivery, Verification, str]]:  # noqa: ARG002
        entry = self._tables.outbox.get(self._number)
        if entry is None or entry.due_at is None or entry.due_at > now:
            return ()
        return [(entry, self._tables.row, self._app_name)]
