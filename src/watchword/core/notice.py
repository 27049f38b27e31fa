"""Notices: what is told to every confirmed address of a subject when its ways in change.

Format and rules: docs/spec/notices.md.

Not handled here: wording (``locales``, ``adapters/letter.py``), which step tells what (``adapters/*_steps.py``),
sealing (``flows/notice_seal.py``).

Rules:

* an address is tied to a subject by an approved verification that named the subject, and by nothing else;
* a notice is queued in the step in which something happened, so that no crash parts the two;
* a notice holds kinds and times alone: no code, no seed, no text that anybody could choose;
* mails to a subject have a budget. What does not fit waits for its turn, and takes up whatever happens meanwhile:
  nothing is left out, and nobody can be flooded.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from watchword.core.delivery import Delivery, DeliveryStatus, seen, settled, taken
from watchword.core.instant import DAY, HOUR, Instant, Span
from watchword.core.limit import Rate

MOST_ADDRESSES = 10  # of a subject
LIFETIME: Span = DAY  # how long a relay that is down may keep a notice waiting
LONGEST_WAIT: Span = DAY // 96  # a quarter of an hour, between two tries
BUDGET = (Rate(5, HOUR), Rate(20, DAY))  # mails for one subject, to each of its addresses
REMEMBERED: Span = 2 * DAY  # a settled notice


class Kind(StrEnum):
    """What happened."""

    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    AUTHENTICATORS_LOCKED = "authenticators_locked"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    ACCOUNT_RECOVERED = "account_recovered"
    ADDRESS_ADDED = "address_added"
    ADDRESS_REMOVED = "address_removed"


class Address(msgspec.Struct, frozen=True, array_like=True):
    """A confirmed address of a subject. ``subject`` and ``address`` are keyed hashes, ``sealed`` is the address."""

    subject: bytes
    address: bytes
    app: bytes
    sealed: bytes
    key_number: int
    locale: str
    confirmed_at: Instant

    def __repr__(self) -> str:
        return f"Address(confirmed_at={self.confirmed_at})"


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One kind of thing that happened, how often, and when last."""

    kind: Kind
    at: Instant
    count: int = 1


class Happened(NamedTuple):
    """Something that a subject is to be told. ``id`` is that of the notice, should it become one."""

    id: bytes
    subject: bytes
    kind: Kind
    at: Instant


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """A notice to one address, as outbox entry and record. ``delivery`` carries its own copy of id and number."""

    id: bytes
    number: int
    app: bytes
    subject: bytes
    address: bytes
    sealed: bytes
    locale: str
    events: tuple[Event, ...]
    expires_at: Instant
    delivery: Delivery

    def __repr__(self) -> str:
        return f"Notice(events={self.events}, status={self.delivery.status.value})"

    @property
    def takes_more(self) -> bool:
        """Whether it waits for its first try, so that what happens meanwhile goes with it."""
        delivery = self.delivery
        return delivery.due_at is not None and delivery.tries == 0


class NoticeDue(NamedTuple):
    """A notice that a courier holds until its lease ends; see ``core.delivery.Due``."""

    notice: Notice
    app_name: str
    tries: int
    uncertain: bool


def bucket(subject: bytes) -> bytes:
    """The bucket that notices to a subject pay into."""
    return b"n" + subject


def queued(address: Address, happened: Happened, number: int, due_at: Instant) -> Notice:
    """A new notice to one address."""
    return Notice(
        id=happened.id,
        number=number,
        app=address.app,
        subject=address.subject,
        address=address.address,
        sealed=address.sealed,
        locale=address.locale,
        events=(Event(happened.kind, happened.at),),
        expires_at=due_at + LIFETIME,
        delivery=Delivery(happened.id, number, happened.at, due_at),
    )


def joined(notice: Notice, happened: Happened) -> Notice:
    """A waiting notice that takes up what happened meanwhile: each kind once, with how often it was."""
    before = next((each for each in notice.events if each.kind is happened.kind), None)
    count = 1 if before is None else before.count + 1
    others = tuple(each for each in notice.events if each is not before)
    return msgspec.structs.replace(notice, events=(*others, Event(happened.kind, happened.at, count)))


def claim(notice: Notice, now: Instant, lease: Span) -> tuple[Notice, bool]:
    """Decide what a courier does with a due notice: its next state, and whether it is to be handed over."""
    delivery = seen(notice.delivery)
    if now >= notice.expires_at:
        ended = settled(delivery, DeliveryStatus.FAILED, now, reason=delivery.reason or "expired")
        return with_delivery(notice, ended), False
    return with_delivery(notice, taken(delivery, now, lease)), True


def with_delivery(notice: Notice, delivery: Delivery) -> Notice:
    """The notice with another state of its delivery."""
    return msgspec.structs.replace(notice, delivery=delivery)


def due_at_of(waiting: Sequence[Notice]) -> Instant | None:
    """When what waits for a subject goes out; None where nothing does."""
    return next((each.delivery.due_at for each in waiting if each.takes_more), None)
