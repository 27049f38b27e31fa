"""After twenty thousand finished verifications and a purge everything is as it was: rows, file, memory.

The work is done by a process of its own, whose memory nothing else has touched. It runs on the real store and the
real flows, under a clock that the test moves. A hundred thousand over HTTP are for the bench (``bench/footprint.py``).
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import apsw
import msgspec
import psutil
import pytest

from tests.support.service import plain_environment
from tests.support.world import FrozenClock, LoadedDice, a_keyring, wrong
from watchword.adapters.mailbox import DevelopmentMailbox
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.sqlite.checkpoint import write_back_all
from watchword.adapters.system import trim_memory
from watchword.core import passcode
from watchword.core.app import App
from watchword.core.instant import DAY, MINUTE
from watchword.core.limit import Rate
from watchword.core.policy import BALANCED, Limits, Rules
from watchword.errors import MismatchError
from watchword.flows.app import Apps
from watchword.flows.courier import Courier
from watchword.flows.keys import Keys
from watchword.flows.purge import RETENTION, Purge
from watchword.flows.verification import Request, Verifications

ROOT = Path(__file__).parents[2]
WARM_UP = 2_000
MANY = 20_000
TASKS = 256
KIB = 1_024
MIB = 1_024 * KIB

WIDE = (Rate(100_000_000, MINUTE),)  # never met, and every limit keeps its books


class Measured(msgspec.Struct):
    """What is there, once nothing is under way."""

    rows: dict[str, int]
    file: int
    memory: int


class Silence:
    """An audit that remembers nothing."""

    def record(self, event: str, /, **facts: object) -> None:
        pass


class Plant:
    """Store and flows, without a test's own memory of what happened."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.store = SqliteStore(file)
        self.clock = FrozenClock()
        audit, dice = Silence(), LoadedDice()
        rules = Rules(BALANCED, Limits(WIDE, WIDE, WIDE, WIDE, (Rate(1_000, MINUTE), Rate(1_000, DAY))))
        self.keys = Keys(a_keyring, self.clock)
        mailer = DevelopmentMailbox()
        self.courier = Courier(self.store, mailer, self.keys, self.clock, dice, audit, at_once=TASKS)
        self.verifications = Verifications(self.store, self.keys, self.clock, dice, audit, rules, self.courier.wake)
        self.purge = Purge(self.store, self.clock, audit, trim_memory)
        self.apps = Apps(self.store, self.clock, dice, audit)

    async def finish(self, app: App, number: int) -> None:
        """One verification from its beginning to its end; a tenth with a wrong guess on the way."""
        address = f"user{number}@example.com"
        source = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        request = Request("email", address, "login", source=source, idempotency_key=f"order-{number}")
        shown = await self.verifications.create(app, request)
        raw = shown.verification.id
        code = passcode.derive_code(self.keys.ring, app.id, raw, shown.verification.digits)
        if number % 10 == 0:
            with suppress(MismatchError):
                await self.verifications.check(app, raw, wrong(code))
        await self.verifications.check(app, raw, code, purpose="login", to=address)

    async def finish_all(self, app: App, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self.finish(app, number)

    async def run(self, app: App, first: int, count: int) -> Measured:
        """Finish so many, let their time pass, purge, and measure."""
        numbers = iter(range(first, first + count))
        delivering = asyncio.create_task(self.courier.run())
        await asyncio.gather(*(self.finish_all(app, numbers) for _ in range(TASKS)))
        delivering.cancel()
        await self.courier.drain()
        assert self.count()["verifications"] == count
        self.clock.move(RETENTION + DAY)
        removed = await self.purge.once()
        assert removed >= count
        return await self.measure()

    async def measure(self) -> Measured:
        await self.store._checkpointer.read(write_back_all)  # what it does by itself where nothing is written
        gc.collect()
        log = self.file.with_name(self.file.name + "-wal")
        size = self.file.stat().st_size + log.stat().st_size
        return Measured(self.count(), size, psutil.Process().memory_info().rss)

    def count(self) -> dict[str, int]:
        with closing(apsw.Connection(str(self.file))) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            return {name: connection.execute(f"SELECT count(*) FROM {name}").get for name in tables}  # noqa: S608 - our own names


async def work(file: Path) -> list[Measured]:
    """Warm up, then do much; returns what was there after each."""
    plant = Plant(file)
    await plant.store.open()
    app, _ = await plant.apps.create("Many")
    measured = [await plant.run(app, 0, WARM_UP), await plant.run(app, WARM_UP, MANY)]
    await plant.store.aclose()
    return measured


def main() -> None:
    print(msgspec.json.encode(asyncio.run(work(Path(sys.argv[1])))).decode())  # noqa: T201 - told to the test


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_twenty_thousand_finished_verifications_leave_nothing_behind(tmp_path: Path) -> None:
    started = [
        sys.executable,
        "-c",
        "from tests.service.test_purge import main; main()",
        str(tmp_path / "watchword.db"),
    ]
    done = subprocess.run(started, cwd=ROOT, env=plain_environment(), capture_output=True, check=False, timeout=280)
    assert (done.returncode, done.stderr) == (0, b"")
    before, after = msgspec.json.decode(done.stdout, type=list[Measured])
    assert after.rows == before.rows
    assert after.file <= before.file + 64 * KIB
    assert after.memory <= before.memory + 2 * MIB  # a leak of a hundred bytes a verification
