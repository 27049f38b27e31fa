"""SIGHUP while a service is still starting: it waits for whoever will hear it.

Not handled here: what it means then (``serve.py``, ``courier.py``).

Rule: one that comes early neither ends the process, as it would by itself, nor is lost: settings may have changed after
they were read.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_HANGUP = {signal.SIGHUP}


@contextmanager
def held() -> Iterator[None]:
    """Have it wait, in this thread and in those that it starts, until it is ``heard`` or all is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANGUP)
    try:
        yield
    finally:
        if signal.SIGHUP in signal.sigpending():
            signal.sigwait(_HANGUP)  # there is nothing left to tell; and an error is to be told, and not this
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def heard() -> None:
    """Have it wait no longer: somebody listens."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANGUP)
