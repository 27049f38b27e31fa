"""A well-behaved relay on a loopback port, inside the running event loop, and the book that every relay keeps.

``recording_relay`` is aiosmtpd over TLS. Relays that lie, hang, hang up or inject are in ``hostile_relays.py``. All of
them are async context managers that leave no task and no socket behind.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as ReceivedEnvelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_PATIENCE = 60.0  # seconds until a test that waits for something is wrong


@dataclass(frozen=True)
class Delivered:
    """One message as it arrived."""

    sender: str
    recipient: str
    content: bytes
    encrypted: bool


class Relay:
    """What a relay saw, and how to reach it.

    ``verbs`` holds every command in order and ``plaintext_verbs`` those that came without TLS; a message's final dot
    counts as the verb ``"."``.
    """

    def __init__(self, *, implicit: bool) -> None:
        self.implicit = implicit
        self.port = 0
        self.verbs: list[str] = []
        self.plaintext_verbs: list[str] = []
        self.lines: list[bytes] = []
        self.messages: list[Delivered] = []
        self.opened = 0
        self.live = 0
        self.most_live = 0
        self._changed = asyncio.Event()

    def url(self, user: str = "", password: str = "", host: str = "localhost") -> str:
        """Write WATCHWORD_SMTP for this relay."""
        who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"{'smtps' if self.implicit else 'smtp+starttls'}://{who}{host}:{self.port}"

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of this relay."""
        async with asyncio.timeout(_PATIENCE):
            while not holds():
                await self._changed.wait()

    def saw(self, verb: str, line: bytes = b"", *, encrypted: bool) -> None:
        """Note one command."""
        self.verbs.append(verb)
        self.lines.append(line)
        if not encrypted:
            self.plaintext_verbs.append(verb)
        self._wake()

    def took(self, message: Delivered) -> None:
        """Note one message."""
        self.messages.append(message)
        self._wake()

    def came(self) -> None:
        """Note a new connection."""
        self.opened += 1
        self.live += 1
        self.most_live = max(self.most_live, self.live)
        self._wake()

    def went(self) -> None:
        """Note the end of a connection."""
        self.live -= 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@asynccontextmanager
async def recording_relay(
    tls: ssl.SSLContext, *, implicit: bool = True, login: tuple[str, str] | None = None, smtputf8: bool = True
) -> AsyncIterator[Relay]:
    """Run a relay that takes everything, and with ``login`` only from that user."""
    relay = Relay(implicit=implicit)
    sessions: list[_Session] = []

    def session() -> _Session:
        sessions.append(_Session(relay, tls, login=login, smtputf8=smtputf8))
        return sessions[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if implicit else None)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for each in sessions:
            each.abort()
        await relay.until(lambda: relay.live == 0)
        await asyncio.gather(*(each.task for each in sessions if each.task is not None), return_exceptions=True)
        await server.wait_closed()


class _Session(SMTP):
    """aiosmtpd's server protocol, keeping book in a Relay."""

    def __init__(self, relay: Relay, tls: ssl.SSLContext, *, login: tuple[str, str] | None, smtputf8: bool) -> None:
        self._relay = relay
        self._login = login
        self._counted = False
        self.task: asyncio.Task[None] | None = None
        super().__init__(
            self,
            hostname="relay.test",
            ident="recording",
            enable_SMTPUTF8=smtputf8,
            tls_context=None if relay.implicit else tls,
            require_starttls=not relay.implicit,
            auth_require_tls=not relay.implicit,
            authenticator=self._knows,
            loop=asyncio.get_running_loop(),
        )
        # Set afterwards: aiosmtpd does not know that an implicit-TLS connection is encrypted, and would warn.
        self._auth_required = login is not None
        self._smtp_methods = {verb: self._noted(verb, method) for verb, method in self._smtp_methods.items()}

    def _noted(self, verb: str, method: Callable[[str | None], Any]) -> Callable[[str | None], Any]:
        def note_and_do(argument: str | None) -> Any:
            line = f"{verb} {argument or ''}".encode(errors="surrogateescape")
            self._relay.saw(verb, line, encrypted=self._encrypted)
            return method(argument)

        return note_and_do

    @property
    def _encrypted(self) -> bool:
        return self._relay.implicit or self._tls_protocol is not None

    def _knows(
        self, _server: object, _session: object, _envelope: object, _mechanism: str, proof: LoginPassword
    ) -> AuthResult:
        known = self._login is not None and (proof.login, proof.password) == tuple(
            part.encode() for part in self._login
        )
        return AuthResult(success=known, handled=False)

    async def handle_DATA(self, _server: object, _session: object, envelope: ReceivedEnvelope) -> str:  # noqa: N802 (aiosmtpd's hook)
        """Keep the message."""
        self._relay.saw(".", encrypted=self._encrypted)
        content = envelope.original_content or b""
        self._relay.took(
            Delivered(envelope.mail_from or "", ",".join(envelope.rcpt_tos), content, encrypted=self._encrypted)
        )
        return "250 2.0.0 kept"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._counted:
            self._counted = True
            self._relay.came()
        super().connection_made(transport)
        self.task = self._handler_coroutine

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            super().connection_lost(error)
        if self._counted:
            self._counted = False
            self._relay.went()

    def eof_received(self) -> bool:
        super().eof_received()
        return False  # the only answer TLS allows

    def abort(self) -> None:
        """Close at once."""
        for transport in (self.transport, self._original_transport):
            if transport is not None:
                with suppress(AttributeError):  # CPython 3.11.2: a TLS transport closed twice cannot be aborted
                    transport.abort()  # type: ignore[attr-defined]
