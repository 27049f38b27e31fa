"""A server that asks for what Twilio's Messages resource documents, over HTTPS, and refuses everything else.

It checks method, address, Basic authentication, media type and parameters as the reference of the API has them, and
signs status callbacks as the page on security has it. Answers are scripted: a status each, the last one for ever.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

SID = "AC" + "0" * 32
TOKEN = "an-auth-token"
_KNOWN = {"To", "From", "MessagingServiceSid", "Body", "ValidityPeriod", "StatusCallback"}
_CREATED = b'{"sid": "SM00", "status": "queued", "error_code": null}'


@dataclass
class FakeTwilio:
    """What was asked, and what was wrong with it."""

    port: int = 0
    answers: Sequence[int] = (201,)
    hang: bool = False
    messages: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    asked: int = 0

    @property
    def url(self) -> str:
        return f"https://{SID}:{TOKEN}@localhost:{self.port}"

    def answer(self, head: str, body: str) -> tuple[int, bytes]:
        """Check a request, and answer as the script says."""
        status = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        if first != f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1":
            self.faults.append(first)
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != expected:
            self.faults.append("authorization")
            return 401, b'{"code": 20003, "status": 401}'
        if headers.get("content-type") != "application/x-www-form-urlencoded":
            self.faults.append("content-type")
        given = dict(parse_qsl(body, strict_parsing=True))
        self._check(given)
        if status == 201:
            self.messages.append(given)
            return status, _CREATED
        return status, b'{"code": 21211, "message": "no", "status": %d}' % status

    def _check(self, given: Mapping[str, str]) -> None:
        if set(given) - _KNOWN or not re.fullmatch(r"\+[1-9]\d{6,14}", given.get("To", "")):
            self.faults.append("parameters")
        if ("From" in given) == ("MessagingServiceSid" in given) or not 1 <= len(given.get("Body", "")) <= 1_600:
            self.faults.append("sender or body")
        if not 1 <= int(given.get("ValidityPeriod", "1")) <= 36_000:
            self.faults.append("validity")


def sign(url: str, parameters: Mapping[str, str], token: str = TOKEN) -> str:
    """Sign a callback as Twilio does."""
    signed = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@asynccontextmanager
async def fake_twilio(tls: ssl.SSLContext, *answers: int, hang: bool = False) -> AsyncIterator[FakeTwilio]:
    """Run one until the block ends."""
    fake = FakeTwilio(answers=answers or (201,), hang=hang)
    held: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                found = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                body = (await reader.readexactly(int(found[1]) if found else 0)).decode()
                status, content = fake.answer(head, body)
                if fake.hang:
                    return
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(content)) + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()
        await server.wait_closed()
