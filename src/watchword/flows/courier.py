"""The courier: hands over the messages of verifications.

Not handled here: taking, repeating, giving up (``delivering.py``), how a relay is spoken to (``adapters/smtp.py``).

Rules:

* the status is looked at in the same step that claims;
* code, link and address exist only while a message is handed over;
* a code that would arrive with nothing left of its life is not sent.
"""

from __future__ import annotations

from watchword.core import ids, magic_link, particulars, passcode
from watchword.core.delivery import DeliveryStatus, Due, Settlement
from watchword.core.instant import MINUTE, SECOND, Instant, Span
from watchword.core.keyring import Keyring
from watchword.core.message import PasscodeMessage, Receipt
from watchword.core.report import write_reference
from watchword.core.verification import CODE, LINK, Verification
from watchword.flows.delivering import Delivering
from watchword.flows.keys import Keys
from watchword.ports import Audit, Clock, CourierStore, Entropy, Mailer

ON_ITS_WAY: Span = 5 * SECOND


def passcode_message(
    ring: Keyring, verification: Verification, number: int, app_name: str, now: Instant, public_url: str
) -> tuple[str, PasscodeMessage]:
    """Make the message of one send, and tell whom it goes to.

    ``number`` tells sends apart, so that a repeat keeps its Message-ID. Code and link token are derived here, at the
    moment the message is handed over, and nowhere else.
    """
    app, raw = verification.app, verification.id
    left = verification.expires_at - now
    methods = verification.methods
    address, kept = particulars.read(ring.open(verification.sealed, bound_to=app + raw))
    link = magic_link.link_url(public_url, raw, magic_link.derive_token(ring, app, raw)) if methods & LINK else ""
    return address, PasscodeMessage(
        key=f"{ids.to_text(ids.VERIFICATION, raw)}.{number}",
        locale=verification.locale,
        app_name=app_name,
        purpose=verification.purpose,
        code=passcode.derive_code(ring, app, raw, verification.digits) if methods & CODE else "",
        countersign=passcode.derive_watchword(ring, app, raw)[1],
        created_at=now,
        # Seconds that a message spends on its way to here are not told as a whole minute less.
        lifetime=(left + ON_ITS_WAY) // MINUTE * MINUTE or left,
        link=link,
        action=kept.action,
        channel=verification.channel,
        reference=write_reference(ring, app, raw, number) if verification.channel == "sms" else "",
    )


class Courier(Delivering[Due]):
    """One courier of verifications; how it runs is in ``Delivering``."""

    def __init__(
        self,
        store: CourierStore,
        mailer: Mailer,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        *,
        at_once: int = 8,
        public_url: str = "",
    ) -> None:
        super().__init__(store, clock, entropy, audit, at_once=at_once, longest_wait=MINUTE)
        self._mailer = mailer
        self._keys = keys
        self._public_url = public_url

    async def _send(self, due: Due) -> Receipt:
        def prepare(ring: Keyring) -> tuple[str, PasscodeMessage]:
            return passcode_message(
                ring, due.verification, due.number, due.app_name, self._clock.now(), self._public_url
            )

        address, message = self._keys.with_ring(prepare)
        return await self._mailer.deliver(address, message)

    def _expires_at(self, due: Due) -> Instant:
        return due.verification.expires_at

    def _record(self, due: Due, settlement: Settlement) -> None:
        event = {DeliveryStatus.SENT: "delivery.sent", DeliveryStatus.FAILED: "delivery.failed"}
        self._audit.record(
            event.get(settlement.status, "delivery.delayed"),
            verification=ids.to_text(ids.VERIFICATION, due.verification.id),
            number=due.number,
            tries=due.tries,
            transport=settlement.transport,
            reason=settlement.reason,
        )
