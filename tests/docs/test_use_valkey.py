"""The page on Valkey: HAProxy never has two masters to choose from, and two that are alive do what it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.support.valkeys import Server
from tests.support.world import World, wrong
from watchword.adapters.split import SplitStore
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.valkey import ValkeyAddress, ValkeyStore
from watchword.core.instant import HOUR
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules
from watchword.errors import MismatchError, RateLimitedError, StoreError, UnknownError

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-valkey.md").read_text(encoding="utf-8")
BUDGET = 4
RULES = Rules(limits=Limits((), (), (), (), (Rate(BUDGET, HOUR),), away_sends=()))


@asynccontextmanager
async def a_side(folder: Path, server: Server) -> AsyncIterator[World]:
    """Processes that reach one master, and the durable store that all of them reach."""
    durable = SqliteStore(folder / "watchword.db")
    address = ValkeyAddress.parse(f"valkey://127.0.0.1:{server.port}")
    world = World(SplitStore(ValkeyStore(address, durable), durable), RULES)
    await world.store.open()
    try:
        yield world
    finally:
        await world.store.aclose()


async def guesses(world: World, most: int) -> int:
    """How many wrong codes are looked at, of so many that are tried, each for a message of its own."""
    for number in range(most):
        raw, code = await world.send()
        try:
            await world.check(raw, wrong(code))
        except MismatchError:
            continue
        except RateLimitedError:
            return number
    return most


def test_haproxy_has_one_server_to_choose_whatever_both_say() -> None:
    default, *servers = re.findall(r"^    ((?:default-)?server .+)$", PAGE, flags=re.MULTILINE)

    first, second = servers
    assert "on-marked-down shutdown-sessions" in default
    assert re.search(r" backup\b", second)
    assert not re.search(r" backup\b", first)
    # Else connections to the second would outlive the change, beside new ones to the first.
    assert "on-marked-up shutdown-backup-sessions" in first
    assert int(re.findall(r" rise (\d+)", first)[0]) >= 20  # seconds that Sentinel takes to demote who comes back


def test_two_masters_that_are_alive_know_nothing_of_each_others_codes_and_guesses(tmp_path: Path) -> None:
    assert "### Never two masters at once" in PAGE

    async def journey() -> None:
        with closing(Server()) as one, closing(Server()) as other:
            async with AsyncExitStack() as stack:
                here, there = [await stack.enter_async_context(a_side(tmp_path, server)) for server in (one, other)]
                here.app = there.app = (await here.apps.create("Acme"))[0]
                there.dice.draw(1)  # so that no two ids are one
                raw, code = await here.send()
                with pytest.raises(UnknownError):
                    await there.check(raw, code)

                for side in (here, there, here, there):  # the second one begins with what the first has counted
                    assert 1 == await guesses(side, 1)
                for side in (here, there):  # which has counted two or three, of four that were told
                    with pytest.raises(StoreError):
                        await guesses(side, 1)
                    assert 0 == await guesses(side, 1)
            other.kill()
            other.start()
            async with a_side(tmp_path, other) as there:
                there.app = here.app
                there.dice.draw(2)
                assert 0 == await guesses(there, 1)  # in a new term the durable store is read, which has them all

    asyncio.run(journey())


def test_a_master_without_a_replica_refuses_where_it_is_told_to(tmp_path: Path) -> None:
    (settings,) = re.findall(r"^```\n(min-replicas.+?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    words = [f"--{word}" if word.startswith("min-") else word for word in settings.split()]

    async def journey() -> None:
        with closing(Server(*words)) as alone, closing(Server()) as whole:
            async with a_side(tmp_path, alone) as world:
                world.app = (await world.apps.create("Acme"))[0]
                with pytest.raises(StoreError):
                    await world.create()
            async with a_side(tmp_path, whole) as other:
                other.app = world.app
                await other.create()

    asyncio.run(journey())
