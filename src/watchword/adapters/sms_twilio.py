"""Twilio's Messages resource: one POST a text, and its signed status callbacks.

Not handled here: when it is asked (``sms.py``), the route that callbacks come to (``web/api/report.py``).

Rules: the address names the account and its token, and ``https``; a callback counts only under Twilio's signature over
the address that we gave and every parameter it sent; the answer's content is not read, because it repeats the text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from collections.abc import Sequence

from watchword.adapters.http_door import Door, DoorAddress
from watchword.core.delivery import Report
from watchword.core.instant import SECOND, Span
from watchword.core.message import Receipt
from watchword.errors import SettingsError

_SERVICE = "MG"  # how a messaging service's SID begins
_LONGEST = 36_000  # seconds that Twilio lets a message wait
_STATUSES = {"delivered": Report.DELIVERED, "undelivered": Report.UNDELIVERED, "failed": Report.UNDELIVERED}


class Twilio:
    """One account (``sms.Provider``). ``public_url`` is where its callbacks reach us."""

    name = "twilio"

    def __init__(self, address: DoorAddress, tls: ssl.SSLContext, *, sender: str, public_url: str) -> None:
        if not address.user.startswith("AC") or not address.password or not address.is_encrypted:
            detail = "WATCHWORD_SMS_TWILIO must be https://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com."
            raise SettingsError(detail, setting="WATCHWORD_SMS_TWILIO")
        self._door = Door(address, tls)
        self._sender = sender
        self._reports = f"{public_url}/v1/reports/twilio"

    async def send(self, number: str, text: str, *, reference: str, lifetime: Span) -> Receipt:
        """As the port says."""
        sender = "MessagingServiceSid" if self._sender.startswith(_SERVICE) else "From"
        answer = await self._door.post(
            f"/2010-04-01/Accounts/{self._door.address.user}/Messages.json",
            form={
                "To": number,
                sender: self._sender,
                "Body": text,
                "ValidityPeriod": str(min(lifetime // SECOND, _LONGEST)),
                "StatusCallback": f"{self._reports}/{reference}",
            },
        )
        return self._door.receipt(answer)

    def read(self, reference: str, parameters: Sequence[tuple[str, str]], signature: str) -> Report | None:
        """What a callback says; None where it says nothing that counts, or is not Twilio's."""
        signed = f"{self._reports}/{reference}" + "".join(name + value for name, value in sorted(parameters))
        mac = hmac.digest(self._door.address.password.encode(), signed.encode(), hashlib.sha1)
        if not hmac.compare_digest(base64.b64encode(mac), signature.encode()):
            return None
        return _STATUSES.get(dict(parameters).get("MessageStatus", ""))

    async def aclose(self) -> None:
        await self._door.aclose()
