"""Claims that this user began: kept from before a secret is opened until its last byte is out.

With its claim a secret can be fetched again for 15 minutes, so that a cut connection or a killed command loses
nothing. What is kept is a random value that opens nothing without the link, in a file of mode 0600 of which the name
is the secret's id, below ``$XDG_STATE_HOME`` or ``~/.local/state``.

Rules: never the link, a key or a passphrase; a folder that cannot be written costs the second try and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from watchword.adapters.system import SystemClock
from watchword.core import binary
from watchword.core.instant import DAY, SECOND

SIZE = 16


def load(secret: str) -> bytes | None:
    """The claim that was begun on a secret."""
    with suppress(OSError, ValueError):
        return binary.decode_exactly((_folder() / secret).read_text("ascii"), SIZE)
    return None


def keep(secret: str, claim: bytes) -> bool:
    """Keep a claim; returns whether it is kept."""
    try:
        _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in _old():
            old.unlink(missing_ok=True)
        descriptor = os.open(_folder() / secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(binary.encode(claim))
            file.flush()
            os.fsync(descriptor)
    except OSError:
        return False
    return True


def forget(secret: str) -> None:
    """Forget a claim."""
    with suppress(OSError):
        (_folder() / secret).unlink(missing_ok=True)


def _old() -> Iterator[Path]:
    """Claims of which the lease is over."""
    now = SystemClock().now()
    return (path for path in _folder().glob("sc_*") if path.stat().st_mtime * SECOND < now - DAY)


def _folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "watchword" / "claims"
