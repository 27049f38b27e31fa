"""Buckets of sends, each a key of its own, where a verb cannot reach them in the script that writes.

They are charged before, all at once, and what was not sent in the end is given back. Whoever dies in between has
charged for nothing, which makes nobody's mailbox fuller.

Failure policy: a bucket that cannot be reached refuses no email. It pays into one bucket of this process instead
(``adapters/meanwhile.py``). Anything but email fails closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from watchword.adapters.meanwhile import Meanwhile
from watchword.adapters.valkey.layout import bucket
from watchword.adapters.valkey.one import Wire
from watchword.adapters.valkey.scripts import ARRIVALS, CHARGE, REFUND
from watchword.core import limit
from watchword.core.instant import Instant, seconds_until
from watchword.core.limit import Arrivals, Charge, Left, Rate
from watchword.errors import RateLimitedError, StoreError, UnavailableError


class Paid(NamedTuple):
    """A charge that was made and can be given back, with what its bucket became."""

    charge: Charge
    arrivals: Arrivals
    quiet: bool = False

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Those that it was charged by."""
        return self.charge.loud if self.quiet else self.charge.rates


@lru_cache
def windows(rates: tuple[Rate, ...]) -> Sequence[bytes]:
    """Count and span of two windows, as they are sent; one that is not there has no count."""
    flat = [b"%d" % number for rate in rates for number in rate]
    return flat + [b"0"] * (4 - len(flat))


class Sends:
    """Charging and giving back."""

    def __init__(self, wire: Wire, meanwhile: Meanwhile) -> None:
        self._wire = wire
        self._meanwhile = meanwhile

    async def charge(self, charges: Sequence[Charge], channel: str, now: Instant) -> Sequence[Paid]:
        """Charge every bucket; returns what can be given back.

        Raises:
            RateLimitedError: a bucket is empty; the others were given back.
        """
        found = await asyncio.gather(*(self._one(charge, channel, now) for charge in charges))
        paid = [paid for paid, wait in found if paid is not None and not wait]
        longest = max((wait for _, wait in found), default=0)
        if longest:
            await self.give_back(paid, now)
            raise RateLimitedError(retry_after=seconds_until(now + longest, now))
        return paid

    async def read(self, key: bytes) -> Arrivals:
        """A bucket, to be looked at."""
        first, second = await self._wire.run(ARRIVALS, (bucket(key),))
        return first, second

    async def give_back(self, paid: Sequence[Paid], now: Instant) -> None:
        """Return exactly what was charged. What cannot be returned stays charged."""
        for each in paid:
            with suppress(UnavailableError):
                await self._wire.run(REFUND, (bucket(each.charge.key),), now, *windows(each.rates))

    async def _one(self, charge: Charge, channel: str, now: Instant) -> tuple[Paid | None, int]:
        """What was charged, where the bucket was reached, and how long to wait."""
        loud = len(charge.loud) if charge.quiet else ""
        try:
            wait, first, second, quiet = await self._wire.run(
                CHARGE, (bucket(charge.key),), now, *windows(charge.rates), loud
            )
        except StoreError as error:
            if channel != "email":
                raise
            return None, self._meanwhile.wait(now, error)
        return Paid(charge, (first, second), bool(quiet)), wait


def left_of(paid: Sequence[Paid], now: Instant) -> Left | None:
    """``Added.left`` of what was charged."""
    return limit.left([(each.arrivals, each.charge.loud) for each in paid], now)


def is_quiet(paid: Sequence[Paid]) -> bool:
    """Whether what was charged is answered as if it were sent."""
    return any(each.quiet for each in paid)
