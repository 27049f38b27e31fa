"""Files of secrets: a row never tells of a file that is not there, and no file outlives its row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tests.flows.journeys import journey
from tests.support.secret import LINK, nonce, share
from tests.support.world import World
from watchword.adapters.blobs import DiskBlobs
from watchword.core.instant import HOUR
from watchword.core.secret import LEASE, State
from watchword.errors import BurntError, UnknownError
from watchword.flows.secret import Shared
from watchword.flows.secret_file import STAY_EVERY

FILE = bytes(range(256)) * 2048  # two pieces of the disk's


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def upload(world: World, shared: Shared, content: bytes = FILE, *, offset: int = 0, number: int = 0) -> int:
    """Upload a part; returns how much is there."""
    arrived = await world.secret_files.upload(
        shared.secret.id, shared.token, number, offset=offset, pieces=pieces(content)
    )
    return arrived.received


async def claimed(world: World) -> bytes:
    """A secret whose file has arrived, and which somebody has claimed."""
    shared = await share(world, sizes=(len(FILE),))
    await upload(world, shared)
    await world.secrets.claim(shared.secret.id, LINK, None, nonce(1))
    return shared.secret.id


async def state(world: World, shared: Shared) -> State:
    return (await world.secrets.status(shared.secret.id, shared.token)).state


async def download(world: World, raw: bytes, start: int = 0) -> bytes:
    stop = await world.secret_files.size(raw, nonce(1), 0)
    return b"".join([piece async for piece in world.secret_files.download(raw, nonce(1), 0, start, stop)])


@journey()
async def test_a_secret_is_visible_with_the_last_byte_of_its_last_file(world: World) -> None:
    shared = await share(world, sizes=(len(FILE), 3))
    assert len(FILE) == await upload(world, shared)
    with pytest.raises(UnknownError):
        await world.secrets.open(shared.secret.id, LINK)
    assert 3 == await upload(world, shared, b"end", number=1)
    assert State.WAITING is (await world.secrets.open(shared.secret.id, LINK)).state


@journey()
async def test_an_upload_goes_on_where_it_broke_off(world: World) -> None:
    shared = await share(world, sizes=(len(FILE),))
    assert 1_000 == await upload(world, shared, FILE[:1_000])
    arrived = await world.secret_files.received(shared.secret.id, shared.token, 0)
    assert (1_000, len(FILE)) == (arrived.received, arrived.size)
    assert len(FILE) == await upload(world, shared, FILE[1_000:], offset=1_000)
    assert State.WAITING is await state(world, shared)


@journey()
async def test_a_whole_file_is_never_changed(world: World) -> None:
    shared = await share(world, sizes=(len(FILE),))
    await upload(world, shared)
    assert len(FILE) == await upload(world, shared, bytes(len(FILE)))
    await world.secrets.claim(shared.secret.id, LINK, None, nonce(1))
    assert FILE == await download(world, shared.secret.id)


@journey()
async def test_a_file_that_came_whole_before_a_crash_is_made_whole_by_the_next_question(world: World) -> None:
    shared = await share(world, sizes=(3,))
    # Every byte is there, and the process ended before it gave the file its name.
    await world.blobs.write(shared.secret.id, 0, offset=0, size=4, pieces=pieces(b"end"))
    assert (3, False) == await world.blobs.received(shared.secret.id, 0)
    assert 3 == (await world.secret_files.received(shared.secret.id, shared.token, 0)).received
    assert (3, True) == await world.blobs.received(shared.secret.id, 0)
    assert State.WAITING is await state(world, shared)


@journey()
async def test_a_burnt_secret_takes_no_file_and_loses_those_it_had(world: World) -> None:
    shared = await share(world, sizes=(3,))
    await upload(world, shared, b"end")
    await world.secrets.burn(shared.secret.id, shared.token)
    with pytest.raises(BurntError):
        await upload(world, shared, b"end")
    assert [] == list(await world.blobs.names())


@pytest.mark.parametrize("begun", [False, True])
@journey()
async def test_a_secret_that_is_burnt_under_an_upload_says_so_and_keeps_no_file(world: World, *, begun: bool) -> None:
    shared = await share(world, sizes=(3,))

    async def burn() -> None:
        await world.secrets.burn(shared.secret.id, shared.token)

    class Late(DiskBlobs):
        async def received(self, secret: bytes, number: int) -> tuple[int, bool]:
            await burn()
            return await super().received(secret, number)

    async def burning() -> AsyncIterator[bytes]:
        await burn()
        yield b"end"

    if not begun:
        world.secret_files._blobs = Late(world.blobs._folder)
    with pytest.raises(BurntError):
        await world.secret_files.upload(
            shared.secret.id, shared.token, 0, offset=0, pieces=burning() if begun else pieces(b"end")
        )
    assert [] == list(await world.blobs.names())


@pytest.mark.parametrize("number", [-1, 1])
@journey()
async def test_a_file_that_was_not_announced_is_unknown(world: World, number: int) -> None:
    shared = await share(world, sizes=(3,))
    with pytest.raises(UnknownError):
        await upload(world, shared, b"end", number=number)
    await upload(world, shared, b"end")
    await world.secrets.claim(shared.secret.id, LINK, None, nonce(1))
    with pytest.raises(UnknownError):
        await world.secret_files.size(shared.secret.id, nonce(1), number)


@journey()
async def test_a_download_can_go_on_until_a_lease_after_it_broke_off(world: World) -> None:
    raw = await claimed(world)
    assert FILE == await download(world, raw)
    world.clock.move(LEASE - 1)
    assert FILE[7:] == await download(world, raw, start=7)
    world.clock.move(LEASE)
    with pytest.raises(UnknownError):
        await download(world, raw)


@journey()
async def test_a_download_that_takes_longer_than_its_lease_is_not_cut_off(world: World) -> None:
    raw = await claimed(world)
    stop = len(FILE)
    async with aclosing(world.secret_files.download(raw, nonce(1), 0, 0, stop)) as coming:
        await anext(coming)
        world.clock.move(STAY_EVERY)
        await anext(coming)
        world.clock.move(LEASE - 1)  # longer than a lease since the claim
        assert stop == await world.secret_files.size(raw, nonce(1), 0)


@journey()
async def test_what_no_secret_holds_is_swept_and_the_rest_stays(world: World) -> None:
    raw = await claimed(world)
    await world.blobs.write(bytes(16), 0, offset=0, size=3, pieces=pieces(b"end"))
    assert 1 == await world.secret_files.sweep()
    assert [raw] == list(await world.blobs.names())
    assert ("secret.swept", {"secrets": 1}) in world.journal.events
    assert 0 == await world.secret_files.sweep()


@journey()
async def test_files_go_with_the_purge_of_their_secret(world: World) -> None:
    raw = await claimed(world)
    world.clock.move(1_000 * HOUR)
    await world.purge.once()
    assert [] == list(await world.blobs.names()), raw
