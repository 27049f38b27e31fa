"""When to leave a relay alone: after it refused us, or could not prove who it is.

Not handled here: when a message is tried again, and relays that are down or busy (``flows/courier.py``).

Rules:

* An operator must act on each of ``BREAKING``; until then every further connection is one more failed login, and
  failed logins lock accounts. So the circuit breaks: nothing is said to the relay for 5 s, and twice as long each
  time up to a minute, well below the life of a code.
* While it is not known that the relay takes us, one connection is tried at a time, and what it finds counts for all
  who wait. That holds for the first connection of all and for the first after a pause.
* Time is monotonic and given; there is no wall clock here.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from watchword.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from watchword.adapters.smtp_connection import Connection

BREAKING: Final = frozenset(
    {"auth_refused", "tls_certificate", "tls_handshake", "tls_unavailable", "starttls_injection"}
)
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
TRUST: Final = 30.0  # seconds for which one connection that was opened speaks for others


class Circuit:
    """Stands between senders and new connections to one relay. ``now`` is seconds of any monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._broken: DeliveryError | None = None
        self._pause = 0.0
        self._until = -math.inf
        self._trusted_until = -math.inf
        self._turn = asyncio.Lock()

    def demand(self) -> None:
        """Say at once what broke the circuit, while it is broken.

        Raises:
            DeliveryError: with the reason of the failure that broke it.
        """
        if self._broken is not None and self._now() < self._until:
            raise DeliveryError(f"{self._broken.detail} It is left alone for a while.", reason=self._broken.reason)

    async def connect(self, open_new: Callable[[], Awaitable[Connection]]) -> Connection:
        """Open a connection, alone where nobody knows yet how that ends.

        Raises:
            DeliveryError: what ``open_new`` raised, for this caller or for the one who was waited for.
        """
        self.demand()
        if not self._trusted:
            async with self._turn:
                self.demand()
                if not self._trusted:
                    return await self._try(open_new)
        return await self._try(open_new)

    def failed(self, error: DeliveryError) -> None:
        """Note how sending ended. What was under way when the circuit broke does not lengthen the pause."""
        if error.reason not in BREAKING or self._now() < self._until:
            return
        self._broken = error
        self._pause = min(LONGEST_PAUSE, 2 * self._pause) or FIRST_PAUSE
        self._until = self._now() + self._pause
        self._trusted_until = -math.inf

    def succeeded(self) -> None:
        """Note that a message was taken over a new connection. One that is older proves nothing about new ones."""
        if self._now() >= self._until:
            self._broken, self._pause = None, 0.0

    @property
    def _trusted(self) -> bool:
        return self._now() < self._trusted_until

    async def _try(self, open_new: Callable[[], Awaitable[Connection]]) -> Connection:
        try:
            connection = await open_new()
        except DeliveryError as error:
            if error.reason not in BREAKING:  # a relay that is away locks nobody out: all may find that out at once
                self._trust()
            self.failed(error)
            raise
        self._trust()
        return connection

    def _trust(self) -> None:
        if self._now() >= self._until:
            self._trusted_until = self._now() + TRUST
