"""Several workers: one that dies is replaced, and one that cannot start takes nobody with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tests.support.service import Connection, Service, is_ready, ready, running
from watchword.adapters import key_file
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.cli.serve import FIRST_PAUSE, server_config

# Looked for in what is written from some moment on: a worker that was killed may have taken its last lines along.
STARTED = b'"Application startup complete."'
SAID = 0.9  # seconds at most between a look at the clock and the line that tells of it


def workers(service: Service) -> set[int]:
    """The processes that serve."""
    return {process.pid for process in service.worker_processes()}


async def until(holds: Callable[[], bool]) -> None:
    """Look again and again, for half a minute at most."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells this process what another one's children do
            await asyncio.sleep(0.05)


async def answers(service: Service, key: str) -> bool:
    connection = Connection(service, key)
    try:
        return (await connection.ask("GET", "/healthz"))[0] == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def test_a_worker_that_cannot_start_again_ends_nobody_and_comes_back(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            key = service.command("app", "create", "Workers").decode().strip()
            before = workers(service)
            assert len(before) == 2
            keys = tmp_path / "data" / "keys.json"
            kept = keys.rename(tmp_path / "kept.json")
            os.kill(min(before), signal.SIGKILL)
            await until(lambda: b'"worker.failed"' in service.log.read_bytes())
            for _ in range(20):
                assert await answers(service, key)
            await ready(service, is_ready)
            refused = len(service.log.read_bytes())
            kept.rename(keys)
            await until(lambda: STARTED in service.log.read_bytes()[refused:])
            assert len(workers(service)) == 2
            assert len(workers(service) - before) == 1
            assert service.stop() == 0

    asyncio.run(journey())


def test_a_worker_that_cannot_start_is_tried_later_each_time(tmp_path: Path) -> None:
    def replaced(service: Service) -> list[float]:
        """When workers were replaced, in seconds."""
        whole = service.log.read_bytes().rpartition(b"\n")[0]  # what is read may end in the middle of a line
        lines = [json.loads(line) for line in whole.splitlines() if b'"worker.replaced"' in line]
        return [datetime.fromisoformat(line["at"]).timestamp() for line in lines]

    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            before = workers(service)
            keys = tmp_path / "data" / "keys.json"
            kept = keys.rename(tmp_path / "kept.json")
            os.kill(min(before), signal.SIGKILL)
            await until(lambda: len(replaced(service)) >= 4)
            at = replaced(service)
            pauses = [later - earlier for earlier, later in pairwise(at[:4])]
            assert all(pause > least * FIRST_PAUSE - SAID for pause, least in zip(pauses, (1, 2, 4), strict=True)), (
                pauses
            )
            kept.rename(keys)
            await until(lambda: len(workers(service)) == 2 and len(workers(service) & before) == 1)
            await ready(service, is_ready, within=60)
            assert service.stop() == 0

    asyncio.run(journey())


def test_a_worker_that_takes_long_to_begin_is_waited_for(tmp_path: Path) -> None:
    answers = server_config(lambda: None, workers=2).timeout_worker_healthcheck

    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            before = workers(service)
            os.kill(min(before), signal.SIGKILL)
            await until(lambda: len(workers(service) - before) == 1)
            (new,) = workers(service) - before
            os.kill(new, signal.SIGSTOP)
            await asyncio.sleep(answers + 2.0)  # longer than its parent waits for an answer
            os.kill(new, signal.SIGCONT)
            await until(lambda: STARTED in service.log.read_bytes().partition(b'"worker.replaced"')[2])
            assert new in workers(service)
            assert service.stop() == 0

    asyncio.run(journey())


def test_a_worker_with_another_key_file_than_its_database_takes_nobodys_place_and_says_why(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            before = workers(service)
            keys = tmp_path / "data" / "keys.json"
            kept = keys.rename(tmp_path / "kept.json")
            key_file.ensure(keys, SystemEntropy().draw, SystemClock().now())
            os.kill(min(before), signal.SIGKILL)
            await until(lambda: b"is not the one that" in service.log.read_bytes())
            refused = len(service.log.read_bytes())
            kept.rename(keys)
            await until(lambda: STARTED in service.log.read_bytes()[refused:])
            assert service.stop() == 0

    asyncio.run(journey())


def test_of_several_workers_one_purges(tmp_path: Path) -> None:
    def purging(service: Service) -> list[int]:
        """The workers that hold the turn: whoever asks for it in vain has the file open for a moment, and no lock."""
        place = str(service.database.with_name("watchword.db-purge"))
        return [
            process.pid
            for process in service.worker_processes()
            for file in process.open_files()
            if file.path == place and is_locked(process.pid, file.fd)
        ]

    def is_locked(pid: int, descriptor: int) -> bool:
        with suppress(FileNotFoundError):  # closed between the two looks
            return "\nlock:" in Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()
        return False

    async def journey() -> None:
        async with running(tmp_path, workers=3) as service:
            await until(lambda: len(service.worker_processes()) == 3 and len(purging(service)) > 0)
            for _ in range(20):
                await asyncio.sleep(0.01)  # long enough for a second one to take it
                assert len(purging(service)) == 1
            assert service.stop() == 0

    asyncio.run(journey())
