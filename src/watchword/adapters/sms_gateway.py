"""A gateway of one's own over HTTP, in one of two forms.

``kannel``: Kannel's sendsms by POST. Text in the body and everything else in ``X-Kannel-`` headers, so that no code and
no password is in an address that a gateway writes down. Reports come back by GET with Kannel's figures.

``json``: ``{to, from, text, reference, report_url, validity}`` with Basic authentication, for anything that ten lines
can put before a provider's own API. Reports come back by GET or POST with ``status=delivered`` or ``undelivered``.

Not handled here: when it is asked (``sms.py``), the route that reports come to (``web/api/report.py``).
"""

from __future__ import annotations

import ssl

import msgspec

from watchword.adapters.http_door import Door, DoorAddress
from watchword.core.delivery import Report
from watchword.core.instant import MINUTE, SECOND, Span
from watchword.core.message import Receipt

_DELIVERED_OR_NOT = "3"  # Kannel's mask: 1 to the telephone, 2 not
_STATUSES = {
    "1": Report.DELIVERED,
    "2": Report.UNDELIVERED,
    "16": Report.UNDELIVERED,
    "delivered": Report.DELIVERED,
    "undelivered": Report.UNDELIVERED,
}


class Gateway:
    """One gateway (``sms.Provider``). ``public_url`` is where its reports reach us."""

    name = "gateway"

    def __init__(
        self, address: DoorAddress, tls: ssl.SSLContext, *, sender: str, public_url: str, form: str = "kannel"
    ) -> None:
        self._door = Door(address, tls)
        self._sender = sender
        self._reports = f"{public_url}/v1/reports/gateway"
        self._is_kannel = form == "kannel"

    async def send(self, number: str, text: str, *, reference: str, lifetime: Span) -> Receipt:
        """As the port says."""
        report_url = f"{self._reports}/{reference}"
        if not self._is_kannel:
            document = {
                "to": number,
                "from": self._sender,
                "text": text,
                "reference": reference,
                "report_url": report_url,
                "validity": lifetime // SECOND,
            }
            json = {"content-type": "application/json"}
            return self._door.receipt(await self._door.post(content=msgspec.json.encode(document), headers=json))
        headers = {
            "content-type": "text/plain",
            "x-kannel-username": self._door.address.user,
            "x-kannel-password": self._door.address.password,
            "x-kannel-to": number,
            "x-kannel-from": self._sender,
            "x-kannel-charset": "UTF-8",
            "x-kannel-coding": "0",
            "x-kannel-validity": str(max(1, lifetime // MINUTE)),
            "x-kannel-dlr-mask": _DELIVERED_OR_NOT,
            "x-kannel-dlr-url": f"{report_url}?status=%d",
        }
        answer = await self._door.post(content=text.encode(), headers=headers, authorize=False)
        return self._door.receipt(answer)

    async def aclose(self) -> None:
        await self._door.aclose()


def read_status(status: str) -> Report | None:
    """What a gateway's status means; None for what is on its way."""
    return _STATUSES.get(status)
