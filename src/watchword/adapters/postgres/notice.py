"""Confirmed addresses and notices in PostgreSQL (``ports_notice.NoticeStore``).

Not handled here: what a step does (``adapters/notice_steps.py``), how a batch gets there (``lane.py``).

Rule: what is told is told to all that a subject has, so both tables are locked by the subject's name, as its
authenticators are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from watchword.adapters import notice_steps as steps
from watchword.adapters.postgres.columns import Columns
from watchword.adapters.postgres.shelf import Asked, Shelf
from watchword.core.app import App
from watchword.core.delivery import DeliveryStatus, Settlement
from watchword.core.instant import Instant, Span
from watchword.core.notice import REMEMBERED, Address, Notice, NoticeDue
from watchword.core.verification import Verification
from watchword.ports_notice import ResealedAddress

MOST_COUNTED = 10_000
_SUBJECT = 16  # bytes of a keyed hash

_UNDER = (
    "SELECT subject, address FROM addresses WHERE key_number = $1 AND (subject, address) > ($2, $3) "
    "ORDER BY subject, address LIMIT $4"
)
_KEY_NUMBERS = "SELECT DISTINCT key_number FROM addresses ORDER BY key_number"
_DUE = "SELECT subject, id, number FROM notices WHERE due_at <= $1 ORDER BY due_at, id, number LIMIT $2"
_SETTLED = "SELECT subject, id, number FROM notices WHERE due_at IS NULL AND at <= $1 LIMIT $2"
_RECENT = (
    "SELECT subject, id, number FROM notices WHERE due_at IS NULL AND sent = 1 "
    "ORDER BY at DESC, id DESC, number DESC LIMIT $1"
)
_BACKLOG = "SELECT count(*) FROM (SELECT 1 FROM notices WHERE due_at <= $1 LIMIT $2) due"


def _sent(notice: Notice) -> int:
    return int(notice.delivery.status is DeliveryStatus.SENT)


class PostgresNoticeRows:
    """Rows as a batch sees them (``notice_steps.NoticeRows``)."""

    def __init__(self, asked: Asked, tenants: Shelf[App]) -> None:
        self._asked = asked
        self._tenants = tenants
        self.kept = Shelf("addresses", Columns(Address), "subject", "address", group="subject", guarded=b"subject")
        derived = {
            "due_at": lambda notice: notice.delivery.due_at,
            "at": lambda notice: notice.delivery.at,
            "sent": _sent,
        }
        self.outbox = Shelf("notices", Columns(Notice, derived), "id", "number", group="subject", guarded=b"subject")
        self.shelves = (self.kept, self.outbox)
        self._looked_at = 0

    def begin(self) -> None:
        """Know nothing."""
        self._looked_at = 0

    def addresses(self, subject: bytes) -> Sequence[Address]:
        return sorted(self.kept.of(subject), key=lambda row: (row.confirmed_at, row.address))

    def put_address(self, address: Address) -> None:
        self.kept.put((address.subject, address.address), address)

    def remove_address(self, subject: bytes, address: bytes) -> None:
        self.kept.drop((subject, address))

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Address]:
        place = (after[:_SUBJECT], after[_SUBJECT:])
        found = self._asked.rows(_UNDER, key_number, *place, most)
        self.kept.want_groups(*(subject for subject, _ in found))
        wanted = {(subject, address) for subject, address in found}
        return [row for name in sorted(wanted) for row in self.kept.of(name[0]) if row.address == name[1]]

    def key_numbers(self) -> Sequence[int]:
        return [number for (number,) in self._asked.rows(_KEY_NUMBERS)]

    def waiting(self, subject: bytes) -> Sequence[Notice]:
        return [row for row in self.outbox.of(subject) if row.delivery.due_at is not None]

    def get(self, subject: bytes, notice: bytes, number: int) -> Notice | None:
        return next((row for row in self.outbox.of(subject) if (row.id, row.number) == (notice, number)), None)

    def put(self, notice: Notice) -> None:
        self.outbox.put((notice.id, notice.number), notice)

    def due(self, now: Instant, most: int) -> Sequence[tuple[Notice, str]]:
        wanted = max(most, self._looked_at)
        names = self._asked.rows(_DUE, now, wanted)
        found = [row for row in self._all(names) if (at := row.delivery.due_at) is not None and at <= now]
        if len(found) < most and len(names) == wanted:
            # What was found is closed by now: look further, which finds these again and more.
            self._looked_at = 2 * wanted
            return self.due(now, most)
        return self._named(found[:most])

    def settled(self, before: Instant, most: int) -> Sequence[tuple[bytes, int]]:
        found = self._all(self._asked.rows(_SETTLED, before, most))
        return [(row.id, row.number) for row in found if row.delivery.due_at is None and row.delivery.at <= before]

    def remove(self, notice: bytes, number: int) -> None:
        self.outbox.drop((notice, number))

    def next_due(self) -> Instant | None:
        """When the earliest open notice is due."""
        due: Instant | None = self._asked.rows("SELECT min(due_at) FROM notices WHERE due_at IS NOT NULL")[0][0]
        return due

    def backlog(self, now: Instant, most: int) -> int:
        """How many notices are due, counted up to ``most``."""
        count: int = self._asked.rows(_BACKLOG, now, most)[0][0]
        return count

    def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        """The latest notices that were sent, newest first."""
        return self._named(self._all(self._asked.rows(_RECENT, most)))

    def _all(self, names: Sequence[Sequence[Any]]) -> list[Notice]:
        # By subject: whatever becomes of a notice is decided under its subject's lock.
        self.outbox.want_groups(*(subject for subject, _, _ in names))
        found = [self.get(subject, notice, number) for subject, notice, number in names]
        return [row for row in found if row is not None]

    def _named(self, notices: Sequence[Notice]) -> list[tuple[Notice, str]]:
        names = {app.id: app.name for app in self._tenants.all(notice.app for notice in notices)}
        return [(notice, names[notice.app]) for notice in notices]


class PostgresNotices:
    """The store of addresses and notices. ``submit`` queues a step that writes, ``look`` one that reads."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], look: Callable[..., Awaitable[Any]]) -> None:
        self._submit = submit
        self._look = look

    async def addresses(self, subject: bytes) -> Sequence[Address]:
        found: Sequence[Address] = await self._look(lambda tables: tables.notices.addresses(subject))
        return found

    async def tie(self, verification: Verification, *, now: Instant) -> None:
        await self._submit(steps.tie, verification, now)

    async def forget(self, subject: bytes, address: bytes | None, *, notice: bytes, now: Instant) -> int:
        gone: int = await self._submit(steps.forget, subject, address, notice, now)
        return gone

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[NoticeDue]:
        # Nearly always there is nothing, and that is found out without a lock.
        if not await self._look(lambda tables: tables.notices.backlog(now, 1)):
            return ()
        taken: Sequence[NoticeDue] = await self._submit(steps.take_due, now, lease, most)
        return taken

    async def settle(self, due: NoticeDue, settlement: Settlement) -> None:
        await self._submit(steps.settle_due, due, settlement)

    async def next_due(self) -> Instant | None:
        due: Instant | None = await self._look(lambda tables: tables.notices.next_due())
        return due

    async def backlog(self, *, now: Instant) -> int:
        count: int = await self._look(lambda tables: tables.notices.backlog(now, MOST_COUNTED))
        return count

    async def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        found: Sequence[tuple[Notice, str]] = await self._look(lambda tables: tables.notices.recent(most))
        return found

    async def key_numbers(self) -> Sequence[int]:
        numbers: Sequence[int] = await self._look(lambda tables: tables.notices.key_numbers())
        return numbers

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Address]:
        found: Sequence[Address] = await self._look(lambda tables: tables.notices.sealed_under(key_number, after, most))
        return found

    async def reseal(self, rows: Sequence[ResealedAddress]) -> int:
        written: int = await self._submit(steps.reseal, rows)
        return written

    async def purge(self, *, now: Instant, step: int) -> int:
        if not await self._look(lambda tables: tables.notices.settled(now - REMEMBERED, 1)):
            return 0
        purged: int = await self._submit(steps.purge, now, step)
        return purged
