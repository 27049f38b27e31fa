"""Confirmed addresses and notices in SQLite (``ports_notice.NoticeStore``).

Not handled here: what a step does (``adapters/notice_steps.py``), how a batch gets to disk (``writer.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from watchword.adapters import notice_steps as steps
from watchword.adapters.sqlite.database import our_words
from watchword.core.delivery import Delivery, Settlement
from watchword.core.instant import Instant, Span
from watchword.core.notice import REMEMBERED, Address, Event, Notice, NoticeDue
from watchword.core.verification import Verification
from watchword.ports_notice import ResealedAddress

if TYPE_CHECKING:
    from watchword.adapters.sqlite.tables import SqliteTables

MOST_COUNTED = 10_000

_ADDRESS = ", ".join(Address.__struct_fields__)
_OF = f"SELECT {_ADDRESS} FROM addresses WHERE subject = ? ORDER BY confirmed_at, address"  # noqa: S608 - our own names
_PUT_ADDRESS = (
    f"INSERT OR REPLACE INTO addresses ({_ADDRESS}) VALUES ({', '.join('?' * len(Address.__struct_fields__))})"  # noqa: S608
)
_UNDER = (
    f"SELECT {_ADDRESS} FROM addresses WHERE key_number = ? AND (subject, address) > (?, ?) "  # noqa: S608
    "ORDER BY subject, address LIMIT ?"
)
_FIELDS = Notice.__struct_fields__
_EVENTS, _DELIVERY = _FIELDS.index("events"), _FIELDS.index("delivery")
_NOTICE = ", ".join(f"n.{name}" for name in _FIELDS)
_PUT = (
    f"INSERT OR REPLACE INTO notices ({_NOTICE.replace('n.', '')}, due_at, at, status) VALUES ({', '.join('?' * 13)})"  # noqa: S608
)
_GET = f"SELECT {_NOTICE} FROM notices n WHERE n.id = ? AND n.number = ?"  # noqa: S608
_WAITING = f"SELECT {_NOTICE} FROM notices n WHERE n.subject = ? AND n.due_at IS NOT NULL"  # noqa: S608
_NAMED = f"SELECT {_NOTICE}, a.name FROM notices n JOIN apps a ON a.id = n.app"  # noqa: S608
_DUE = f"{_NAMED} WHERE n.due_at <= ? ORDER BY n.due_at, n.id, n.number LIMIT ?"
_RECENT = f"{_NAMED} WHERE n.due_at IS NULL AND n.status = 'sent' ORDER BY n.at DESC, n.id DESC, n.number DESC LIMIT ?"
_SETTLED = "SELECT id, number FROM notices WHERE due_at IS NULL AND at <= ? LIMIT ?"
_SUBJECT = 16  # bytes of a keyed hash

_write = msgspec.msgpack.Encoder().encode
_read_events = msgspec.msgpack.Decoder(tuple[Event, ...]).decode
_read_delivery = msgspec.msgpack.Decoder(Delivery).decode


class SqliteNoticeRows:
    """Reads and writes rows over a cursor (``notice_steps.NoticeRows``)."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._execute: Callable[..., Any] = cursor.execute  # rows of any types: whoever reads them knows

    def addresses(self, subject: bytes) -> Sequence[Address]:
        return [Address(*row) for row in self._execute(_OF, (subject,))]

    def put_address(self, address: Address) -> None:
        self._execute(_PUT_ADDRESS, msgspec.structs.astuple(address))

    def remove_address(self, subject: bytes, address: bytes) -> None:
        self._execute("DELETE FROM addresses WHERE subject = ? AND address = ?", (subject, address))

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Address]:
        place = (after[:_SUBJECT], after[_SUBJECT:])
        return [Address(*row) for row in self._execute(_UNDER, (key_number, *place, most))]

    def key_numbers(self) -> Sequence[int]:
        return [row[0] for row in self._execute("SELECT DISTINCT key_number FROM addresses ORDER BY key_number")]

    def waiting(self, subject: bytes) -> Sequence[Notice]:
        return [_notice(row) for row in self._execute(_WAITING, (subject,))]

    def get(self, subject: bytes, notice: bytes, number: int) -> Notice | None:  # noqa: ARG002 - the rest names it
        row = self._execute(_GET, (notice, number)).get
        return None if row is None else _notice(row)

    def put(self, notice: Notice) -> None:
        delivery = notice.delivery
        fields = [*msgspec.structs.astuple(notice)]
        fields[_EVENTS], fields[_DELIVERY] = _write(notice.events), _write(delivery)
        self._execute(_PUT, (*fields, delivery.due_at, delivery.at, delivery.status.value))

    def due(self, now: Instant, most: int) -> Sequence[tuple[Notice, str]]:
        return [(_notice(row[:-1]), row[-1]) for row in self._execute(_DUE, (now, most)).fetchall()]

    def settled(self, before: Instant, most: int) -> Sequence[tuple[bytes, int]]:
        return [(row[0], row[1]) for row in self._execute(_SETTLED, (before, most)).fetchall()]

    def remove(self, notice: bytes, number: int) -> None:
        self._execute("DELETE FROM notices WHERE id = ? AND number = ?", (notice, number))

    def next_due(self) -> Instant | None:
        """When the earliest open notice is due."""
        found: Instant | None = self._execute("SELECT min(due_at) FROM notices WHERE due_at IS NOT NULL").get
        return found

    def backlog(self, now: Instant, most: int) -> int:
        """How many notices are due, counted up to ``most``."""
        query = "SELECT count(*) FROM (SELECT 1 FROM notices WHERE due_at <= ? LIMIT ?)"
        count: int = self._execute(query, (now, most)).get
        return count

    def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        """The latest notices that were sent, newest first."""
        return [(_notice(row[:-1]), row[-1]) for row in self._execute(_RECENT, (most,))]


