"""Which of several processes does a chore that one of them must do: whoever holds a lock on a file.

Not handled here: the chore (``flows/purge.py``).

Rules: the lock dies with its process, however that ends, so that nobody must be declared dead; where no lock can be
had at all, because the file cannot be made, the chore is done: twice is a little waste, never is a full disk.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FileTurn:
    """A turn at a chore. Asking for it takes it, where nobody has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def is_ours(self) -> bool:
        """Whether this process has the turn, taking it if it is free. Does not wait."""
        if self._held is not None:
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except OSError:  # a file system without locks
            os.close(file)
            return True
        self._held = file
        return True

    def give_up(self) -> None:
        """Leave it to others. The file stays: removing it could take it from under somebody's lock."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
