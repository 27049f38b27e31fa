"""What the relay says: one reply to each command, and a connection that ends at the first byte more.

aiosmtplib keeps what comes with a reply, or with the greeting, and takes it for the answer to the next command, which
may be about another message; and before a TLS handshake it only discards what nobody asked for.

Not handled here: what a reply means, and how long it may take (``smtp_connection.py``).

Rules:

* A reply is passed on once it is whole, and each of its lines is looked at once: aiosmtplib would begin again at the
  first with each piece that arrives.
* Bytes that nobody asked for end the connection. What they came with counts over TLS only: without it, who can add
  bytes can have written the reply (RFC 3207 section 4.2, CVE-2011-0411).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

import aiosmtplib
from aiosmtplib.protocol import MAX_RESPONSE_LENGTH

if TYPE_CHECKING:
    from aiosmtplib.protocol import SMTPProtocol

_MORE_LINES: Final = b"-"  # where a reply goes on, this follows the code (RFC 5321 section 4.2)


class ReplyTap(asyncio.Protocol):
    """Sits before aiosmtplib from the first byte on. To begin with, the greeting is expected."""

    def __init__(self, protocol: SMTPProtocol, *, encrypted: bool) -> None:
        self._protocol = protocol
        self._seen = bytearray()
        self._line = 0
        self.encrypted = encrypted
        self.replied = False
        self.spoke_unasked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def encrypt(self) -> None:
        """Go on over TLS, after a handshake that aiosmtplib made and kept for itself."""
        if self._transport is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self._transport.set_protocol(self)
        self.encrypted = True

    def expect_one_reply(self) -> None:
        """Call before each command: from here on exactly one reply may arrive."""
        self._seen.clear()
        self._line = 0
        self.replied = False

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if not self.replied:
            end = self._end_of_reply()
            if not end:
                return
            self.replied = True
            if self.encrypted or end == len(self._seen):
                self._protocol.data_received(bytes(self._seen[:end]))
            del self._seen[:end]
        if self._seen:
            self._seen.clear()
            self.spoke_unasked = True
            if self._transport is not None:
                self._transport.abort()

    def eof_received(self) -> bool:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    @property
    def _transport(self) -> asyncio.Transport | None:
        """aiosmtplib's, which it lets go of at the end: one kept here is a circle that waits for the collector."""
        return cast("asyncio.Transport | None", self._protocol.transport)

    def _end_of_reply(self) -> int:
        """Return where the reply ends, or 0 while it does not. What aiosmtplib cannot read is the end, too."""
        while end := self._seen.find(b"\n", self._line) + 1:
            line = self._seen[self._line : end]
            self._line = end
            if line[3:4] != _MORE_LINES or not line[:3].isdigit():
                return end
        return len(self._seen) if len(self._seen) > MAX_RESPONSE_LENGTH else 0
