"""Who knows of changed SIMs, asked over HTTP: ``POST {"number": "+49…"}`` → ``{"changed_at": time or null}``.

CAMARA's *SIM Swap* API answers a richer form of the same; ten lines before it, or before an operator's own, make it
this one (docs/how-to/enable-sms.md).

Not handled here: what follows from an answer (``flows/guard.py``).
"""

from __future__ import annotations

import ssl
from datetime import datetime

import msgspec

from watchword.adapters.http_door import Door, DoorAddress
from watchword.core.instant import HOUR, SECOND, Span
from watchword.errors import DeliveryError
from watchword.ports import Clock

LATELY: Span = 72 * HOUR


class _Answer(msgspec.Struct):
    changed_at: datetime | None = None


class HttpSignals:
    """One service (``ports.NumberSignals``)."""

    def __init__(self, address: DoorAddress, tls: ssl.SSLContext, clock: Clock) -> None:
        self._door = Door(address, tls)
        self._clock = clock
        self._decode = msgspec.json.Decoder(_Answer).decode

    async def changed_lately(self, number: str) -> bool:
        """As the port says."""
        json = {"content-type": "application/json"}
        answer = await self._door.post(content=msgspec.json.encode({"number": number}), headers=json)
        try:
            changed_at = self._decode(answer.content).changed_at
            if changed_at is None:
                return False
            if changed_at.tzinfo is None:
                raise DeliveryError(reason="provider_failed")
        except msgspec.DecodeError:
            raise DeliveryError(reason="provider_failed") from None
        return self._clock.now() - int(changed_at.timestamp() * SECOND) < LATELY

    async def aclose(self) -> None:
        """Close what is kept open."""
        await self._door.aclose()
