"""The process that writes for ``serve``: it is there, it may die, and it leaves with whoever it writes for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.service.test_races import app_id
from tests.support.postgres import the_server
from tests.support.service import Connection, Service, code_of, is_ready, ready, running
from watchword.adapters.cores import cores
from watchword.core import ids

pytestmark = pytest.mark.skipif(cores() < 2, reason="a service on one core writes by itself")  # tests need two anyhow

CLIENTS = 16
ANSWERS = 400  # of a load, half of them before the scribe dies


def events(service: Service, name: str) -> list[dict[str, object]]:
    """What a service logged under that name."""
    lines = (json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == name]


def on_a_file(folder: Path) -> Service:
    return Service(folder)


def on_a_server(folder: Path) -> Service:
    return Service(folder, settings={"WATCHWORD_STORE": the_server().url(the_server().database())})


every_store = pytest.mark.parametrize("made", [on_a_file, on_a_server])


def rows_of(service: Service) -> dict[str, str]:
    """Every verification's status, by its id."""
    query = "SELECT lower(hex(id)), status FROM verifications"
    if "WATCHWORD_STORE" in service.settings:
        database = service.settings["WATCHWORD_STORE"].partition("?")[0].rpartition("/")[2]
        lines = the_server().sql(query.replace("hex(id)", "encode(id, 'hex')"), database).splitlines()
        found = [line.split("|") for line in lines]
    else:
        with closing(sqlite3.connect(service.database)) as connection:
            found = connection.execute(query).fetchall()
    return {ids.to_text(ids.VERIFICATION, bytes.fromhex(raw)): status for raw, status in found}


def gone(process: psutil.Process) -> bool:
    """Wait for a process to end."""
    _, alive = psutil.wait_procs([process], timeout=60)
    return not alive


def test_the_scribe_of_a_server_keeps_to_half_of_the_processors_and_the_service_has_all(tmp_path: Path) -> None:
    async def journey() -> None:
        server = the_server().url(the_server().database())
        async with running(tmp_path, settings={"WATCHWORD_STORE": server}) as service:
            connection = Connection(service, service.welcome["api_key"])
            assert (await connection.create("ann@example.com"))[0] == 201  # it has long begun
            connection.close()
            scribe = service.scribe()
            usable = sorted(os.sched_getaffinity(0))
            assert usable[len(usable) // 2 :] == sorted(scribe.cpu_affinity())
            assert usable == sorted(psutil.Process(scribe.ppid()).cpu_affinity())

    asyncio.run(journey())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_scribe_hears_no_signal_that_a_whole_group_is_sent(tmp_path: Path, number: signal.Signals) -> None:
    async def journey() -> None:
        async with running(tmp_path) as service:
            connection = Connection(service, service.welcome["api_key"])
            scribe = service.scribe()
            scribe.send_signal(number)
            assert (await connection.create("ann@example.com"))[0] == 201
            assert service.scribe().pid == scribe.pid
            connection.close()
            assert await service.finish() == 0
            assert gone(scribe)
            assert not events(service, "scribe.lost")

    asyncio.run(journey())


@every_store
def test_a_scribe_leaves_with_a_service_that_is_killed_and_gives_port_and_store_free(
    made: Callable[[Path], Service], tmp_path: Path
) -> None:
    async def journey() -> None:
        service = made(tmp_path)
        key = service.command("app", "create", "Load").decode().strip()
        await service.start()
        first = service.scribe()
        service.kill_first()
        await service.start()  # on the same port
        connection = Connection(service, key)
        assert (await connection.create("ann@example.com"))[0] == 201
        connection.close()
        assert gone(first)
        assert await service.finish() == 0

    asyncio.run(journey())


def test_a_scribe_that_was_stopped_keeps_no_service_from_ending(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path) as service:
            scribe = service.scribe()
            scribe.suspend()
            assert await service.finish() == 0
            assert gone(scribe)

    asyncio.run(journey())


@pytest.mark.parametrize(("how", "found"), [({}, 1), ({"through": ("taskset", "-c", "0")}, 0), ({"workers": 2}, 0)])
def test_one_worker_with_two_cores_has_a_scribe(tmp_path: Path, how: dict[str, Any], found: int) -> None:
    async def journey() -> None:
        async with running(tmp_path, **how) as service:
            others = [each for each in service.processes()[1:] if each.cmdline() == service.processes()[0].cmdline()]
            assert len(others) == found

    asyncio.run(journey())


def test_a_scribe_holds_nothing_open_but_the_file_and_its_socket(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path) as service:
            await ready(service, is_ready)
            scribe = service.scribe()
            assert {Path(file.path).name.removesuffix("-wal") for file in scribe.open_files()} <= {
                "watchword.db",
                "watchword.db-shm",
                "service.log",
            }
            assert not scribe.net_connections("inet")

    asyncio.run(journey())


def test_the_scribe_of_a_server_holds_nothing_open_but_its_connections(tmp_path: Path) -> None:
    async def journey() -> None:
        service = on_a_server(tmp_path)
        await service.start()
        await ready(service, is_ready)
        scribe = service.scribe()
        assert {Path(file.path).name for file in scribe.open_files()} <= {"service.log"}
        assert not [each for each in scribe.net_connections("inet") if each.status == psutil.CONN_LISTEN]
        assert 1 <= len([each for each in scribe.net_connections("all") if each.raddr]) <= 2 + 1  # and whoever asks
        assert await service.finish() == 0
        assert gone(scribe)

    asyncio.run(journey())


@every_store
def test_a_scribe_that_is_killed_under_load_loses_no_answer_and_the_service_goes_on(
    made: Callable[[Path], Service], tmp_path: Path
) -> None:
    """Whoever was under way is told to try again, or comes while it begins; whoever comes later notices nothing."""
    service = made(tmp_path)
    key = service.command("app", "create", "Load").decode().strip()
    app = app_id(service.command("app", "list", "--json"), "Load")
    created: set[str] = set()
    approved: set[str] = set()
    seen: Counter[int] = Counter()
    halfway = asyncio.Event()

    async def client(name: str) -> None:
        connection, keyring = Connection(service, key), service.keyring()
        while seen.total() < ANSWERS:
            status, answer = await connection.create(f"{name}.{seen.total()}@example.com")
            seen[status] += 1
            if status == 201:
                created.add(answer["id"])
                status, checked = await connection.check(answer["id"], code_of(keyring, app, answer["id"]))
                seen[status] += 1
                if status == 200:
                    approved.add(checked["id"])
            if seen.total() >= ANSWERS // 2:
                halfway.set()
        connection.close()

    async def journey() -> None:
        await service.start()
        try:
            clients = [asyncio.create_task(client(f"c{number}")) for number in range(CLIENTS)]
            await halfway.wait()
            scribe = service.scribe()
            scribe.kill()
            await asyncio.gather(*clients)
            assert gone(scribe)  # and waited for: it is no zombie
            await ready(service, is_ready)
            assert len(service.processes()) == 1
            assert await service.finish() == 0
            assert [lost["code"] for lost in events(service, "scribe.lost")] == [-9]
        finally:
            with suppress(ProcessLookupError):
                service.kill()

    asyncio.run(journey())
    assert set(seen) <= {200, 201, 503}
    assert seen[503] <= 2 * CLIENTS  # twice, where its connection is slow to be made again
    kept = rows_of(service)
    assert created <= set(kept)
    assert {kept[one] for one in approved} == {"approved"}
