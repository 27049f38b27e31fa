"""Sealed files on disk: one writer a file, and what is whole stays as it is."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, Self, cast

import pytest

from watchword.adapters.blobs import PIECE, ROOM, DiskBlobs, room_on
from watchword.errors import ConflictError, StoreError

ID = bytes(range(16))


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


def test_a_second_writer_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    async def journey() -> None:
        blobs, go_on, begun = DiskBlobs(tmp_path), asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"a" * PIECE
            begun.set()
            await go_on.wait()
            yield b"b"

        first = asyncio.create_task(blobs.write(ID, 0, offset=0, size=PIECE + 1, pieces=slowly()))
        await begun.wait()
        with pytest.raises(ConflictError):
            await blobs.write(ID, 0, offset=0, size=PIECE + 1, pieces=pieces(b"x"))
        go_on.set()
        assert PIECE + 1 == await first
        with pytest.raises(ConflictError):
            await blobs.write(ID, 0, offset=0, size=PIECE + 1, pieces=pieces(b"x"))
        assert b"a" * PIECE + b"b" == b"".join([piece async for piece in blobs.read(ID, 0, 0, PIECE + 1)])

    asyncio.run(journey())


class Odd:
    """A file of which a test says what its writes do beyond writing."""

    def __init__(self, file: BinaryIO, write: Callable[[BinaryIO, memoryview], int]) -> None:
        self.file = file
        self._write = write

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: memoryview) -> int:
        return self._write(self.file, content)


class OddBlobs(DiskBlobs):
    """Blobs that write to such files."""

    def __init__(self, folder: Path, write: Callable[[BinaryIO, memoryview], int]) -> None:
        super().__init__(folder)
        self._odd = write

    def _begin(self, secret: bytes, number: int, offset: int, size: int) -> BinaryIO:
        return cast("BinaryIO", Odd(super()._begin(secret, number, offset, size), self._odd))


def test_a_disk_that_takes_a_part_of_a_piece_is_given_the_rest(tmp_path: Path) -> None:
    """As one does that becomes full, before it says so: a file must not be whole by count alone."""

    def takes_half(file: BinaryIO, content: memoryview) -> int:
        return file.write(content[: len(content) // 2 + 1])

    async def journey() -> None:
        blobs = OddBlobs(tmp_path, takes_half)
        content = bytes(range(256)) * (PIECE // 256) + b"the end"
        assert len(content) == await blobs.write(
            *(ID, 0), offset=0, size=len(content), pieces=pieces(content[:PIECE], content[PIECE:])
        )
        assert content == b"".join([piece async for piece in blobs.read(ID, 0, 0, len(content))])

    asyncio.run(journey())


def test_what_a_full_disk_took_of_a_piece_is_not_written_once_more(tmp_path: Path) -> None:
    taken: list[int] = []

    def takes_some_and_is_full(file: BinaryIO, content: memoryview) -> int:
        if taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(file.write(content[:1_000]))
        return 1_000

    async def journey() -> None:
        blobs = OddBlobs(tmp_path, takes_some_and_is_full)
        with pytest.raises(StoreError, match="No space left"):
            await blobs.write(ID, 0, offset=0, size=2 * PIECE, pieces=pieces(b"a" * PIECE))
        assert (1_000, False) == await blobs.received(ID, 0)

    asyncio.run(journey())


def test_a_request_given_up_in_a_write_leaves_every_byte_once(tmp_path: Path) -> None:
    written, go_on = threading.Event(), threading.Event()

    def lingers(file: BinaryIO, content: memoryview) -> int:
        taken = file.write(content)
        if not written.is_set():
            written.set()
            go_on.wait()
        return taken

    async def journey() -> None:
        blobs = OddBlobs(tmp_path, lingers)
        upload = asyncio.create_task(blobs.write(ID, 0, offset=0, size=2 * PIECE, pieces=pieces(b"a" * PIECE)))
        await asyncio.to_thread(written.wait)
        upload.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert (PIECE, False) == await blobs.received(ID, 0)

    asyncio.run(journey())


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    async def journey() -> None:
        blobs = DiskBlobs(tmp_path / "blobs")
        await blobs.remove([ID])
        assert [] == await blobs.names()
        await blobs.write(ID, 0, offset=0, size=2, pieces=pieces(b"x"))
        assert ([ID], (1, False)) == (await blobs.names(), await blobs.received(ID, 0))
        await blobs.remove([ID])
        assert ([], (0, False)) == (await blobs.names(), await blobs.received(ID, 0))

    asyncio.run(journey())


def cut_short(folder: Path) -> None:
    (file,) = folder.rglob("0")
    file.write_bytes(b"ab")


def test_a_file_that_lost_its_end_is_told_and_not_served_short(tmp_path: Path) -> None:
    async def journey() -> None:
        blobs = DiskBlobs(tmp_path)
        await blobs.write(ID, 0, offset=0, size=4, pieces=pieces(b"abcd"))
        cut_short(tmp_path)
        with pytest.raises(StoreError):
            assert [b"ab"] == [piece async for piece in blobs.read(ID, 0, 0, 4)]

    asyncio.run(journey())


def test_a_disk_that_is_nearly_full_is_left_to_the_database(tmp_path: Path) -> None:
    async def journey() -> None:
        begun, tight = DiskBlobs(tmp_path), DiskBlobs(tmp_path, room=lambda disk: disk)
        await begun.write(ID, 0, offset=0, size=2, pieces=pieces(b"a"))
        with pytest.raises(StoreError, match="kept for the database"):
            await tight.write(ID, 0, offset=1, size=2, pieces=pieces(b"b"))
        assert (1, False) == await tight.received(ID, 0)  # it can go on when there is room again
        assert 2 == await begun.write(ID, 0, offset=1, size=2, pieces=pieces(b"b"))

    asyncio.run(journey())


def test_a_file_of_which_every_byte_came_is_made_whole_on_any_disk(tmp_path: Path) -> None:
    async def journey() -> None:
        tight = DiskBlobs(tmp_path, room=lambda disk: disk)
        part = tight._part(ID, 0)
        part.parent.mkdir(parents=True)
        part.write_bytes(b"ab")
        assert 2 == await tight.write(ID, 0, offset=2, size=2, pieces=pieces())
        assert (2, True) == await tight.received(ID, 0)

    asyncio.run(journey())


@pytest.mark.parametrize(("disk", "room"), [(1 << 40, ROOM), (1 << 30, (1 << 30) // 20)])
def test_the_room_that_files_leave_is_half_a_gibibyte_or_a_twentieth(disk: int, room: int) -> None:
    assert room == room_on(disk)
