"""A relay that takes everything over TLS and keeps nothing, lean enough not to be what is measured.

    python -m bench.sink CERTIFICATE

It says its port in one line.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import cast

import uvloop

_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
_END = b"\r\n.\r\n"


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._pending = b""
        self._in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Take commands and content."""
        self._pending += data
        while True:
            text, end, rest = self._pending.partition(_END if self._in_content else b"\r\n")
            if not end:
                return
            self._pending = rest
            verb = b"" if self._in_content else text[:4].upper()
            self._in_content = verb == b"DATA"
            self._transport.write(_ANSWERS.get(verb, b"250 ok\r\n"))
            if verb == b"QUIT":
                self._transport.close()


async def _serve(certificate: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1]))
