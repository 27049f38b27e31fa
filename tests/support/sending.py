"""Sending one letter through a relay of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from tests.support.relays import Relay
from tests.support.tls import Authority
from watchword.adapters.smtp import SmtpAddress, SmtpRelay, client_tls
from watchword.core.message import Envelope
from watchword.errors import DeliveryError

Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]

PASSWORD = "hunter2:/@é"
LETTER = Envelope("watch@ours.test", "ada@theirs.test", b"Subject: hello\r\n\r\nThe code is 123456.\r\n")
SECRET_VERBS = {"AUTH", "MAIL", "RCPT", "DATA", "."}  # none of them may be said before TLS was verified


@asynccontextmanager
async def mailer(
    authority: Authority,
    relay: Relay,
    *,
    login: bool = False,
    **dials: Any,
) -> AsyncIterator[SmtpRelay]:
    """Talk to this relay, trusting that authority, and leave politely."""
    address = SmtpAddress.parse(relay.url("ada", PASSWORD) if login else relay.url())
    dials = {"timeout": 5.0, "client_name": "watchword.test", **dials}
    smtp = SmtpRelay(address, tls=client_tls(authority.ca_file), **dials)
    try:
        yield smtp
    finally:
        await smtp.aclose()


async def failed(
    authority: Authority,
    running: AbstractAsyncContextManager[Relay],
    **dials: Any,
) -> tuple[DeliveryError, Relay]:
    """Send the letter to a relay that will not take it."""
    async with running as relay, mailer(authority, relay, **dials) as smtp:
        with pytest.raises(DeliveryError) as caught:
            await smtp.send(LETTER)
        return caught.value, relay
