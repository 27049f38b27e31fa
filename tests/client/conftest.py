"""Servers on this machine that behave as servers should not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.ports import free_port


class RawServer:
    """Answers every connection with the same bytes and closes it; ``asked`` is what came in, one entry a connection."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def address(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(60)
        try:
            spoken = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
        except OSError:
            return
        with spoken:
            self.asked.append(_read_request(spoken))
            spoken.sendall(self._answer)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, content = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(content) < int(lengths[0] if lengths else 0):
        content += connection.recv(65536)
    return head + b"\r\n\r\n" + content


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Starts servers that are gone after the test."""
    servers: list[RawServer] = []

    def start(answer: bytes, tls: ssl.SSLContext | None = None) -> RawServer:
        servers.append(RawServer(answer, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def closed_port() -> Callable[[], str]:
    """An address at which nobody listens."""
    return lambda: f"http://127.0.0.1:{free_port()}"