def _notice(row: Sequence[Any]) -> Notice:
    fields = [*row]
    fields[_EVENTS], fields[_DELIVERY] = _read_events(fields[_EVENTS]), _read_delivery(fields[_DELIVERY])
    return Notice(*fields)


class SqliteNotices:
    """The store of addresses and notices. ``submit`` queues a step for the next batch, ``reader`` reads."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], reader: Callable[[], SqliteTables]) -> None:
        self._submit = submit
        self._reader = reader

    async def addresses(self, subject: bytes) -> Sequence[Address]:
        with our_words():
            return self._reader().notices.addresses(subject)

    async def tie(self, verification: Verification, *, now: Instant) -> None:
        await self._submit(steps.tie, verification, now)

    async def forget(self, subject: bytes, address: bytes | None, *, notice: bytes, now: Instant) -> int:
        gone: int = await self._submit(steps.forget, subject, address, notice, now)
        return gone

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[NoticeDue]:
        # Nearly always there is nothing, and that is found out without the write lock.
        with our_words():
            if not self._reader().notices.backlog(now, 1):
                return ()
        taken: Sequence[NoticeDue] = await self._submit(steps.take_due, now, lease, most)
        return taken

    async def settle(self, due: NoticeDue, settlement: Settlement) -> None:
        await self._submit(steps.settle_due, due, settlement)

    async def next_due(self) -> Instant | None:
        with our_words():
            return self._reader().notices.next_due()

    async def backlog(self, *, now: Instant) -> int:
        with our_words():
            return self._reader().notices.backlog(now, MOST_COUNTED)

    async def recent(self, most: int) -> Sequence[tuple[Notice, str]]:
        with our_words():
            return self._reader().notices.recent(most)

    async def key_numbers(self) -> Sequence[int]:
        with our_words():
            return self._reader().notices.key_numbers()

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Address]:
        with our_words():
            return self._reader().notices.sealed_under(key_number, after, most)

    async def reseal(self, rows: Sequence[ResealedAddress]) -> int:
        written: int = await self._submit(steps.reseal, rows)
        return written

    async def purge(self, *, now: Instant, step: int) -> int:
        with our_words():
            if not self._reader().notices.settled(now - REMEMBERED, 1):
                return 0
        purged: int = await self._submit(steps.purge, now, step)
        return purged
