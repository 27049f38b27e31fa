"""Ports for servers that must be told theirs before they run, or must have the same one again.

Rule: they lie below those that the system gives to connections and to whoever asks for any port (32768 and above by
default), because one of those may be somebody else's between the look and the use.
"""

from __future__ import annotations

import secrets
import socket

_SYSTEM_GIVES_FROM = 32_768
_FROM = 12_000


def free_port() -> int:
    """A loopback port that nobody listens at."""
    while True:
        port = _FROM + secrets.randbelow(_SYSTEM_GIVES_FROM - _FROM)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """So many of them, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return [*ports]
