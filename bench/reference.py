"""R: the yardstick. A plain ASGI function that reads a verification-sized body and writes a small answer.

It runs under the web server's very same settings as the service. What the service takes longer than this is what
the service costs; what this takes, any service in this language and on this server would.
"""

from __future__ import annotations

import msgspec

from watchword.web.asgi import Receive, Scope, Send


class Asked(msgspec.Struct):
    """The body of a create request."""

    channel: str
    to: str
    purpose: str
    locale: str
    requester: dict[str, str]


class Told(msgspec.Struct):
    """A small answer."""

    id: str
    status: str


_decode = msgspec.json.Decoder(Asked).decode
_encode = msgspec.json.Encoder().encode


async def reference(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    asked = _decode(message["body"])
    body = _encode(Told(asked.to, asked.purpose))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body})
