"""Messages as data: what a message says, before anybody decides how it looks.

Not handled here: wording and layout (``locales/*.toml`` and ``adapters/letter.py``), delivery
(``adapters/smtp.py``, ``adapters/mailbox.py``).

Rules: every field is typed and allow-listed; nothing here is free text from whoever asked for the message
(OWASP Forgot Password, standards D1). Code and link are the only secrets and are hidden from ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watchword.core.instant import Instant, Span

MAX_APP_NAME = 40  # characters; longer names are refused when the app is created
MAX_ADDRESS = 254  # octets, RFC 5321 section 4.5.3.1.3 less the angle brackets


@dataclass(frozen=True, slots=True)
class PasscodeMessage:
    """One passcode message: a code, a link, or both.

    ``key`` is stable across retries of the same send, so a repeat has the same Message-ID. ``action`` is the sentence
    of what is approved, made by us (``core/action.py``). ``reference`` is how the provider of a text names it later.
    """

    key: str
    locale: str
    app_name: str
    purpose: str
    code: str = field(repr=False)
    countersign: str
    created_at: Instant
    lifetime: Span
    link: str = field(repr=False, default="")
    action: str = field(repr=False, default="")
    channel: str = "email"
    reference: str = ""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a TLS handshake proved. ``fingerprint`` is the SHA-256 of the relay's certificate in hex."""

    version: str
    cipher: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a message was taken, and the transport level that was proven (design section 2: T0, T1).

    ``relay`` is the host that took it, '' where none did.
    """

    transport: str
    relay: str = ""
    tls: TlsFacts | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A rendered message, ready for a relay. ``content`` is RFC 5322 text with CRLF line ends."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)
