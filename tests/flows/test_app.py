"""Apps and their keys."""

from __future__ import annotations

import pytest

from tests.flows.journeys import journey
from tests.support.world import World
from watchword.adapters.memory import MemoryStore
from watchword.core import ids
from watchword.core.app import App, hash_key, write_key
from watchword.core.instant import HOUR, SECOND
from watchword.errors import InvalidInputError, StoreError, UnauthenticatedError, UnknownError
from watchword.flows import app as flow
from watchword.flows.app import Apps


class Counting(MemoryStore):
    """Counts how often it is asked for a key, and refuses to answer as told."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.down = False

    async def app_by_key(self, key_hash: bytes) -> App | None:
        self.asked += 1
        if self.down:
            raise StoreError
        return await super().app_by_key(key_hash)


async def counted(world: World) -> Counting:
    """Give a world a store that counts, with the app in it."""
    store = Counting()
    world.apps = Apps(store, world.clock, world.dice, world.journal)
    world.app, world.key = await world.apps.create("Acme")
    return store


@journey()
async def test_an_app_is_known_by_its_key(world: World) -> None:
    assert await world.apps.by_key(world.key.encode()) == world.app


@journey()
async def test_an_api_key_is_kept_as_a_hash(world: World) -> None:
    assert isinstance(world.store, MemoryStore)
    assert world.key not in repr(world.store.tables.keys) + repr(world.journal.events)


@journey()
async def test_a_key_nobody_gave_out_is_not_valid(world: World) -> None:
    with pytest.raises(UnauthenticatedError):
        await world.apps.by_key(write_key(bytes(32)).encode())


@pytest.mark.parametrize("key", [b"", b"wk_", b"x" * 46, b"\xff" * 46, b"wk_" + b"a" * 10_000])
@journey()
async def test_what_cannot_be_a_key_is_refused_without_asking_the_store(world: World, key: bytes) -> None:
    store = await counted(world)
    with pytest.raises(UnauthenticatedError):
        await world.apps.by_key(key)
    assert store.asked == 0


@journey()
async def test_a_key_is_remembered_for_a_second(world: World) -> None:
    store = await counted(world)
    for _ in range(10):
        await world.apps.by_key(world.key.encode())
        world.clock.move(99)
    assert store.asked == 1
    world.clock.move(10)
    await world.apps.by_key(world.key.encode())
    assert store.asked == 2


@journey()
async def test_a_clock_that_stepped_back_makes_nothing_remembered_longer(world: World) -> None:
    store = await counted(world)
    await world.apps.by_key(world.key.encode())
    world.clock.move(-HOUR)
    await world.apps.by_key(world.key.encode())
    assert store.asked == 2


@journey()
async def test_a_key_revoked_here_is_refused_at_once(world: World) -> None:
    await world.apps.by_key(world.key.encode())
    await world.apps.revoke_key(world.app, world.key)
    with pytest.raises(UnauthenticatedError):
        await world.apps.by_key(world.key.encode())


@journey()
async def test_a_key_revoked_elsewhere_is_refused_within_a_second(world: World) -> None:
    elsewhere = Apps(world.store, world.clock, world.dice, world.journal)
    await world.apps.by_key(world.key.encode())
    await elsewhere.revoke_key(world.app, world.key[:7])
    world.clock.move(SECOND)
    with pytest.raises(UnauthenticatedError):
        await world.apps.by_key(world.key.encode())


@journey()
async def test_a_store_that_fails_lets_nobody_in_by_memory_that_is_over(world: World) -> None:
    store = await counted(world)
    await world.apps.by_key(world.key.encode())
    store.down = True
    world.clock.move(SECOND)
    with pytest.raises(StoreError):
        await world.apps.by_key(world.key.encode())


@journey()
async def test_memory_of_keys_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_REMEMBERED", 3)
    for number in range(10):
        _, key = await world.apps.create(f"App {number}")
        await world.apps.by_key(key.encode())
        assert len(world.apps._remembered) <= 3


@journey()
async def test_what_is_not_valid_is_not_remembered(world: World) -> None:
    for number in range(10):
        with pytest.raises(UnauthenticatedError):
            await world.apps.by_key(write_key(bytes([number]) * 32).encode())
    assert world.apps._remembered == {}


@journey()
async def test_a_minted_key_is_valid_here_and_stored_nowhere(world: World) -> None:
    key = write_key(b"m" * 32)
    apps = Apps(world.store, world.clock, world.dice, world.journal, minted={hash_key(key): world.app.id})
    assert await apps.by_key(key.encode()) == world.app
    with pytest.raises(UnauthenticatedError):
        await world.apps.by_key(key.encode())


@journey()
async def test_a_minted_key_finds_its_app_as_it_is_now(world: World) -> None:
    key = write_key(b"m" * 32)
    apps = Apps(world.store, world.clock, world.dice, world.journal, minted={hash_key(key): world.app.id})
    await apps.by_key(key.encode())
    changed = await world.apps.update(world.app, redirect_uris=["https://shop.example/signed-in"])
    world.clock.move(SECOND)

    assert await apps.by_key(key.encode()) == changed


@journey()
async def test_a_key_that_is_not_there_cannot_be_revoked(world: World) -> None:
    with pytest.raises(UnknownError):
        await world.apps.revoke_key(world.app, "wk_none")


@journey()
async def test_a_replaced_key_is_the_only_one(world: World) -> None:
    await world.apps.add_key(world.app)
    key = await world.apps.add_key(world.app, replace=True)
    ((_, keys),) = await world.apps.all()
    assert [each.hash for each in keys] == [hash_key(key)]


@journey()
async def test_an_app_without_a_key_may_get_one_later(world: World) -> None:
    app = await world.apps.add("Other")
    key = await world.apps.add_key(app)
    assert await world.apps.by_key(key.encode()) == app


@journey()
async def test_an_app_that_does_not_exist_gets_no_key(world: World) -> None:
    with pytest.raises(UnknownError):
        await world.apps.add_key(App(bytes(16), "Ghost", 0))


@journey()
async def test_an_app_is_found_by_name_and_by_id(world: World) -> None:
    await world.apps.create("Other")
    assert await world.apps.named("Acme") == world.app
    assert await world.apps.named(ids.to_text(ids.APP, world.app.id)) == world.app
    with pytest.raises(UnknownError):
        await world.apps.named("acme ")


@pytest.mark.parametrize(("name", "uris"), [("", ()), ("Ac\nme", ()), ("Acme", ("http://app.example/",))])
@journey()
async def test_an_app_that_cannot_be_is_refused(world: World, name: str, uris: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError):
        await world.apps.create(name, uris)


@journey()
async def test_a_name_and_redirect_uris_are_changed_each_by_itself(world: World) -> None:
    renamed = await world.apps.update(world.app, name="Acme 2")
    changed = await world.apps.update(renamed, redirect_uris=["https://app.example/callback"])
    assert (changed.name, changed.redirect_uris) == ("Acme 2", ("https://app.example/callback",))
    assert await world.apps.named("Acme 2") == changed


@journey()
async def test_an_update_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(InvalidInputError):
        await world.apps.update(world.app)


@journey()
async def test_what_is_not_there_cannot_be_updated(world: World) -> None:
    with pytest.raises(UnknownError):
        await world.apps.update(App(bytes(16), "Ghost", 0), name="Spirit")
