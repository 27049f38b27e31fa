"""Ports for servers that must be told theirs before they run, or must have the same one again.

Rules:

* they lie below those that the system gives to connections and to whoever asks for any port (32768 and above by
  default), because one of those may be somebody else's between the look and the use;
* each stays bound here for a while, by a socket that listens to nobody: no other process of the tests is given it
  before its server listens or while that is down. A server that may take a port again at once may take it so, too.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections import deque

_SYSTEM_GIVES_FROM = 32_768
_FROM = 12_000
_HELD_AT_ONCE = 64  # file descriptors, of which a process of the tests may have few

_held: deque[int] = deque()


def free_port() -> int:
    """A loopback port that nobody listens at."""
    while True:
        port = _FROM + secrets.randbelow(_SYSTEM_GIVES_FROM - _FROM)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _held.append(found.detach())
        if len(_held) > _HELD_AT_ONCE:
            os.close(_held.popleft())
        return port


def free_ports(count: int) -> list[int]:
    """So many of them, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return [*ports]
