"""Confirmed addresses and notices in memory (``ports_notice.NoticeStore``): the same steps, over dictionaries.

See ``memory.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchword.adapters import notice_steps as steps
from watchword.core.delivery import DeliveryStatus, Settlement
from watchword.core.instant import Instant, Span
from watchword.core.notice import Address, Notice, NoticeDue
from watchword.core.verification import Verification
from watchword.ports_notice import ResealedAddress


class MemoryNoticeRows:
    """Rows in dictionaries (``notice_steps.NoticeRows``). ``app_name`` gives an app's name by its id."""

    def __init__(self, app_name: Callable[[bytes], str]) -> None:
        self.kept: dict[tuple[bytes, bytes], Address] = {}
        self.outbox: dict[tuple[bytes, int], Notice] = {}
        self._app_name = app_name

    def addresses(self, subject: bytes) -> Sequence[Address]:
        found = [row for row in self.kept.values() if row.subject == subject]
        return sorted(found, key=lambda row: (row.confirmed_at, row.address))

    def put_address(self, address: Address) -> None:
        self.kept[address.subject, address.address] = address

    def remove_address(self, subject: bytes, address: bytes) -> None:
        del self.kept[subject, address]

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Address]:
        rows = [row for name, row in sorted(self.kept.items()) if b"".join(name) > after]
        return [row for row in rows if row.key_number == key_number][:most]

    def key_numbers(self) -> Sequence[int]:
        return sorted({row.key_number for row in self.kept.values()})

    def waiting(self, subject: bytes) -> Sequence[Notice]:
        rows = self.outbox.values()
        return [row for row in rows if row.subject == subject and row.delivery.due_at is not None]

    def get(self, subject: bytes, notice: bytes, number: int) -> Notice | None:  # noqa: ARG002 - the rest names it
        return self.outbox.get((notice, number))

    def put(self, notice: Notice) -> None:
        self.outbox[notice.id, notice.number] = notice

    def due(self, now: Instant, most: int) -> Sequence[tuple[Notice, str]]:
        open_ones = [(at, row) for row in self.outbox.values() if (at := row.delivery.due_at) is not None and at <= now]
        open_ones.sort(key=lambda pair: (pair[0], pair[1].id, pair[1].number))
        return [(row, self._app_name(row.app)) for _, row in open_ones[:most]]

    def settled(self, before: Instant, most: int) -> Sequence[tuple[bytes, int]]:
        rows = self.outbox.values()
        over = [row for row in rows if row.delivery.due_at is None and row.delivery.at <= before]
        return [(row.id, row.number) for row in over[:most]]

    def remove(self, notice: bytes, number: int) -> None:
        del self.outbox[notice, number]

    def next_due(self) -> Instant | None:
        """When the earliest open notice is due."""
        return min((at for row in self.outbox.values() if (at := row.delivery.due_at) is not None), default=None)

    def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        """The latest notices that were sent, newest first."""
        sent = [row for row in self.outbox.values() if row.delivery.status is DeliveryStatus.SENT]
        sent.sort(key=lambda row: (row.delivery.at, row.id, row.number), reverse=True)
        return [(row, self._app_name(row.app)) for row in sent[:most]]


class MemoryNotices:
    """The store of addresses and notices. Each verb runs without waiting, so it is atomic as it stands."""

    def __init__(self, tables: steps.Tables, rows: MemoryNoticeRows) -> None:
        self._tables = tables
        self._rows = rows

    async def addresses(self, subject: bytes) -> Sequence[Address]:
        return self._rows.addresses(subject)

    async def tie(self, verification: Verification, *, now: Instant) -> None:
        steps.tie(self._tables, verification, now)

    async def forget(self, subject: bytes, address: bytes | None, *, notice: bytes, now: Instant) -> int:
        return steps.forget(self._tables, subject, address, notice, now)

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[NoticeDue]:
        return steps.take_due(self._tables, now, lease, most)

    async def settle(self, due: NoticeDue, settlement: Settlement) -> None:
        steps.settle_due(self._tables, due, settlement)

    async def next_due(self) -> Instant | None:
        return self._rows.next_due()

    async def backlog(self, *, now: Instant) -> int:
        return len(self._rows.due(now, len(self._rows.outbox)))

    async def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        return self._rows.recent(most)

    async def key_numbers(self) -> Sequence[int]:
        return self._rows.key_numbers()

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Address]:
        return self._rows.sealed_under(key_number, after, most)

    async def reseal(self, rows: Sequence[ResealedAddress]) -> int:
        return steps.reseal(self._tables, rows)

    async def purge(self, *, now: Instant, step: int) -> int:
        return steps.purge(self._tables, now, step)
