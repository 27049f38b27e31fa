"""The courier: takes due messages from the outbox, hands them over, tries again, gives up.

Not handled here: how a relay is spoken to (``adapters/smtp.py``), who else runs a courier (the store's leases).

Rules:

* the status is looked at in the same step that claims, and as many messages are claimed as can be handed over
  at once, so that nothing waits between the look and the relay;
* code, link and address exist only while a message is handed over;
* delivery is at least once: a courier that dies between the relay's answer and the note of it leaves a lease
  that ends, and whoever repeats the message says so (``possible_duplicate``);
* a code that would arrive with nothing left of its life is not sent.
"""

from __future__ import annotations

import asyncio

from watchword.core import ids, magic_link, particulars, passcode
from watchword.core.delivery import POSSIBLE_DUPLICATE, DeliveryStatus, Due, Settlement, next_try
from watchword.core.instant import MINUTE, SECOND, Instant, Span
from watchword.core.keyring import Keyring
from watchword.core.message import PasscodeMessage, Receipt
from watchword.core.report import write_reference
from watchword.core.verification import CODE, LINK, Verification
from watchword.errors import DeliveryError, InvalidInputError, TamperedError, UnavailableError, WatchwordError
from watchword.flows.keys import Keys
from watchword.ports import Audit, Clock, CourierStore, Entropy, Mailer

LEASE: Span = 2 * MINUTE
HAND_OVER: Span = 90 * SECOND  # below the lease, so that a slow relay is not given the message twice
ON_ITS_WAY: Span = 5 * SECOND
POLL: Span = SECOND  # how long a message written by another process may wait to be seen


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


class Courier:
    """One courier. ``run`` until cancelled; ``wake`` when a message was written; ``drain`` to work off what is due."""

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
        self._store = store
        self._mailer = mailer
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._at_once = at_once
        self._public_url = public_url
        self._under_way: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._stopping = False
        self._claiming = asyncio.Lock()

    def wake(self) -> None:
        """Say that there may be something due."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until ``stop`` is called. A store that fails is asked again; nothing is lost meanwhile."""
        while not self._stopping:
            self._news.clear()
            try:
                if not await self._take():
                    await self._rest()
            except UnavailableError as error:
                self._audit.record("courier.store_failed", detail=error.detail)
                await self._news_within(POLL)

    async def stop(self, grace: Span = 10 * SECOND) -> None:
        """Claim nothing more and finish what is being handed over, for at most ``grace``."""
        self._stopping = True
        self._news.set()
        async with self._claiming:  # what a claim under way still brings is finished as well
            under_way = set(self._under_way)
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=grace / SECOND)
            for task in late:
                task.cancel()

    async def drain(self) -> int:
        """Work off everything that is due now; returns how many messages were claimed."""
        total = 0
        while True:
            taken = await self._take()
            total += taken
            await asyncio.gather(*self._under_way)
            if not taken and (self._stopping or not await self._store.backlog(now=self._clock.now())):
                return total

    async def _take(self) -> int:
        idle = self._at_once - len(self._under_way)
        if idle <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            idle = self._at_once - len(self._under_way)
        async with self._claiming:
            if self._stopping:
                return 0
            claimed = await self._store.claim(now=self._clock.now(), lease=LEASE, most=idle)
            for due in claimed:
                task = asyncio.create_task(self._deliver(due))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            return len(claimed)

    async def _rest(self) -> None:
        """Wait for news, or until the next message is due; not at all where a step left some behind."""
        due = await self._store.next_due()
        await self._news_within(POLL if due is None else min(POLL, due - self._clock.now()))

    async def _news_within(self, span: Span) -> None:
        try:
            async with asyncio.timeout(max(0, span) / SECOND):
                await self._news.wait()
        except TimeoutError:
            return

    async def _deliver(self, due: Due) -> None:
        settlement = await self._hand_over(due)
        try:
            await self._store.settle(due, settlement)
        except UnavailableError as error:
            # The lease ends and the message is repeated, saying so: at least once.
            self._audit.record("courier.store_failed", detail=error.detail)
            return
        self._record(due, settlement)

    async def _hand_over(self, due: Due) -> Settlement:
        try:
            async with asyncio.timeout(HAND_OVER / SECOND):
                receipt = await self._send(due)
        except DeliveryError as error:
            return self._failed(due, error)
        except TimeoutError:
            return self._failed(due, DeliveryError(reason="timeout", uncertain=True))
        except (InvalidInputError, TamperedError) as error:
            return self._failed(due, DeliveryError(reason=error.code, permanent=True))
        except WatchwordError as error:
            return self._failed(due, DeliveryError(reason=error.code))
        except Exception as error:  # noqa: BLE001 - whatever it is, the delivery must be settled
            self._audit.record("courier.broke", error=type(error).__name__)
            return self._failed(due, DeliveryError(reason="internal", uncertain=True))
        reason = POSSIBLE_DUPLICATE if due.uncertain else ""
        return Settlement(DeliveryStatus.SENT, self._clock.now(), receipt.transport, reason, receipt.tls)

    async def _send(self, due: Due) -> Receipt:
        def prepare(ring: Keyring) -> tuple[str, PasscodeMessage]:
            return passcode_message(
                ring, due.verification, due.number, due.app_name, self._clock.now(), self._public_url
            )

        address, message = self._keys.with_ring(prepare)
        return await self._mailer.deliver(address, message)

    def _failed(self, due: Due, error: DeliveryError) -> Settlement:
        now = self._clock.now()
        jitter = self._entropy.draw(1)[0] / 255
        again_at = None if error.permanent else next_try(due.tries, due.verification.expires_at, now, jitter)
        status = DeliveryStatus.FAILED if again_at is None else DeliveryStatus.QUEUED
        return Settlement(status, now, reason=error.reason, again_at=again_at, uncertain=error.uncertain)

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
