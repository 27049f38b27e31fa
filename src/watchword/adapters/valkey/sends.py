"""Buckets of sends, each a key of its own, where a verb cannot reach them in the script that writes.

They are charged before, all at once, and what was not sent in the end is given back. Whoever dies in between has
charged for nothing, which makes nobody's mailbox fuller.

Failure policy: a bucket that cannot be reached refuses no email. It pays into one bucket of this process instead, and
the verification's own number of sends holds as ever. Anything but email fails closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from watchword.adapters.valkey.layout import bucket
from watchword.adapters.valkey.one import Wire
from watchword.adapters.valkey.scripts import ARRIVALS, CHARGE, REFUND
from watchword.core import limit
from watchword.core.instant import MINUTE, Instant, seconds_until
from watchword.core.limit import FRESH, Arrivals, Charge, Rate
from watchword.errors import RateLimitedError, StoreError, UnavailableError

MEANWHILE: Final = (Rate(60, MINUTE),)  # sends of one process while a bucket cannot be reached


@lru_cache
def windows(rates: tuple[Rate, ...]) -> Sequence[bytes]:
    """Count and span of two windows, as they are sent; one that is not there has no count."""
    flat = [b"%d" % number for rate in rates for number in rate]
    return flat + [b"0"] * (4 - len(flat))


class Sends:
    """Charging and giving back."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._own = FRESH

    async def charge(self, charges: Sequence[Charge], channel: str, now: Instant) -> Sequence[Charge]:
        """Charge every bucket; returns those that can be given back.

        Raises:
            RateLimitedError: a bucket is empty; the others were given back.
        """
        waits = await asyncio.gather(*(self._one(charge, channel, now) for charge in charges))
        paid = [charge for charge, (wait, reached) in zip(charges, waits, strict=True) if reached and not wait]
        longest = max((wait for wait, _ in waits), default=0)
        if longest:
            await self.give_back(paid, now)
            raise RateLimitedError(retry_after=seconds_until(now + longest, now))
        return paid

    async def read(self, key: bytes) -> Arrivals:
        """A bucket, to be looked at."""
        first, second = await self._wire.run(ARRIVALS, (bucket(key),))
        return first, second

    async def give_back(self, paid: Sequence[Charge], now: Instant) -> None:
        """Return exactly what was charged. What cannot be returned stays charged."""
        for charge in paid:
            with suppress(UnavailableError):
                await self._wire.run(REFUND, (bucket(charge.key),), now, *windows(charge.rates))

    async def _one(self, charge: Charge, channel: str, now: Instant) -> tuple[int, bool]:
        try:
            wait: int = await self._wire.run(CHARGE, (bucket(charge.key),), now, *windows(charge.rates))
        except StoreError:
            if channel != "email":
                raise
            self._own, wait = limit.send(self._own, MEANWHILE, now)
            return wait, False
        return wait, True
