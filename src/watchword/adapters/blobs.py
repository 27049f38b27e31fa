"""Sealed files on disk, beside the database (``ports.Blobs``): ``blobs/ab/abcd…/0``, a folder a secret.

A file that is still coming is ``0.part``; it is synced and renamed once it is whole, so that whatever has its name
is complete. Where an upload broke off, it goes on at the length of what is there.

Not handled here: who may write or read (``flows/secret_file.py``), how much (``core/secret.py``).

Rules:

* memory is constant: a piece at a time, in threads, never a whole file;
* one writer a file, held by a lock that dies with its process;
* what is there is what came, from its beginning and without a gap: a disk may take a part of a piece, and who is given
  up waits for the thread that writes for it;
* names are made of our own ids and numbers, so that nothing a client sends becomes a path;
* files leave room on their disk: whoever may upload must not be able to stop the database beside them, and all codes.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from watchword.errors import ConflictError, StoreError, TooLargeError

Result = TypeVar("Result")

PIECE = 256 * 1024  # bytes written or read in one go
ROOM = 512 * 1024 * 1024  # bytes that files leave free, or a twentieth of a small disk


def room_on(disk: int) -> int:
    """The bytes that files leave free on a disk of that size."""
    return min(ROOM, disk // 20)


class DiskBlobs:
    """A folder of sealed files. It is made with the first of them."""

    def __init__(self, folder: Path, room: Callable[[int], int] = room_on) -> None:
        self._folder = folder
        self._room = room

    async def received(self, secret: bytes, number: int) -> tuple[int, bool]:
        return await asyncio.to_thread(self._received, secret, number)

    async def write(self, secret: bytes, number: int, *, offset: int, size: int, pieces: AsyncIterator[bytes]) -> int:
        with _our_words():
            file = await asyncio.to_thread(self._begin, secret, number, offset, size)
        at, pending = offset, bytearray()
        try:
            async for piece in pieces:
                pending += piece
                if at + len(pending) > size:
                    pending.clear()
                    raise TooLargeError("The file has more bytes than were announced.", field="body")
                if len(pending) >= PIECE:
                    # Taken out first: what a write took before it failed is there, and must not follow once more.
                    whole, pending = pending, bytearray()
                    with _our_words():
                        await _to_its_end(_put, file, whole)
                    at += len(whole)
        finally:
            # What came before the connection broke is kept: the upload goes on from there.
            with _our_words(), file:
                _put(file, pending)
                at += len(pending)
        if at == size:
            with _our_words():
                await asyncio.to_thread(self._finish, secret, number)
        return at

    async def read(self, secret: bytes, number: int, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        with _our_words():
            file = await asyncio.to_thread(self._place(secret, number).open, "rb", 0)
        with file:
            file.seek(start)
            while start < stop:
                with _our_words():
                    piece = await _to_its_end(file.read, min(PIECE, stop - start))
                if not piece:
                    raise StoreError("A sealed file is shorter than it was.")
                start += len(piece)
                yield piece

    async def remove(self, secrets: Sequence[bytes]) -> None:
        await asyncio.to_thread(self._remove, secrets)

    async def names(self) -> Sequence[bytes]:
        return await asyncio.to_thread(lambda: list(self._names()))

    def _place(self, secret: bytes, number: int) -> Path:
        name = secret.hex()
        return self._folder / name[:2] / name / str(number)

    def _part(self, secret: bytes, number: int) -> Path:
        return self._place(secret, number).with_suffix(".part")

    def _received(self, secret: bytes, number: int) -> tuple[int, bool]:
        for path, whole in ((self._place(secret, number), True), (self._part(secret, number), False)):
            with suppress(FileNotFoundError):
                return path.stat().st_size, whole
        return 0, False

    def _demand_room(self, more: int) -> None:
        disk = shutil.disk_usage(self._folder)
        if more > 0 and disk.free - more < self._room(disk.total):
            raise StoreError("sealed files: what is left of the disk is kept for the database.")

    def _begin(self, secret: bytes, number: int, offset: int, size: int) -> BinaryIO:
        part = self._part(secret, number)
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._demand_room(size - offset)
        descriptor = os.open(part, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+b", 0)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ConflictError("This file is being uploaded just now.") from None
        # Looked at under the lock: another writer may have made it whole, or begun afresh, meanwhile.
        length = os.fstat(descriptor).st_size
        if self._place(secret, number).exists() or not part.exists() or (offset and offset != length):
            file.close()
            raise ConflictError("The upload goes on at another place: ask how much has arrived.")
        file.truncate(offset)
        file.seek(offset)
        return file

    def _finish(self, secret: bytes, number: int) -> None:
        place, part = self._place(secret, number), self._part(secret, number)
        for path in (part, part.parent, part.parent.parent, self._folder):
            if path == part.parent:
                part.replace(place)
            _sync(path)

    def _remove(self, secrets: Sequence[bytes]) -> None:
        for secret in secrets:
            shutil.rmtree(self._place(secret, 0).parent, ignore_errors=True)

    def _names(self) -> Iterator[bytes]:
        for folder in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(ValueError):
                yield bytes.fromhex(folder.name)


def _put(file: BinaryIO, content: bytearray) -> None:
    """Write all of it. An unbuffered file may take a part, and says how much: so it does when a disk becomes full."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


async def _to_its_end(work: Callable[..., Result], *arguments: object) -> Result:
    """Have a thread do it. Who is cancelled meanwhile waits for its end: the file must not be closed under it."""
    doing = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        with suppress(Exception):  # nobody is left to be told
            await doing
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _our_words() -> Iterator[None]:
    """Turn what the system raises into a StoreError: a full disk, a file that was taken away."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"sealed files: {error.strerror}") from error
