"""A socket to listen on, and how many may connect, for ``serve`` and for the endpoint of a courier.

Not handled here: how the web server on it is set up (``serve.py``), when it listens and what it answers (``serve.py``,
``endpoint.py``).

Rules:

* an address that cannot be listened on is one sentence, which names where the operator gave it;
* a process has file descriptors for as many connections as it takes, or takes fewer.
"""

from __future__ import annotations

import resource
import socket

from watchword.errors import SettingsError
from watchword.settings import Bind, Settings
from watchword.web.watch import Bounds

CONNECTIONS = 4_096  # at once in one process, or twice the requests it may have under way
BACKLOG = 2_048
OWN_FILES = 128  # file descriptors for everything that is no client: store, relay, log, libraries
LEAST_FILES = 64  # with fewer a process cannot even start, or serves hardly anybody


def bound(bind: Bind, *names: str) -> socket.socket:
    """A socket that is bound, and does not listen yet.

    Raises:
        SettingsError: it cannot be; ``names`` are those under which the operator gave the address.
    """
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((bind.host, bind.port))
    except OSError as error:
        listener.close()
        raise _cannot_listen(bind, error, *names) from None
    return listener


def listen(listener: socket.socket, *names: str) -> None:
    """Begin to listen, before the event loop does: it would swallow what goes wrong.

    To bind is no claim yet: of two that bound one address, whoever listens first has it.

    Raises:
        SettingsError: somebody else has it; ``names`` as those of ``bound``.
    """
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise _cannot_listen(Bind(host, port), error, *names) from None


def _cannot_listen(bind: Bind, error: OSError, *names: str) -> SettingsError:
    detail = f"Cannot listen on {bind} ({', '.join(names)}): {error.strerror or error}."
    return SettingsError(detail, setting=names[0])


def bounds_of(settings: Settings) -> Bounds:
    """What strangers may cost one process that serves. Raises as ``bounds_within``."""
    return bounds_within(max(CONNECTIONS, 2 * settings.server.max_at_once))


def bounds_within(wanted: int) -> Bounds:
    """So many connections, or as many as the system gives. Workers inherit the limit that is set.

    Raises:
        SettingsError: the system gives too few file descriptors to run on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + OWN_FILES:
        soft = wanted + OWN_FILES if hard == resource.RLIM_INFINITY else min(hard, wanted + OWN_FILES)
        if soft < LEAST_FILES:
            raise SettingsError(f"A process may open {soft} files here, and needs {LEAST_FILES}: raise `ulimit -n`.")
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = min(wanted, max(1, soft - OWN_FILES))
    return Bounds(connections=wanted)
