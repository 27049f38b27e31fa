"""The relay. Without one: development mode.

Not handled here: the form of an SMTP address (``adapters/smtp_address.py``) and of a sender (``adapters/letter.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchword.errors import SettingsError
from watchword.settings.environment import Secret, path, secret
from watchword.settings.file import whole


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The relay. Without ``smtp``: development mode, where mail goes to the mailbox page."""

    smtp: Secret | None = field(default=None, repr=False)
    smtp_ca: Path | None = None
    sender: str = ""
    connections: int = 8


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
    )
