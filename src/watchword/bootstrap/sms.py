"""Who delivers texts, who reports about them, and who knows of changed SIMs.

Not handled here: whether there is SMS at all (``settings/sms.py``), when something is sent (``flows/courier.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from watchword.adapters.catalogue import Catalogues
from watchword.flows.report import ReadSigned, ReadStatus
from watchword.ports import Clock
from watchword.settings import Secret, Settings

if TYPE_CHECKING:
    from watchword.adapters.sms import Provider, TextMailer
    from watchword.adapters.sms_signals import HttpSignals


class Telephony(NamedTuple):
    """The parts of a service that has SMS, all None where it has none."""

    mailer: TextMailer | None = None
    signals: HttpSignals | None = None
    twilio: ReadSigned | None = None
    gateway: ReadStatus | None = None

    async def aclose(self) -> None:
        """Take leave of everybody."""
        for part in (self.mailer, self.signals):
            if part is not None:
                await part.aclose()


def telephony_of(settings: Settings, clock: Clock) -> Telephony:
    """Wire those who deliver, in the operator's order. Nothing is connected yet.

    Raises:
        SettingsError: an address or the CA file cannot be used.
    """
    rules = settings.rules.sms
    if rules is None:
        return Telephony()
    # An HTTP client is 20 ms and some megabytes that a service without SMS does not need.
    from watchword.adapters.http_door import DoorAddress, client_tls  # noqa: PLC0415
    from watchword.adapters.sms import TextMailer  # noqa: PLC0415
    from watchword.adapters.sms_gateway import Gateway, read_status  # noqa: PLC0415
    from watchword.adapters.sms_signals import HttpSignals  # noqa: PLC0415
    from watchword.adapters.sms_text import Texts  # noqa: PLC0415
    from watchword.adapters.sms_twilio import Twilio  # noqa: PLC0415

    sms, public_url = settings.sms, settings.server.public_url
    tls = client_tls(sms.ca)

    def address(given: Secret | None, setting: str) -> DoorAddress:
        return DoorAddress.parse(given.reveal() if given else "", setting)

    twilio: Twilio | None = None
    providers: list[Provider] = []
    for name in rules.providers:
        if name == "twilio":
            where = address(sms.twilio, "WATCHWORD_SMS_TWILIO")
            twilio = Twilio(where, tls, sender=rules.sender, public_url=public_url)
            providers.append(twilio)
        else:
            where = address(sms.gateway, "WATCHWORD_SMS_GATEWAY")
            form = sms.gateway_form
            providers.append(Gateway(where, tls, sender=rules.sender, public_url=public_url, form=form))
    signals = None if sms.signals is None else HttpSignals(address(sms.signals, "WATCHWORD_SMS_SIGNALS"), tls, clock)
    texts = Texts(Catalogues.load(), urlsplit(public_url).hostname or "", rules.hosts)
    return Telephony(
        TextMailer(texts, providers),
        signals,
        twilio.read if twilio else None,
        read_status if "gateway" in rules.providers else None,
    )
