"""The keyring in use, and reading it again when a value names a key that is not in it.

Rotation writes a key file with one more key; processes that run meet its number and reload. A number that the
file does not hold either is a ``KeyringError`` (503): nothing was checked and nothing was counted.

Rule: a file with other keys under the numbers in use is never taken up, nor one without the current key, as a copy
from before a rotation is. Right codes would count as wrong ones, or could not be checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from watchword.core import ids
from watchword.core.instant import SECOND, Instant
from watchword.core.keyring import Keyring
from watchword.errors import KeyringError
from watchword.ports import Clock

Result = TypeVar("Result")


class Keys:
    """Holds the keyring. ``load`` reads the key file; ``version`` tells one file from another without reading it."""

    def __init__(self, load: Callable[[], Keyring], clock: Clock, version: Callable[[], object] = lambda: None) -> None:
        self._load = load
        self._clock = clock
        self._version = version
        self._loaded_at: Instant = clock.now() - SECOND  # keys may be rotated in the very second of a start
        self._loaded = version()  # before it is read: a file that is written meanwhile is another one
        self.ring = load()

    def reload(self) -> None:
        """Read the key file again, now.

        Raises:
            KeyringError: it contradicts the keys in use, which stay.
        """
        self._loaded_at, self._loaded = self._clock.now(), self._version()
        ring = self._load()
        if ring.contradicts(self.ring) or self.ring.current not in ring.numbers:
            raise KeyringError("The key file holds other keys than those in use. They stay: bring the right file back.")
        self.ring = ring

    async def hold(self, verification: bytes, find: Callable[[], Awaitable[object]]) -> Keyring:
        """The keyring with the key that an id names, before a step that cannot be taken back and is told with it.

        Raises:
            KeyringError: it is not in the file either. Where ``find`` raises, that comes instead: what nobody made is
                unknown, whatever key it names.
        """
        try:
            self.with_ring(lambda ring: ring.root(ids.key_number(verification)))
        except KeyringError:
            await find()
            raise
        return self.ring

    def with_ring(self, work: Callable[[Keyring], Result]) -> Result:
        """Do something with the keyring, once more after a reload where it named an unknown key.

        Raises:
            KeyringError: the key is not in the file either.
        """
        try:
            return work(self.ring)
        except KeyringError:
            # Made-up ids name made-up keys: the same file is read once a second at most, whatever callers send. Not
            # once for ever: a file system of the network may tell of another file late.
            if self._version() == self._loaded and abs(self._clock.now() - self._loaded_at) < SECOND:
                raise
            self.reload()
            return work(self.ring)
