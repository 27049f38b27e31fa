"""Delivering: take what is due from an outbox, hand it over, try again, give up.

Not handled here: what the messages are (``courier.py``, ``notice_courier.py``), how a relay is spoken to
(``adapters/smtp.py``), who else delivers (the store's leases).

Rules:

* as many messages are claimed as can be handed over at once, so that nothing waits between the look and the relay;
* delivery is at least once: a courier that dies between the relay's answer and the note of it leaves a lease
  that ends, and whoever repeats the message says so (``possible_duplicate``);
* one that is stopped gives back what it could not finish: nobody waits for its lease, and where the mailer is sure that
  nothing was handed over, nobody is told of a duplicate.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from watchword.core.delivery import (
    NOT_HANDED_OVER,
    POSSIBLE_DUPLICATE,
    DeliveryStatus,
    Settlement,
    given_back,
    next_try,
)
from watchword.core.instant import MINUTE, SECOND, Instant, Span
from watchword.core.message import Receipt
from watchword.errors import DeliveryError, InvalidInputError, TamperedError, UnavailableError, WatchwordError
from watchword.ports import Audit, Clock, Entropy

LEASE: Span = 2 * MINUTE
HAND_OVER: Span = 90 * SECOND  # below the lease, so that a slow relay is not given the message twice
GIVING_BACK: Span = SECOND  # the end of a stop's grace, for writing down what could not be finished
POLL: Span = SECOND  # how long a message written by another process may wait to be seen


class Claimed(Protocol):
    """A message that is held until a lease ends."""

    @property
    def tries(self) -> int:
        """How often it was handed over, this time included."""
        ...

    @property
    def uncertain(self) -> bool:
        """Whether an earlier try ended unseen."""
        ...


Held = TypeVar("Held", bound=Claimed)


class Outbox(Protocol[Held]):
    """What ``ports.CourierStore`` and ``ports_notice.NoticeStore`` have in common."""

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[Held]:
        """Take due messages."""
        ...

    async def settle(self, due: Held, settlement: Settlement) -> None:
        """Write what became of one."""
        ...

    async def next_due(self) -> Instant | None:
        """When the next one is due."""
        ...

    async def backlog(self, *, now: Instant) -> int:
        """How many are due."""
        ...


class Delivering(ABC, Generic[Held]):
    """``run`` until cancelled; ``wake`` when a message was written; ``drain`` to work off what is due."""

    def __init__(
        self, outbox: Outbox[Held], clock: Clock, entropy: Entropy, audit: Audit, *, at_once: int, longest_wait: Span
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._at_once = at_once
        self._longest_wait = longest_wait
        self._under_way: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._stopping = False
        self._claiming = asyncio.Lock()

    @abstractmethod
    async def _send(self, due: Held) -> Receipt:
        """Make the message and hand it over. It exists only meanwhile."""

    @abstractmethod
    def _expires_at(self, due: Held) -> Instant:
        """Until when there is a point in trying again."""

    @abstractmethod
    def _record(self, due: Held, settlement: Settlement) -> None:
        """Write down what became of it."""

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
        """Claim nothing more, finish what is being handed over and give back the rest, within ``grace``."""
        self._stopping = True
        self._news.set()
        loop = asyncio.get_running_loop()
        until = loop.time() + (grace - GIVING_BACK) / SECOND
        with suppress(TimeoutError):  # of a store that does not answer nothing is to be had; the lease keeps the rest
            async with asyncio.timeout_at(until), self._claiming:
                pass  # what a claim under way still brings is finished as well
        under_way = set(self._under_way)
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=max(0, until - loop.time()))
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=GIVING_BACK / SECOND)

    async def drain(self) -> int:
        """Work off everything that is due now; returns how many messages were claimed."""
        total = 0
        while True:
            taken = await self._take()
            total += taken
            await asyncio.gather(*self._under_way)
            if not taken and (self._stopping or not await self._outbox.backlog(now=self._clock.now())):
                return total

    async def _take(self) -> int:
        idle = self._at_once - len(self._under_way)
        if idle <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            idle = self._at_once - len(self._under_way)
        async with self._claiming:
            if self._stopping:
                return 0
            claimed = await self._outbox.claim(now=self._clock.now(), lease=LEASE, most=idle)
            for due in claimed:
                task = asyncio.create_task(self._deliver(due))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            return len(claimed)

    async def _rest(self) -> None:
        """Wait for news, or until the next message is due; not at all where a step left some behind."""
        due = await self._outbox.next_due()
        await self._news_within(POLL if due is None else min(POLL, due - self._clock.now()))

    async def _news_within(self, span: Span) -> None:
        try:
            async with asyncio.timeout(max(0, span) / SECOND):
                await self._news.wait()
        except TimeoutError:
            return

    async def _deliver(self, due: Held) -> None:
        try:
            settlement = await self._hand_over(due)
        except asyncio.CancelledError as error:  # ``stop`` waits for what follows
            settlement = given_back(self._clock.now(), uncertain=_may_be_there(error))
        try:
            await self._outbox.settle(due, settlement)
        except UnavailableError as error:
            # The lease ends and the message is repeated, saying so: at least once.
            self._audit.record("courier.store_failed", detail=error.detail)
            return
        self._record(due, settlement)

    async def _hand_over(self, due: Held) -> Settlement:
        try:
            async with asyncio.timeout(HAND_OVER / SECOND):
                receipt = await self._send(due)
        except DeliveryError as error:
            return self._failed(due, error)
        except TimeoutError as error:  # its context is what was canceled; Python 3.11.2 names no cause
            return self._failed(due, DeliveryError(reason="timeout", uncertain=_may_be_there(error.__context__)))
        except (InvalidInputError, TamperedError) as error:
            return self._failed(due, DeliveryError(reason=error.code, permanent=True))
        except WatchwordError as error:
            return self._failed(due, DeliveryError(reason=error.code))
        except Exception as error:  # noqa: BLE001 - whatever it is, the delivery must be settled
            self._audit.record("courier.broke", error=type(error).__name__)
            return self._failed(due, DeliveryError(reason="internal", uncertain=True))
        reason = POSSIBLE_DUPLICATE if due.uncertain else ""
        return Settlement(DeliveryStatus.SENT, self._clock.now(), receipt.transport, reason, receipt.tls)

    def _failed(self, due: Held, error: DeliveryError) -> Settlement:
        now = self._clock.now()
        jitter = self._entropy.draw(1)[0] / 255
        again_at = None
        if not error.permanent:
            again_at = next_try(due.tries, self._expires_at(due), now, jitter, self._longest_wait)
        status = DeliveryStatus.FAILED if again_at is None else DeliveryStatus.QUEUED
        return Settlement(status, now, reason=error.reason, again_at=again_at, uncertain=error.uncertain)


def _may_be_there(canceled: BaseException | None) -> bool:
    """Whether a mailer that was canceled may have handed the message over, which it may unless it says otherwise."""
    return canceled is None or NOT_HANDED_OVER not in canceled.args
