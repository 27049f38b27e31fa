"""The relay and whom mail is from.

Not handled here: when something is sent (``flows/courier.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchword.adapters.catalogue import Catalogues
from watchword.adapters.channels import Channels
from watchword.adapters.letter import Letters, MailFrom
from watchword.adapters.mailbox import DevelopmentMailbox
from watchword.adapters.post import Post
from watchword.ports import Mailer
from watchword.settings import Settings

if TYPE_CHECKING:
    from watchword.adapters.smtp import SmtpRelay

DEVELOPMENT_SENDER = "Watchword <codes@development.invalid>"


def letters_of(settings: Settings) -> Letters:
    """What messages look like, and whom they are from.

    Raises:
        SettingsError: the sender or a language file cannot be used.
    """
    return Letters(MailFrom.parse(settings.mail.sender or DEVELOPMENT_SENDER), Catalogues.load())


def mailer_of(letters: Letters, relay: SmtpRelay | None, texts: Mailer | None = None) -> Mailer:
    """Letters by the relay; without one they are kept for the mailbox page. Texts where there are any."""
    post: Mailer = Post(letters, relay) if relay else DevelopmentMailbox()
    return post if texts is None else Channels({"email": post, "sms": texts})


def open_relay(settings: Settings) -> SmtpRelay | None:
    """Wire the relay, None in development mode. It connects when something is sent.

    Raises:
        SettingsError: address, sender or CA file cannot be used.
    """
    if settings.mail.smtp is None:
        return None
    from watchword.adapters.smtp import SmtpAddress, SmtpRelay, client_tls  # noqa: PLC0415 (not in development mode)

    return SmtpRelay(
        SmtpAddress.parse(settings.mail.smtp.reveal()),
        tls=client_tls(settings.mail.smtp_ca),
        max_connections=settings.mail.connections,
    )
