"""Races over HTTP: two workers, one SQLite file, everything at once (issue: 0 of 1 000 trials)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.service import Connection, Service, code_of, running
from tests.support.world import wrong
from watchword.core import ids
from watchword.core.keyring import Keyring

TRIALS = 1_000
AT_ONCE = 32


class Bench:
    """A service with an app and as many connections as ask at once."""

    def __init__(self, service: Service) -> None:
        key = service.command("app", "create", "Races").decode().strip()
        listed = service.command("app", "list", "--json")
        self.app = app_id(listed, "Races")
        self.keyring: Keyring = service.keyring()
        self.connections = [Connection(service, key) for _ in range(AT_ONCE)]

    async def trial(self, number: int, *, right: bool) -> Counter[str]:
        """One verification, checked on every connection at once; counts what was answered."""
        status, made = await self.connections[0].create(f"user{number}@example.com")
        assert status == 201
        code = code_of(self.keyring, self.app, made["id"])
        typed = code if right else wrong(code)
        answers = await asyncio.gather(*(each.check(made["id"], typed) for each in self.connections))
        return Counter("approved" if status == 200 else answer["reason"] for status, answer in answers)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


def app_id(listed: bytes, name: str) -> bytes:
    """The id of an app out of ``app list --json``."""
    (found,) = [app for app in json.loads(listed) if app["name"] == name]
    return ids.from_text(ids.APP, found["id"])


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_of_32_parallel_right_checks_one_is_approved_in_a_thousand_trials(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            bench = Bench(service)
            for number in range(TRIALS):
                assert await bench.trial(number, right=True) == {"approved": 1, "used": AT_ONCE - 1}
            bench.close()

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_of_32_parallel_wrong_checks_five_are_evaluated_in_a_thousand_trials(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            bench = Bench(service)
            for number in range(TRIALS):
                assert await bench.trial(number, right=False) == {"mismatch": 5, "exhausted": AT_ONCE - 5}
            bench.close()

    asyncio.run(journey())
