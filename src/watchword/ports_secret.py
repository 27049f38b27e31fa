"""Ports of secrets: their store and their files. Promises and failure policy: as in ``ports.py``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from watchword.core.instant import Instant
from watchword.core.secret import Claimed, Secret, Toll


class Blobs(Protocol):
    """Sealed files, on disk. ``secret`` and ``number`` name one."""

    async def received(self, secret: bytes, number: int) -> tuple[int, bool]:
        """How many bytes of it are there, and whether it is whole: on disk, under its name."""
        ...

    async def write(self, secret: bytes, number: int, *, offset: int, size: int, pieces: AsyncIterator[bytes]) -> int:
        """Write from ``offset`` on; with byte ``size`` it is whole, on disk, and stays as it is.

        Returns how much is there. What came before ``pieces`` raised is kept.

        Raises:
            ConflictError: somebody writes it just now, it is whole, or it goes on at another place.
            TooLargeError: there is more than ``size``.
            StoreError: the disk is full, say.
        """
        ...

    def read(self, secret: bytes, number: int, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` until before ``stop``, in pieces."""
        ...

    async def remove(self, secrets: Sequence[bytes]) -> None:
        """Remove all files of these secrets. What is not there is no error."""
        ...

    async def names(self) -> Sequence[bytes]:
        """The secrets of which there are files."""
        ...


class Swept(NamedTuple):
    """What a purge of secrets did: rows that changed or went, and the ids whose ciphertext is gone."""

    rows: int
    gone: Sequence[bytes]


class SecretStore(Protocol):
    """Secrets and their ciphertext. Proofs come as marks, keyed hashes, and are compared in constant time.

    A wrong ``link`` is an unknown secret everywhere: nothing is counted, and nothing tells the two apart.
    """

    async def add(self, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant) -> None:
        """Charge the source, then write the secret with its ciphertext: all or nothing.

        Raises:
            RateLimitedError: the source has made too many, or too much; nothing was charged.
        """
        ...

    async def open(self, secret: bytes, link: bytes) -> Secret:
        """What a holder of the link may know. Changes nothing.

        Raises:
            UnknownError: there is none of that id and link.
        """
        ...

    async def claim(
        self, secret: bytes, link: bytes, *, auth: bytes | None, claim: bytes, now: Instant
    ) -> tuple[Claimed, bytes]:
        """Run ``core.secret.claim`` on the row and write what it changes, in one step, with the ciphertext read in it.

        Of any number of claims at once a view goes to exactly one; the others, and wrong passphrases, spend nothing.
        Without a grant the ciphertext is empty.

        Raises:
            UnknownError: there is none of that id and link, or its files have not all arrived.
        """
        ...

    async def ack(self, secret: bytes, link: bytes, *, claim: bytes, outcome: str, now: Instant) -> Secret:
        """End a claim's lease; the ciphertext goes in the same step where nobody else may fetch it.

        Raises:
            ConflictError: it is a hand-over, which a right code ends.
            UnknownError: there is none of that id and link, or no such claim on it.
        """
        ...

    async def status(self, secret: bytes, manage: bytes) -> Secret:
        """What its maker may know.

        Raises:
            UnauthenticatedError: there is none of that id and manage token.
        """
        ...

    async def burn(self, secret: bytes, manage: bytes, *, now: Instant) -> Secret:
        """End it and erase its ciphertext, in one step. A second time is no error.

        Raises:
            UnauthenticatedError: there is none of that id and manage token.
        """
        ...

    async def unlock(self, secret: bytes, manage: bytes) -> Secret:
        """Forget the wrong passphrases.

        Raises:
            UnauthenticatedError: there is none of that id and manage token.
        """
        ...

    async def arrive(self, secret: bytes, manage: bytes, number: int) -> Secret:
        """Note that a file lies on disk as a whole. With the last one the secret becomes visible, in the same step.

        Raises:
            UnauthenticatedError: there is none of that id and manage token.
        """
        ...

    async def holder(self, secret: bytes, claim: bytes, *, now: Instant) -> Secret:
        """The secret, for somebody with a live claim on it. Changes nothing.

        Raises:
            UnknownError: there is none of that id, or no such claim on it that lives.
        """
        ...

    async def stay(self, secret: bytes, claim: bytes, *, now: Instant) -> None:
        """Move the end of a live lease, because the last byte of a file went out. Anything else is left as it is."""
        ...

    async def held(self, secrets: Sequence[bytes]) -> set[bytes]:
        """Which of these ids have ciphertext; what lies on disk for any other is an orphan."""
        ...

    async def purge(self, *, now: Instant, step: int) -> Swept:
        """Erase the ciphertext of up to ``step`` secrets that are over, and forget tombstones and given-up uploads."""
        ...
