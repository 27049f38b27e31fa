"""Hand messages to one relay, over TLS that was verified or not at all.

The only ways out are a Receipt, which records what the handshake proved (transport level T1), and a DeliveryError:

    tls_unavailable       no STARTTLS on offer, or it was refused (but for 421); nothing else was said
    tls_certificate       the certificate does not verify, for this host, today
    tls_handshake         no common TLS version, or the handshake broke
    starttls_injection    bytes before the handshake that nobody asked for
    auth_refused          the relay does not know us, or wants us to log in
    unreachable           no such host, nobody listens, no route
    timeout               no answer in time                         uncertain after the end of DATA
    connection_lost       the relay hung up                         uncertain after the end of DATA
    relay_garbled         what is not SMTP, or was not asked for    uncertain after the end of DATA
    relay_deferred        4xx
    refused               5xx                                       permanent for MAIL, RCPT and DATA
    smtputf8_unavailable  a non-ASCII address, a relay without it   permanent
    8bitmime_unavailable  8-bit content, a relay without it         permanent
    unsendable            an address that is not one SMTP argument  permanent

After one of the first five the relay is left alone for a while, and whoever sends is told the same reason at once;
not where it had accepted MAIL, because then it refused one recipient or message.

Not handled here: what the message says (``letter.py``), when to try again (``flows/courier.py``), opening
(``smtp_connection.py``) and keeping (``smtp_pool.py``) connections, how long a while is (``smtp_circuit.py``).

Rules: nothing is tried twice once the relay accepted MAIL. No error carries an address, content or password, nor what
the relay said beyond its code.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Final

from watchword.adapters.smtp_address import SmtpAddress, client_tls
from watchword.adapters.smtp_circuit import Circuit
from watchword.adapters.smtp_connection import Connection, open_connection, own_name, refusal
from watchword.adapters.smtp_pool import ConnectionPool, Loan
from watchword.core.delivery import NOT_HANDED_OVER
from watchword.core.message import Envelope, Receipt
from watchword.core.recipient import is_sendable
from watchword.errors import DeliveryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchword.core.message import TlsFacts

__all__ = ["SmtpAddress", "SmtpRelay", "client_tls"]

_OK: Final = 250
_WILL_FORWARD: Final = 251
_START_INPUT: Final = 354


class SmtpRelay:
    """The mailer that talks to one relay. Safe to share by all tasks of one event loop.

    ``timeout`` is what opening a connection may take, and each answer after that; ``idle`` is how long an unused
    connection is kept and ``recheck_after`` how long it is trusted unasked, all in seconds. ``client_name`` is said in
    EHLO and ends up in the message's Received field; None is this machine's own name. ``now`` is a monotonic clock.
    """

    def __init__(
        self,
        address: SmtpAddress,
        *,
        tls: ssl.SSLContext,
        max_connections: int = 8,
        timeout: float = 20.0,
        idle: float = 30.0,
        recheck_after: float = 3.0,
        client_name: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        _demand_verification(tls)
        self._address = address
        self._tls = tls
        self._timeout = timeout
        self._client_name = client_name
        self._pool = ConnectionPool(
            self._open, Circuit(now), size=max_connections, idle=idle, recheck_after=recheck_after
        )

    @property
    def place(self) -> str:
        """Where the relay is, for an operator: host and port."""
        return f"{self._address.host}:{self._address.port}"

    async def send(self, envelope: Envelope) -> Receipt:
        """Hand over one message.

        Raises:
            DeliveryError: the relay did not take it; ``uncertain`` where it may have.
            CancelledError: with ``NOT_HANDED_OVER`` as its argument up to the answer to DATA.
        """
        sender, recipient = _path(envelope.sender), _path(envelope.recipient)
        handed_over = False
        try:
            async with self._pool.lend() as loan:
                options = _options(loan.connection, envelope)
                await _begin(loan, b"FROM:" + sender, options)
                loan.accepted = True
                await _announce(loan.connection, b"TO:" + recipient)
                handed_over = True
                await _hand_over(loan.connection, envelope.content)
                return self._receipt(loan.connection.facts)
        except asyncio.CancelledError:
            if handed_over:
                raise
            raise asyncio.CancelledError(NOT_HANDED_OVER) from None

    async def ping(self) -> Receipt:
        """Open a new connection, prove all that sending would prove, and send nothing.

        It is for a person who asks: a relay that is left alone is asked as well.

        Raises:
            DeliveryError: what ``send`` would raise before it comes to a message.
        """
        async with self._pool.lend_new() as connection:
            connection.settled = False
            code = await connection.ask(b"NOOP")
            if code != _OK:
                raise _not_permanent(refusal(code))
            connection.settled = True
            return self._receipt(connection.facts)

    async def aclose(self) -> None:
        """Leave the relay politely."""
        await self._pool.aclose()

    async def _open(self) -> Connection:
        if self._client_name is None:
            self._client_name = await own_name()
        return await open_connection(self._address, tls=self._tls, seconds=self._timeout, client_name=self._client_name)

    def _receipt(self, facts: TlsFacts) -> Receipt:
        return Receipt(transport="T1", relay=self._address.host, tls=facts)


def _demand_verification(tls: ssl.SSLContext) -> None:
    """Refuse a context that would accept any certificate, or TLS before 1.2."""
    verifies = tls.verify_mode is ssl.CERT_REQUIRED and tls.check_hostname
    if not verifies or tls.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise SettingsError(
            "The relay's certificate must be verified, over TLS 1.2 or newer.", setting="WATCHWORD_SMTP"
        )


def _path(address: str) -> bytes:
    """Write an address as one SMTP argument, exactly as it was given.

    aiosmtplib's own MAIL and RCPT run it through ``email.utils.parseaddr`` first, which may find another address in it.
    """
    if not is_sendable(address):
        raise DeliveryError("An address cannot be written in SMTP.", reason="unsendable", permanent=True)
    return b"<" + address.encode() + b">"


def _options(connection: Connection, envelope: Envelope) -> tuple[bytes, ...]:
    """Choose the parameters of MAIL, or refuse what this relay cannot carry."""
    options: list[bytes] = []
    if not envelope.content.isascii():
        if not connection.offers("8BITMIME"):
            raise DeliveryError("The relay takes no 8-bit content.", reason="8bitmime_unavailable", permanent=True)
        options.append(b"BODY=8BITMIME")
    if not (envelope.sender + envelope.recipient).isascii():
        if not connection.offers("SMTPUTF8"):
            raise DeliveryError("The relay takes ASCII addresses only.", reason="smtputf8_unavailable", permanent=True)
        options.append(b"SMTPUTF8")
    return tuple(options)


async def _begin(loan: Loan, sender: bytes, options: tuple[bytes, ...]) -> None:
    """Say MAIL. A kept connection that turns out to be dead is replaced, once: nothing was accepted over it."""
    try:
        await _say(loan.connection, b"MAIL", sender, *options)
    except DeliveryError:
        if not loan.reused or loan.connection.is_open:
            raise
        await loan.replace()
        await _say(loan.connection, b"MAIL", sender, *options)


async def _announce(connection: Connection, recipient: bytes) -> None:
    """Say RCPT and DATA."""
    await _say(connection, b"RCPT", recipient, expect=(_OK, _WILL_FORWARD))
    await _say(connection, b"DATA", expect=(_START_INPUT,))


async def _hand_over(connection: Connection, content: bytes) -> None:
    """Say the message itself."""
    code = await connection.hand_over(content)
    if code != _OK:
        await _give_up(connection, refusal(code, handed_over=True))
    connection.settled = True


async def _say(connection: Connection, *words: bytes, expect: tuple[int, ...] = (_OK,)) -> None:
    """Say one command of a transaction and raise unless the reply is an expected one."""
    connection.settled = False
    code = await connection.ask(*words)
    if code not in expect:
        await _give_up(connection, refusal(code))


async def _give_up(connection: Connection, error: DeliveryError) -> None:
    """Raise what the relay meant, after the transaction was reset, so that the connection serves the next message."""
    if connection.is_open and error.reason != "relay_garbled":
        try:
            connection.settled = await connection.ask(b"RSET") == _OK
        except DeliveryError:
            connection.settled = False
    raise error


def _not_permanent(error: DeliveryError) -> DeliveryError:
    return DeliveryError(error.detail, reason=error.reason)
