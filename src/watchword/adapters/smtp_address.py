"""Where the relay is, who we are there, and the TLS we ask of it.

Not handled here: opening a connection (``smtp_connection.py``), reading the environment (``settings``).

Rules: an address is always one of the two encrypted forms; no part of a URL that cannot be read is ever shown, because
any part may be a piece of the password.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from watchword.adapters.authorities import why_useless
from watchword.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

IMPLICIT_PORT: Final = 465
STARTTLS_PORT: Final = 587
IPV6: Final = 6

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_ADDRESS_FORM = (
    "WATCHWORD_SMTP must be smtps://user:password@host or smtp+starttls://user:password@host, with an optional :port "
    "and nothing after it. Special characters in user and password are percent-encoded."
)


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """Where the relay is and who we are there. ``implicit`` tells TLS from the first byte from STARTTLS."""

    host: str
    port: int
    implicit: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> SmtpAddress:
        """Read the operator's URL.

        Raises:
            SettingsError: it is anything but ``smtps://`` or ``smtp+starttls://`` with a host. Its text holds no part
                of the URL, because any part may be a piece of the password.
        """
        try:
            address = cls._read(url)
        except ValueError:
            address = None
        if address is None:
            raise SettingsError(_ADDRESS_FORM, setting="WATCHWORD_SMTP")
        return address

    @classmethod
    def _read(cls, url: str) -> SmtpAddress | None:
        parts = urlsplit(url)
        port = {"smtps": IMPLICIT_PORT, "smtp+starttls": STARTTLS_PORT}.get(parts.scheme)
        if port is None or _UNPRINTABLE.search(url) or parts.path or "?" in url or "#" in url:
            return None
        if parts.port == 0 or parts.netloc.endswith(":") or not is_host(parts.hostname or ""):
            return None
        credentials = _credentials(parts)
        if credentials is None:
            return None
        return cls(parts.hostname or "", parts.port or port, parts.scheme == "smtps", *credentials)


def _credentials(parts: SplitResult) -> tuple[str, str] | None:
    """Decode user and password: both, or neither; None is one without the other."""
    if "@" not in parts.netloc:
        return "", ""
    user = unquote(parts.username or "", errors="strict")
    password = unquote(parts.password or "", errors="strict")
    return (user, password) if user and password and "\0" not in user + password else None


def is_host(name: str) -> bool:
    """Tell whether this is a DNS name in ASCII or an IP address."""
    try:
        return _HOST.match(name) is not None or ipaddress.ip_address(name).version == IPV6
    except ValueError:
        return False


def client_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Make the context for talking to a relay: TLS 1.2 or newer, certificate and host name verified.

    With ``ca_file`` only the authorities in that file are trusted, and none of the system's.

    Raises:
        SettingsError: the file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # includes ssl.SSLError
        detail = f"The file in WATCHWORD_SMTP_CA {why_useless(error)}."
        raise SettingsError(detail, setting="WATCHWORD_SMTP_CA") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
