"""Reports: what providers say later about texts that they took.

Not handled here: what a report changes (``core/delivery.py``), reading a provider's own form (``adapters/sms_*.py``).

Rules: a report counts only under a reference that we wrote and, where the provider signs, under its signature; what is
not known and what is not signed look the same; a report moves a delivery's record and approves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchword.core import ids
from watchword.core.delivery import Report
from watchword.core.report import read_reference
from watchword.errors import UnknownError
from watchword.flows.keys import Keys
from watchword.ports import Audit, Clock, CourierStore

Parameters = Sequence[tuple[str, str]]
ReadSigned = Callable[[str, Parameters, str], Report | None]
ReadStatus = Callable[[str], Report | None]


class Reports:
    """The flow. ``twilio`` and ``gateway`` read the forms of those who deliver; None where they do not."""

    def __init__(
        self,
        store: CourierStore,
        keys: Keys,
        clock: Clock,
        audit: Audit,
        *,
        twilio: ReadSigned | None = None,
        gateway: ReadStatus | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._audit = audit
        self._twilio = twilio
        self._gateway = gateway

    async def by_twilio(self, reference: str, parameters: Parameters, signature: str) -> None:
        """Take a status callback.

        Raises:
            UnknownError: nobody delivers through Twilio, or this is not Twilio's word about a message of ours.
            StoreError: it could not be noted.
        """
        if self._twilio is None:
            raise UnknownError
        await self._note("twilio", reference, self._twilio(reference, parameters, signature))

    async def by_gateway(self, reference: str, status: str) -> None:
        """Take a gateway's report. Raises: as ``by_twilio``."""
        if self._gateway is None:
            raise UnknownError
        await self._note("gateway", reference, self._gateway(status))

    async def _note(self, provider: str, reference: str, report: Report | None) -> None:
        app, verification, number = read_reference(self._keys.ring, reference, provider)
        if report is None:
            return  # on its way, or not signed: either way nothing is known
        if await self._store.report(app, verification, number, report, now=self._clock.now()):
            name = ids.to_text(ids.VERIFICATION, verification)
            self._audit.record("delivery.reported", verification=name, number=number, reason=report.value)
