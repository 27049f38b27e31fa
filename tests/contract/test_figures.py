"""What every store promises the metrics: its figures stand under its own name, and two halves are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.stores import a_world, every_store, run

NAMED = {"memory": "memory", "sqlite": "sqlite", "postgres": "postgresql", "valkey": "valkey"}
BESIDE_VALKEY = {"valkey-twice": "postgresql"}


@every_store
def test_figures_stand_under_the_names_of_what_is_in_use(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            names = {NAMED[store.partition("-")[0]]}
            if store.startswith("valkey"):
                names.add(BESIDE_VALKEY.get(store, "sqlite"))
            assert names == world.store.facts().keys()

    run(journey())


@pytest.mark.parametrize("store", ["valkey", "valkey-cluster"])
def test_what_only_valkey_did_is_in_valkeys_figures_alone(store: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(store, tmp_path) as world:
            before = world.store.facts()
            await world.send()
            after = world.store.facts()
            assert after["valkey"]["operations"] > before["valkey"]["operations"]
            assert before["sqlite"] == after["sqlite"]

    run(journey())
