"""The courier of notices: hands over what is told to the confirmed addresses of subjects.

Not handled here: taking, repeating, giving up (``delivering.py``), what is told (``core/notice.py``).

Rule: the address exists only while a notice is handed over; a notice holds nothing else that is secret.
"""

from __future__ import annotations

from watchword.core import ids
from watchword.core.delivery import DeliveryStatus, Settlement
from watchword.core.instant import Instant
from watchword.core.keyring import Keyring
from watchword.core.message import NoticeLine, NoticeMessage, Receipt
from watchword.core.notice import LONGEST_WAIT, Notice, NoticeDue
from watchword.flows.delivering import Delivering
from watchword.flows.keys import Keys
from watchword.flows.notice_seal import open_contact
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_notice import NoticeMailer, NoticeStore

AT_ONCE = 2  # notices under way: they must not take the relay from those who wait for a code


def notice_message(notice: Notice, app_name: str, now: Instant) -> NoticeMessage:
    """Make the message of a notice, as a repeat would make it."""
    return NoticeMessage(
        key=f"{ids.to_text(ids.NOTICE, notice.id)}.{notice.number}",
        locale=notice.locale,
        app_name=app_name,
        lines=tuple(NoticeLine(event.kind.value, event.at, event.count) for event in notice.events),
        created_at=now,
    )


def notice_address(ring: Keyring, notice: Notice) -> str:
    """The address a notice goes to. Raises: ``notice_seal.open_contact``."""
    return open_contact(ring, notice.app, notice.subject, notice.sealed)


class NoticeCourier(Delivering[NoticeDue]):
    """One courier of notices; how it runs is in ``Delivering``."""

    def __init__(
        self,
        store: NoticeStore,
        mailer: NoticeMailer,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        super().__init__(store, clock, entropy, audit, at_once=at_once, longest_wait=LONGEST_WAIT)
        self._mailer = mailer
        self._keys = keys

    async def _send(self, due: NoticeDue) -> Receipt:
        address = self._keys.with_ring(lambda ring: notice_address(ring, due.notice))
        return await self._mailer.notify(address, notice_message(due.notice, due.app_name, self._clock.now()))

    def _expires_at(self, due: NoticeDue) -> Instant:
        return due.notice.expires_at

    def _record(self, due: NoticeDue, settlement: Settlement) -> None:
        event = {DeliveryStatus.SENT: "notice.sent", DeliveryStatus.FAILED: "notice.failed"}
        self._audit.record(
            event.get(settlement.status, "notice.delayed"),
            notice=ids.to_text(ids.NOTICE, due.notice.id),
            app=ids.app_text(due.notice.app),
            number=due.notice.number,
            kinds=[each.kind.value for each in due.notice.events],
            tries=due.tries,
            transport=settlement.transport,
            reason=settlement.reason,
        )
