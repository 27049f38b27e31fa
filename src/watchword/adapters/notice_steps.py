"""The atomic steps of confirmed addresses and notices, over any tables read and written inside one transaction.

Not handled here: what a notice is and when it goes out (``core/notice.py``). Rules: as in ``steps.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchword.core import limit
from watchword.core import notice as rules
from watchword.core.delivery import Settlement, settle
from watchword.core.instant import Instant, Span
from watchword.core.limit import Arrivals
from watchword.core.notice import Address, Happened, Kind, Notice, NoticeDue
from watchword.core.verification import Verification
from watchword.ports_notice import ResealedAddress

MOST_LOOKED_AT = 500  # due notices a step may close without handing one out


class NoticeRows(Protocol):
    """Confirmed addresses and notices. Nothing here decides anything."""

    def addresses(self, subject: bytes) -> Sequence[Address]:
        """All of a subject, longest confirmed first."""
        ...

    def put_address(self, address: Address) -> None:
        """Write an address, new or changed."""
        ...

    def remove_address(self, subject: bytes, address: bytes) -> None:
        """Remove an address."""
        ...

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Address]:
        """Addresses under a key, in order."""
        ...

    def key_numbers(self) -> Sequence[int]:
        """The keys under which any address is sealed."""
        ...

    def waiting(self, subject: bytes) -> Sequence[Notice]:
        """The open notices of a subject."""
        ...

    def get(self, subject: bytes, notice: bytes, number: int) -> Notice | None:
        """One notice to a subject."""
        ...

    def put(self, notice: Notice) -> None:
        """Write a notice, new or changed."""
        ...

    def due(self, now: Instant, most: int) -> Sequence[tuple[Notice, str]]:
        """Notices due by now, with their app's name, longest due first."""
        ...

    def settled(self, before: Instant, most: int) -> Sequence[tuple[bytes, int]]:
        """Names of notices whose delivery ended by then."""
        ...

    def remove(self, notice: bytes, number: int) -> None:
        """Remove a notice."""
        ...


class Tables(Protocol):
    """What a step reads and writes: addresses, notices, and the buckets that notices pay into."""

    @property
    def notices(self) -> NoticeRows:
        """Addresses and notices."""
        ...

    def arrivals(self, key: bytes) -> Arrivals:
        """A bucket; fresh where there is none."""
        ...

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        """Write a bucket."""
        ...


def tell(tables: Tables, happened: Happened, *, but: bytes | None = None) -> None:
    """Queue a notice to every confirmed address of a subject, in the step in which something happened.

    ``but`` is an address that is not told: it was confirmed just now, and whoever holds it knows.
    """
    # Numbered before one is left out, so that two things told in one step name each address alike.
    numbered = list(enumerate(tables.notices.addresses(happened.subject), start=1))
    told = [(number, each) for number, each in numbered if each.address != but]
    if told:
        _queue(tables, told, happened)


def _queue(tables: Tables, told: Sequence[tuple[int, Address]], happened: Happened) -> None:
    rows = tables.notices
    waiting = {each.address: each for each in rows.waiting(happened.subject) if each.takes_more}
    due_at = rules.due_at_of(list(waiting.values()))
    if due_at is None:
        due_at = _turn(tables, happened)
    for number, address in told:
        there = waiting.get(address.address)
        rows.put(rules.joined(there, happened) if there else rules.queued(address, happened, number, due_at))


def _turn(tables: Tables, happened: Happened) -> Instant:
    """When a notice may go out, charged: now, or as soon as the subject's budget has room."""
    key = rules.bucket(happened.subject)
    arrivals, wait = limit.send(tables.arrivals(key), rules.BUDGET, happened.at)
    due_at = happened.at + wait
    if wait:
        arrivals, _ = limit.send(arrivals, rules.BUDGET, due_at)
    tables.set_arrivals(key, arrivals)
    return due_at


def tie(tables: Tables, verification: Verification, now: Instant) -> None:
    """Tie the address of a verification that was approved just now to its subject, and tell the others.

    More than a subject may have are not tied: an owner must not be pushed out by whoever adds addresses.
    """
    subject = verification.subject
    if subject is None:
        return
    known = tables.notices.addresses(subject)
    is_new = all(each.address != verification.address for each in known)
    if verification.contact is not None and (not is_new or len(known) < rules.MOST_ADDRESSES):
        tables.notices.put_address(_address(verification, subject, verification.contact, now))
        if is_new:
            tell(tables, Happened(verification.id, subject, Kind.ADDRESS_ADDED, now), but=verification.address)
    if verification.purpose == "recovery":
        tell(tables, Happened(verification.id, subject, Kind.ACCOUNT_RECOVERED, now))


def _address(verification: Verification, subject: bytes, contact: bytes, now: Instant) -> Address:
    key_number = contact[0]
    return Address(subject, verification.address, verification.app, contact, key_number, verification.locale, now)


def forget(tables: Tables, subject: bytes, address: bytes | None, notice: bytes, now: Instant) -> int:
    """``NoticeStore.forget``."""
    rows = tables.notices
    gone = [each for each in rows.addresses(subject) if address in {None, each.address}]
    if gone:
        tell(tables, Happened(notice, subject, Kind.ADDRESS_REMOVED, now))
    for each in gone:
        rows.remove_address(subject, each.address)
    return len(gone)


def take_due(tables: Tables, now: Instant, lease: Span, most: int) -> list[NoticeDue]:
    """``NoticeStore.claim``."""
    taken: list[NoticeDue] = []
    looked_at = 0
    while len(taken) < most and looked_at < MOST_LOOKED_AT:
        found = tables.notices.due(now, most - len(taken))
        if not found:
            break
        looked_at += len(found)
        for notice, app_name in found:
            claimed, hand_over = rules.claim(notice, now, lease)
            tables.notices.put(claimed)
            if hand_over:
                delivery = claimed.delivery
                taken.append(NoticeDue(claimed, app_name, delivery.tries, delivery.uncertain))
    return taken


def settle_due(tables: Tables, due: NoticeDue, settlement: Settlement) -> None:
    """``NoticeStore.settle``."""
    notice = tables.notices.get(due.notice.subject, due.notice.id, due.notice.number)
    changed = notice and settle(notice.delivery, due, settlement)
    if notice and changed:
        tables.notices.put(rules.with_delivery(notice, changed))


def reseal(tables: Tables, resealed: Sequence[ResealedAddress]) -> int:
    """``NoticeStore.reseal``."""
    written = 0
    for sealed, new in resealed:
        rows = tables.notices.addresses(new.subject)
        there = next((each for each in rows if each.address == new.address), None)
        if there is not None and there.sealed == sealed:
            tables.notices.put_address(new)
            written += 1
    return written


def purge(tables: Tables, now: Instant, step: int) -> int:
    """``NoticeStore.purge``."""
    over = tables.notices.settled(now - rules.REMEMBERED, step)
    for notice, number in over:
        tables.notices.remove(notice, number)
    return len(over)
