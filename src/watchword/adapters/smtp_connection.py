"""One connection to the relay: where it leads, what the relay must prove first, and what is said over it.

Not handled here: keeping connections (``smtp_pool.py``) and what a message's transaction is (``smtp.py``).

Rules:

* Nothing but EHLO and STARTTLS is ever said before a verified TLS handshake (RFC 8314 section 3.3).
* What the relay said before the handshake is forgotten, and one command gets one reply: ``smtp_tap.py`` sees to it.
* Replies may echo addresses and content, so nothing of a reply but its code leaves this module.
* Closing never waits for the relay.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal, cast

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.typing import Default

from watchword.adapters.smtp_address import SmtpAddress
from watchword.adapters.smtp_tap import ReplyTap
from watchword.core.message import TlsFacts
from watchword.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GOODBYE: Final = 2.0  # seconds a relay has to answer QUIT

_AUTH_CODES: Final = frozenset({530, 534, 535, 538})  # RFC 4954 section 6: about who we are, not about the message
_REPLY_CLASS: Final = 100
_CLOSING: Final = 421
_READY: Final = 220

# Letters, digits and hyphens, and at least one dot: relays turn away names that are not fully qualified.
_FULL_NAME = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_NAMELESS: Final = "[127.0.0.1]"


def refusal(code: int, *, handed_over: bool = False) -> DeliveryError:
    """Say in our words what a reply code that is not a success means.

    Only 4xx and 5xx say that a message that was ``handed_over`` is not kept.
    """
    detail = f"The relay answered {code}."
    if code in _AUTH_CODES:
        return DeliveryError(detail, reason="auth_refused")
    match code // _REPLY_CLASS:
        case 4:
            return DeliveryError(detail, reason="relay_deferred")
        case 5:
            return DeliveryError(detail, reason="refused", permanent=True)
    return DeliveryError(
        "The relay answered something that is not SMTP.", reason="relay_garbled", uncertain=handed_over
    )


# aiosmtplib raises the last two for what it cannot read, and uvloop for a transport that was closed meanwhile.
_ESCAPES: Final = (aiosmtplib.SMTPException, OSError, ValueError, RuntimeError)

# The first row that fits any error of the chain wins, so the order matters. What ends without a full stop goes on with
# what this machine or OpenSSL says of it; the relay has no word in that.
_FAILURES: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (aiosmtplib.SMTPServerDisconnected, "connection_lost", "The relay closed the connection."),
    (ssl.SSLCertVerificationError, "tls_certificate", "The relay's certificate does not verify"),
    (ssl.SSLError, "tls_handshake", "The TLS handshake with the relay failed."),
    (TimeoutError, "timeout", "The relay did not answer in time."),
    (ConnectionAbortedError, "timeout", "The relay did not finish the TLS handshake in time."),
    (ConnectionResetError, "tls_handshake", "The relay closed the connection during the TLS handshake."),
    (OSError, "unreachable", "The relay cannot be reached"),
)


def failure(error: BaseException, *, uncertain: bool = False) -> DeliveryError:
    """Say in our words what went wrong, without a byte of what the relay said."""
    if isinstance(error, DeliveryError):
        return error
    if isinstance(error, aiosmtplib.SMTPResponseException):
        told = refusal(error.code)
        return DeliveryError(told.detail, reason=told.reason, permanent=told.permanent, uncertain=uncertain)
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None:
        chain.append(cause)
        cause = cause.__cause__
    for kind, reason, detail in _FAILURES:
        found = [link for link in chain if isinstance(link, kind)]
        if found:
            sentence = detail if detail.endswith(".") else f"{detail}{_why(found[-1])}."
            return DeliveryError(sentence, reason=reason, uncertain=uncertain)
    return DeliveryError("The relay did not behave as SMTP asks.", reason="relay_garbled", uncertain=uncertain)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f": {error.verify_message.rstrip('.')}"
    if isinstance(error, socket.gaierror):
        return f": {error.strerror}"
    number = error.errno if isinstance(error, OSError) else None
    return f": {os.strerror(number)}" if number else ""


class _Client(aiosmtplib.SMTP):
    """aiosmtplib's client, except that closing is immediate, and that a ``tap`` is told of each command.

    The original waits for the relay to say goodbye to TLS as well, which a hostile or hanging relay never does.
    """

    tap: ReplyTap | None = None

    async def call(self, address: SmtpAddress) -> None:
        """Connect and hear the greeting, through the tap. ``connect`` would keep what comes with it to answer EHLO."""
        loop = asyncio.get_running_loop()
        self.protocol = protocol = SMTPProtocol(loop)
        self.tap = tap = ReplyTap(protocol, encrypted=address.implicit)
        tls = self.tls_context if address.implicit else None
        self.transport, _ = await loop.create_connection(lambda: tap, address.host, address.port, ssl=tls)
        greeting = await protocol.read_response()
        if greeting.code != _READY:
            raise aiosmtplib.SMTPConnectResponseError(greeting.code, "")

    async def execute_command(
        self,
        *words: bytes,
        timeout: float | Literal[Default.token] | None = Default.token,  # noqa: ASYNC109 - aiosmtplib's signature
    ) -> aiosmtplib.SMTPResponse:
        if self.tap is not None:
            self.tap.expect_one_reply()
        return await super().execute_command(*words, timeout=timeout)

    def told(self, error: BaseException, *, uncertain: bool = False) -> DeliveryError:
        """Say what went wrong, as ``failure`` does. A relay that spoke unasked was hung up on, and did not hang up."""
        if self.tap is None or not self.tap.spoke_unasked:
            return failure(error, uncertain=uncertain)
        if not self.tap.encrypted:
            detail = "Somebody between here and the relay, or the relay, spoke before the TLS handshake."
            return DeliveryError(detail, reason="starttls_injection")
        if isinstance(error, aiosmtplib.SMTPServerDisconnected):
            return DeliveryError("The relay spoke unasked.", reason="relay_garbled", uncertain=uncertain)
        return failure(error, uncertain=uncertain)

    def close(self) -> None:
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()
        super().close()


class Connection:
    """A live connection to the relay, after TLS was verified and the relay knows who we are.

    ``settled`` is False while a transaction is unfinished; such a connection is never used again.
    """

    def __init__(self, client: _Client, facts: TlsFacts, *, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self.facts = facts
        self.settled = True

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed it, as far as we know."""
        return self._client.is_connected

    def offers(self, extension: str) -> bool:
        """Tell whether the relay offered this extension after the handshake."""
        return self._client.supports_extension(extension)

    async def ask(self, *words: bytes, seconds: float | None = None) -> int:
        """Send one command and return the code of its reply. A relay that answers 421 is hung up on."""
        async with self._told_apart(seconds or self._seconds):
            reply = await self._client.execute_command(*words)
        return reply.code

    async def hand_over(self, content: bytes) -> int:
        """Send the message itself, after DATA was answered with 354, and return the code of the reply, as ``ask`` does.

        Raises:
            DeliveryError: ``uncertain`` from the moment the end of the message was written, because the relay
                may have taken it before the connection broke.
        """
        protocol = self._client.protocol
        if protocol is None:
            raise failure(aiosmtplib.SMTPServerDisconnected("Connection lost"))
        if self._client.tap is not None:
            self._client.tap.expect_one_reply()
        async with self._told_apart(self._seconds):
            protocol.write(_transparent(content))
        async with self._told_apart(self._seconds, uncertain=True):
            reply = await protocol.read_response()
        if reply.code == _CLOSING:
            self.cut()
        return reply.code

    async def leave(self) -> None:
        """Say QUIT, wait a moment for the answer, and close whatever happens."""
        try:
            await self.ask(b"QUIT", seconds=GOODBYE)
        except DeliveryError:
            pass
        finally:
            self.cut()

    def cut(self) -> None:
        """Close at once, without a word."""
        self._client.close()

    @asynccontextmanager
    async def _told_apart(self, seconds: float, *, uncertain: bool = False) -> AsyncIterator[None]:
        """Turn silence and every failure of the network or of aiosmtplib into a DeliveryError without reply text."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except _ESCAPES as error:
            if isinstance(error, TimeoutError):
                self.cut()  # the answer may still come, and must not be taken for that to another command
            raise self._client.told(error, uncertain=uncertain) from None


def _transparent(content: bytes) -> bytes:
    """Write content as DATA wants it (RFC 5321 section 4.5.2).

    Every line ends in CRLF, also where the content had a bare CR or LF, so that nothing in it can end the message.
    """
    lines = (b"." + line if line.startswith(b".") else line for line in content.splitlines())
    return b"".join(line + b"\r\n" for line in lines) + b".\r\n"


async def open_connection(
    address: SmtpAddress, *, tls: ssl.SSLContext, seconds: float, client_name: str | None
) -> Connection:
    """Connect, verify, greet and authenticate, all of it within ``seconds``.

    Raises:
        DeliveryError: with the reason; never ``permanent``, because none of it is about a message.
    """
    client = _Client(
        hostname=address.host,
        port=address.port,
        use_tls=address.implicit,
        start_tls=False,  # aiosmtplib must not upgrade by itself: _upgrade watches over it
        tls_context=tls,
        local_hostname=client_name,
        timeout=None,  # asyncio.timeout sees to it: wait_for, which aiosmtplib uses, loses cancellations in Python 3.11
    )
    try:
        async with asyncio.timeout(seconds):
            return await _introduce(client, address, seconds)
    except (DeliveryError, *_ESCAPES) as error:
        told = client.told(error)
        client.close()
        raise DeliveryError(told.detail, reason=told.reason) from None
    except BaseException:
        client.close()
        raise


async def _introduce(client: _Client, address: SmtpAddress, seconds: float) -> Connection:
    await client.call(address)
    if not address.implicit:
        await _upgrade(client)
    facts = _facts(client)
    await client.ehlo()
    if address.user:
        await _authenticate(client, address)
    return Connection(client, facts, seconds=seconds)


async def _upgrade(client: _Client) -> None:
    """Bring a plaintext connection to verified TLS, or raise. Nothing learnt before survives it."""
    tap = cast("ReplyTap", client.tap)
    try:
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise DeliveryError("The relay does not offer STARTTLS.", reason="tls_unavailable")
        tap.expect_one_reply()
        await client.starttls()
        tap.encrypt()
    except (aiosmtplib.SMTPException, OSError) as error:
        if tap.spoke_unasked:
            raise
        raise _upgrade_failure(error, tap) from None


def _upgrade_failure(error: Exception, tap: ReplyTap) -> DeliveryError:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        busy = isinstance(error, aiosmtplib.SMTPHeloError) or error.code == _CLOSING
        if busy and refusal(error.code).reason == "relay_deferred":
            return refusal(error.code)
        return DeliveryError("The relay did not agree to STARTTLS.", reason="tls_unavailable")
    if isinstance(error, aiosmtplib.SMTPServerDisconnected) and tap.replied:
        return DeliveryError("The relay closed the connection during the TLS handshake.", reason="tls_handshake")
    return failure(error)


def _facts(client: _Client) -> TlsFacts:
    """Read from the connection itself what the handshake proved; a connection without TLS goes no further."""
    tls = cast("ssl.SSLObject | None", client.get_transport_info("ssl_object"))
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    cipher = tls.cipher() if tls is not None else None
    version = tls.version() if tls is not None else None
    if not certificate or cipher is None or version is None:
        raise DeliveryError("The connection to the relay is not encrypted.", reason="tls_unavailable")
    return TlsFacts(version=version, cipher=cipher[0], fingerprint=hashlib.sha256(certificate).hexdigest())


async def _authenticate(client: _Client, address: SmtpAddress) -> None:
    """Log in by the first of PLAIN and LOGIN that the relay offers, once: failed logins lock accounts."""
    try:
        if "plain" in client.server_auth_methods:
            await client.auth_plain(address.user, address.password)
        elif "login" in client.server_auth_methods:
            await client.auth_login(address.user, address.password)
        else:
            raise DeliveryError("The relay offers neither AUTH PLAIN nor AUTH LOGIN.", reason="auth_refused")
    except aiosmtplib.SMTPAuthenticationError as error:
        told = refusal(error.code)
        reason = "auth_refused" if told.permanent else told.reason
        raise DeliveryError(told.detail, reason=reason) from None


async def own_name() -> str:
    """Find the name this machine goes by, for EHLO; one without a name says an address (RFC 5321 section 4.1.3)."""
    try:
        name = await asyncio.to_thread(socket.getfqdn)
    except (OSError, UnicodeError):  # the resolver's idna codec chokes on a host name that is none
        return _NAMELESS
    return name if _FULL_NAME.fullmatch(name) else _NAMELESS
