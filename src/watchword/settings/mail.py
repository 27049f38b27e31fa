"""The relay. Without one: development mode.

Not handled here: the form of an SMTP address (``adapters/smtp_address.py``) and of a sender (``adapters/letter.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchword.errors import SettingsError
from watchword.settings.environment import Secret, path, secret
from watchword.settings.file import whole

MAX_URL = 512  # characters
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The relay. Without ``smtp``: development mode, where mail goes to the mailbox page."""

    smtp: Secret | None = field(default=None, repr=False)
    smtp_ca: Path | None = None
    sender: str = ""
    connections: int = 8
    notice_url: str = ""


def read_mail(given: Mapping[str, str], file: Mapping[str, object]) -> MailSettings:
    """Read the relay, which cannot do without a sender."""
    smtp = secret(given, "WATCHWORD_SMTP")
    if smtp is not None and "WATCHWORD_MAIL_FROM" not in given:
        detail = "With a relay, WATCHWORD_MAIL_FROM must say whom mail is from, as 'Acme <codes@acme.example>'."
        raise SettingsError(detail, setting="WATCHWORD_MAIL_FROM")
    return MailSettings(
        smtp=smtp,
        smtp_ca=path(given, "WATCHWORD_SMTP_CA"),
        sender=given.get("WATCHWORD_MAIL_FROM", ""),
        connections=whole(file, "mail.connections", 8, (1, 64)),
        notice_url=_notice_url(given.get("WATCHWORD_NOTICE_URL", "")),
    )


def _notice_url(text: str) -> str:
    """The operator's page for people who did not do what a notice tells. People follow it from a mail: TLS or none."""
    if text and not (_HTTPS.fullmatch(text) and len(text) <= MAX_URL):
        detail = "This must be a complete https:// address of plain ASCII, or be left out."
        raise SettingsError(detail, setting="WATCHWORD_NOTICE_URL")
    return text
