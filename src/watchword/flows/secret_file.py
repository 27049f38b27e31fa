"""The files of secrets: upload before a secret becomes visible, download under a live claim, sweep what is left.

Not handled here: secrets themselves (``flows/secret.py``), the disk (``adapters/blobs.py``).

Rules:

* a file is uploaded by whoever holds the manage token, and never changed once it is whole;
* the row is told of a file after the file is on disk, and files go after the row has told that they may: whatever
  happens in between leaves an orphan, which is swept, and never a secret without its files;
* a download keeps its lease alive, and for 15 minutes after it broke off, so that it can be resumed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import msgspec

from watchword.core import ids
from watchword.core import secret as rules
from watchword.core.instant import MINUTE
from watchword.core.secret import Secret
from watchword.errors import BurntError, StoreError, UnknownError
from watchword.flows.secret import Secrets
from watchword.ports import Audit, Clock
from watchword.ports_secret import Blobs, SecretStore

STAY_EVERY = 5 * MINUTE
SWEPT_AT_ONCE = 500


class Arrived(msgspec.Struct, frozen=True):
    """How much of a file is there."""

    received: int
    size: int


class SecretFiles:
    """The flow of files."""

    def __init__(self, store: SecretStore, blobs: Blobs, secrets: Secrets, clock: Clock, audit: Audit) -> None:
        self._store = store
        self._blobs = blobs
        self._secrets = secrets
        self._clock = clock
        self._audit = audit

    async def received(self, raw: bytes, token: bytes, number: int) -> Arrived:
        """Tell how much of a file has arrived, so that an upload can go on from there.

        Raises:
            UnauthenticatedError, UnknownError, OverError, StoreError.
        """
        secret = await self._coming(raw, token, number)
        return await self._noted(secret, token, number, await self._there(secret, number))

    async def upload(
        self, raw: bytes, token: bytes, number: int, *, offset: int, pieces: AsyncIterator[bytes]
    ) -> Arrived:
        """Take a file, or the rest of it. With the last byte of the last one the secret becomes visible.

        Raises:
            UnauthenticatedError, UnknownError, OverError: as ``received``.
            ConflictError: another upload of it is under way, or it goes on at another place.
            TooLargeError: there is more of it than was announced.
            StoreError.
        """
        secret = await self._coming(raw, token, number)
        size = secret.sizes[number]
        there = await self._there(secret, number)
        if there != size:
            try:
                there = await self._blobs.write(raw, number, offset=offset, size=size, pieces=pieces)
            except StoreError:
                await self._coming(raw, token, number)  # its folder is gone where the secret ended meanwhile
                raise
        return await self._noted(secret, token, number, there)

    async def size(self, raw: bytes, claim: bytes, number: int) -> int:
        """The size of a file, for whoever has a live claim on the secret.

        Raises:
            UnknownError, StoreError.
        """
        secret = await self._store.holder(raw, self._secrets.claim_mark(raw, claim), now=self._clock.now())
        if not 0 <= number < len(secret.sizes):
            raise UnknownError
        return secret.sizes[number]

    async def download(
        self, raw: bytes, claim: bytes, number: int, start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from ``start`` until before ``stop``. Who asks was looked at by ``size``."""
        mark = self._secrets.claim_mark(raw, claim)
        stayed = self._clock.now()
        await self._store.stay(raw, mark, now=stayed)
        try:
            async with aclosing(self._blobs.read(raw, number, start, stop)) as pieces:
                async for piece in pieces:
                    yield piece
                    now = self._clock.now()
                    if now - stayed >= STAY_EVERY:
                        stayed = now
                        await self._store.stay(raw, mark, now=now)
        finally:
            await self._store.stay(raw, mark, now=self._clock.now())

    async def erase(self, secrets: Sequence[bytes]) -> None:
        """Remove the files of secrets whose ciphertext is gone."""
        await self._blobs.remove(secrets)

    async def sweep(self) -> int:
        """Remove files that no secret holds any more; returns of how many secrets they were."""
        names = await self._blobs.names()
        orphans: list[bytes] = []
        for first in range(0, len(names), SWEPT_AT_ONCE):
            some = names[first : first + SWEPT_AT_ONCE]
            held = await self._store.held(some)
            orphans += [name for name in some if name not in held]
        await self._blobs.remove(orphans)
        if orphans:
            self._audit.record("secret.swept", secrets=len(orphans))
        return len(orphans)

    async def _coming(self, raw: bytes, token: bytes, number: int) -> Secret:
        secret = await self._store.status(raw, self._secrets.manage_mark(raw, token))
        if secret.erased or secret.burnt_at is not None:
            raise BurntError
        if not 0 <= number < len(secret.sizes):
            raise UnknownError
        return secret

    async def _there(self, secret: Secret, number: int) -> int:
        """How much of a file has arrived. One of which every byte came, and which was not made whole, is made so."""
        there, whole = await self._blobs.received(secret.id, number)
        if there == secret.sizes[number] and not whole:
            await self._blobs.write(secret.id, number, offset=there, size=there, pieces=_Nothing())
        return there

    async def _noted(self, secret: Secret, token: bytes, number: int, received: int) -> Arrived:
        size = secret.sizes[number]
        if received == size and rules.arrive(secret, number) != secret:
            whole = await self._store.arrive(secret.id, self._secrets.manage_mark(secret.id, token), number)
            if whole.erased:  # burnt before the folder was made anew: nobody else removes it until the next sweep
                await self.erase([secret.id])
                raise BurntError
            name = ids.to_text(ids.SECRET, secret.id)
            self._audit.record("secret.uploaded", secret=name, number=number, whole=whole.is_whole)
        return Arrived(received, size)


class _Nothing:
    """No bytes more."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration
