"""Deliveries: what happened to a message, send by send.

A delivery is at once the outbox entry and the record of what became of it.

    queued ──▶ sent | failed | dropped | superseded
      ▲ │        └──▶ delivered | failed, where the provider of a text reports
      └─┘ another try (the reason of the last one stays readable)

Rules: a message is rendered only while it is handed to a relay, so a delivery holds no text and no address; a
repeat after an outcome nobody saw is never silent, it carries the reason ``possible_duplicate``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from watchword.core.instant import MINUTE, SECOND, Instant, Span
from watchword.core.message import TlsFacts
from watchword.core.verification import Status, Verification

NOT_OVER_A_NETWORK = "T0"
POSSIBLE_DUPLICATE = "possible_duplicate"
INTERRUPTED = "interrupted"
NOT_HANDED_OVER = "nothing was handed over"  # what a mailer that is canceled says where it is sure

_FIRST_WAIT: Span = SECOND
_LONGEST_WAIT: Span = MINUTE
USEFUL: Span = 15 * SECOND  # a code that would arrive with less than this to live is not sent any more


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"
    SUPERSEDED = "superseded"


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """One send of a verification's message, as outbox entry and record.

    ``at`` is when it last changed, ``tries`` how often it was handed over. ``due_at`` is None once it is settled.
    ``handed_over`` is set between a courier's claim and its word, so that a claim which finds it set knows that an
    earlier try ended unseen.
    """

    verification: bytes
    number: int
    at: Instant
    due_at: Instant | None
    status: DeliveryStatus = DeliveryStatus.QUEUED
    tries: int = 0
    handed_over: bool = False
    uncertain: bool = False
    transport: str = ""
    reason: str = ""
    tls: TlsFacts | None = None


class Report(StrEnum):
    """What a provider says later about a message that it took."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


class Held(Protocol):
    """What a courier holds until its lease ends, whatever it is about. ``tries`` counts this one and is the fence."""

    @property
    def tries(self) -> int:
        """How often it was handed over, this time included."""
        ...


class Due(msgspec.Struct, frozen=True, array_like=True):
    """A delivery that a courier holds until its lease ends.

    ``tries`` counts this one and is the fence: a courier that lost its lease cannot overrule the next one.
    ``uncertain`` tells that an earlier try ended unseen, so that the relay may have the message already.
    """

    verification: Verification
    app_name: str
    number: int
    tries: int
    uncertain: bool


class Settlement(msgspec.Struct, frozen=True, array_like=True):
    """What a courier found out. ``again_at`` is set exactly where ``status`` stays ``queued``."""

    status: DeliveryStatus
    at: Instant
    transport: str = ""
    reason: str = ""
    tls: TlsFacts | None = None
    again_at: Instant | None = None
    uncertain: bool = False


def settled(
    delivery: Delivery, status: DeliveryStatus, now: Instant, *, transport: str = "", reason: str = ""
) -> Delivery:
    """Close a delivery: nothing is due any more."""
    return msgspec.structs.replace(
        delivery, at=now, due_at=None, status=status, handed_over=False, transport=transport, reason=reason
    )


def not_sent(delivery: Delivery, now: Instant) -> Delivery:
    """A delivery of what is never sent, as it looks to whoever must not know."""
    return settled(delivery, DeliveryStatus.SENT, now, transport=NOT_OVER_A_NETWORK)


def claim(delivery: Delivery, verification: Verification, now: Instant, lease: Span) -> tuple[Delivery, bool]:
    """Decide what a courier does with a due delivery: the next state, and whether it is to be handed over."""
    delivery = seen(delivery)
    status = verification.status_at(now)
    if status not in {Status.PENDING, Status.EXPIRED}:
        return settled(delivery, DeliveryStatus.DROPPED, now, reason=status.value), False
    if verification.expires_at - now < USEFUL:
        return settled(delivery, DeliveryStatus.FAILED, now, reason=delivery.reason or "expired"), False
    if verification.decoy:
        return not_sent(delivery, now), False
    return taken(delivery, now, lease), True


def seen(delivery: Delivery) -> Delivery:
    """A due delivery as a courier finds it: where an earlier try ended unseen, the message may be there already."""
    return msgspec.structs.replace(delivery, uncertain=True) if delivery.handed_over else delivery


def taken(delivery: Delivery, now: Instant, lease: Span) -> Delivery:
    """A delivery that a courier takes."""
    return msgspec.structs.replace(delivery, due_at=now + lease, tries=delivery.tries + 1, handed_over=True)


def settle(delivery: Delivery, due: Held, settlement: Settlement) -> Delivery | None:
    """Take a courier's word; None where it no longer counts.

    That a message was sent always counts while the delivery is open, since it spares a repeat. Anything else
    counts only from the courier that claimed last. Where a report was faster, it adds how the message travelled.
    """
    sent = settlement.status is DeliveryStatus.SENT
    reason = settlement.reason or (POSSIBLE_DUPLICATE if sent and delivery.uncertain else "")
    if sent and delivery.status is DeliveryStatus.DELIVERED and not delivery.transport:
        return msgspec.structs.replace(delivery, transport=settlement.transport, reason=reason, tls=settlement.tls)
    if delivery.due_at is None or (due.tries != delivery.tries and not sent):
        return None
    return msgspec.structs.replace(
        delivery,
        at=settlement.at,
        due_at=settlement.again_at,
        status=settlement.status,
        handed_over=False,
        uncertain=delivery.uncertain or settlement.uncertain,
        transport=settlement.transport,
        reason=reason,
        tls=settlement.tls,
    )


def given_back(now: Instant, *, uncertain: bool) -> Settlement:
    """The word of a courier that was stopped meanwhile: whoever comes next tries again at once."""
    return Settlement(DeliveryStatus.QUEUED, now, reason=INTERRUPTED, again_at=now, uncertain=uncertain)


def heard(delivery: Delivery, report: Report, now: Instant) -> Delivery | None:
    """Take a provider's report; None where it changes nothing. That a message arrived is final.

    A provider may tell that before the courier tells that it was sent, and nobody repeats a report.
    """
    if delivery.status is DeliveryStatus.DELIVERED:
        return None
    if report is Report.DELIVERED:
        handed_over = delivery.status is DeliveryStatus.SENT or delivery.handed_over or delivery.uncertain
        if not handed_over:
            return None
        return msgspec.structs.replace(
            delivery, at=now, due_at=None, status=DeliveryStatus.DELIVERED, handed_over=False
        )
    if delivery.status is not DeliveryStatus.SENT:
        return None
    return msgspec.structs.replace(delivery, at=now, status=DeliveryStatus.FAILED, reason=report.value, uncertain=False)


def next_try(
    tries: int, expires_at: Instant, now: Instant, jitter: float, longest: Span = _LONGEST_WAIT
) -> Instant | None:
    """When to try again after ``tries`` failures, or None where the message would arrive too late to be used.

    Waits double from one second to ``longest``, one minute; ``jitter`` from 0 to 1 spreads each over half of itself, so
    that couriers do not return to a recovering relay all at once.
    """
    wait = min(longest, _FIRST_WAIT << min(tries - 1, 20))
    at = now + wait // 2 + int(wait * jitter) // 2
    return at if at + USEFUL < expires_at else None
