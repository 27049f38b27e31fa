"""The whole service with Valkey for what is short-lived: killed, cut, stalled and replaced while people sign in."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.test_valkey import follows
from tests.service.test_races import app_id
from tests.support.hosts import SOON, goes_on
from tests.support.line import a_line
from tests.support.secret import a_claim, a_secret
from tests.support.service import Connection, Service, code_of, get, is_not_ready, is_ready, ready, running
from tests.support.valkeys import Server, emptied, one_cluster, one_server
from tests.support.world import wrong

CLIENTS = 6
KILLS = 5
MEANWHILE = 60  # mails a minute and process
VICTIM = "victim@example.com"


@dataclass
class Crowd:
    """People who sign in again and again, one who guesses, and what they were told."""

    service: Service
    key: str
    app: bytes
    approved: Counter[str] = field(default_factory=Counter)
    made: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    guessed: int = 0
    meanwhile: int = 0  # so many mails may have gone out while Valkey was away
    over: bool = False

    async def sign_in(self, name: str) -> None:
        """Sign in until it is over, whatever breaks meanwhile."""
        with closing(Connection(self.service, self.key)) as connection:
            number = 0
            while not self.over:
                number += 1
                status, made = await connection.create(f"{name}.{number}@example.com")
                if self._is_refused(status, made):
                    continue
                assert status == 201, made
                self.made.add(made["id"])
                await self.check(connection, made["id"])

    async def check(self, connection: Connection, raw: str) -> None:
        """Type the right code."""
        status, answer = await connection.check(raw, code_of(self.service.keyring(), self.app, raw))
        if status == 200:
            self.approved[raw] += 1
        elif not self._is_refused(status, answer):
            # A row whose server has restarted since is gone, or over; one that was not sent before has failed.
            assert status == 404 or answer["reason"] in {"expired", "failed", "used"}, answer

    async def guess(self) -> None:
        """Type wrong codes of one person until it is over, and count those that were evaluated."""
        with closing(Connection(self.service, self.key)) as connection:
            while not self.over:
                status, made = await connection.create(VICTIM)
                while status == 201 and not self.over:
                    code = wrong(code_of(self.service.keyring(), self.app, made["id"]))
                    again, answer = await connection.check(made["id"], code)
                    assert again != 200
                    if answer.get("reason") != "mismatch":
                        break
                    self.guessed += 1

    async def _again(self, turn: Iterator[str]) -> None:
        with closing(Connection(self.service, self.key)) as connection:
            for raw in turn:
                await self.check(connection, raw)

    def _is_refused(self, status: int, answer: Any) -> bool:
        refused = status == 503 or (status, self.meanwhile > 0) == (429, True)
        if refused:
            self.refused[answer["code"]] += 1
        return refused

    async def prove(self) -> None:
        """Nobody is approved twice, however often everybody tries again; no wrong guess was forgotten."""
        turn = iter([*self.made])
        await asyncio.gather(*(self._again(turn) for _ in range(3 * CLIENTS)))
        assert {1} == set(self.approved.values())
        assert self.refused.keys() <= {"store_unavailable", "overloaded", "rate_limited"}
        with closing(sqlite3.connect(self.service.database)) as database:
            assert self.guessed <= max(row[0] for row in database.execute("SELECT streak FROM guess_buckets"))
            # By email, only what was asked for while Valkey was away.
            (count,) = database.execute("SELECT count(*) FROM verifications").fetchone()
            assert count <= self.meanwhile
        assert "Traceback" not in self.service.log.read_text()


@asynccontextmanager
async def a_crowd(folder: Path, fast: str, workers: int = 2) -> AsyncIterator[Crowd]:
    """A service with a crowd that goes on until the block ends, and then proves what it knows."""
    async with running(folder, workers=workers, settings={"WATCHWORD_FAST_STORE": fast}) as service:
        key = (await asyncio.to_thread(service.command, "app", "create", "Crowd")).decode().strip()
        listed = await asyncio.to_thread(service.command, "app", "list", "--json")
        crowd = Crowd(service, key, app_id(listed, "Crowd"))
        tasks = [asyncio.create_task(crowd.sign_in(f"c{number}")) for number in range(CLIENTS)]
        tasks.append(asyncio.create_task(crowd.guess()))
        yield crowd
        crowd.over = True
        await asyncio.gather(*tasks)
        await crowd.prove()


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
@pytest.mark.parametrize("persistence", [(), ("--appendonly", "yes")])
def test_whenever_valkey_is_killed_nobody_is_approved_twice_and_no_guess_is_forgotten(
    tmp_path: Path, persistence: tuple[str, ...]
) -> None:
    async def journey() -> None:
        with closing(Server(*persistence)) as server:
            async with a_crowd(tmp_path, f"valkey://127.0.0.1:{server.port}") as crowd:
                for _ in range(KILLS):
                    await goes_on(crowd)
                    server.kill()
                    crowd.meanwhile += 2 * 2 * MEANWHILE  # two processes, and at most two minutes of them
                    heard = await ready(crowd.service, is_not_ready)
                    assert heard.document["code"] == "store_unavailable"
                    assert "Valkey" in heard.document["detail"]
                    assert (await get(crowd.service, "/healthz")).status == 200
                    await asyncio.to_thread(server.start)
                    await ready(crowd.service, is_ready, within=SOON)
                await goes_on(crowd)
                assert crowd.refused["store_unavailable"]

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_a_line_to_valkey_that_is_cut_or_dead_makes_503s_for_as_long_and_no_longer(tmp_path: Path) -> None:
    async def journey() -> None:
        server = one_server()
        emptied([server])
        async with a_line(server.port) as line, a_crowd(tmp_path, f"valkey://127.0.0.1:{line.port}") as crowd:
            for break_it in (line.cut, line.die):
                await goes_on(crowd)
                break_it()
                crowd.meanwhile += 2 * 2 * MEANWHILE
                assert (await ready(crowd.service, is_not_ready)).document["code"] == "store_unavailable"
                line.mend()
                await ready(crowd.service, is_ready, within=SOON)
            await goes_on(crowd)
            crowd.meanwhile += 2 * 2 * MEANWHILE
            for lost in range(1, 4):
                line.lose_answer_to(b"EVALSHA")
                await goes_on(crowd)
                assert line.lost == lost

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_when_a_replica_takes_over_behind_an_address_that_moves_people_ask_for_new_codes(tmp_path: Path) -> None:
    async def journey() -> None:
        with closing(Server()) as master, closing(Server()) as replica:
            follows(replica, master)
            async with a_line(master.port) as line, a_crowd(tmp_path, f"valkey://127.0.0.1:{line.port}") as crowd:
                await goes_on(crowd)
                crowd.meanwhile += 2 * 2 * MEANWHILE
                line.cut()
                master.kill()
                assert (await ready(crowd.service, is_not_ready)).document["code"] == "store_unavailable"
                replica.call("REPLICAOF", "NO", "ONE")
                line.target = replica.port
                line.mend()
                await ready(crowd.service, is_ready, within=SOON)
                await goes_on(crowd)

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_a_service_on_a_cluster_serves_as_ever(tmp_path: Path) -> None:
    async def journey() -> None:
        emptied(one_cluster().masters)
        async with a_crowd(tmp_path, one_cluster().url) as crowd:
            await goes_on(crowd, by=200)
            if crowd.refused:  # by a server that stood still for two seconds, on a machine that has much else to do
                crowd.meanwhile += 2 * 2 * MEANWHILE
            assert crowd.refused.keys() <= {"store_unavailable"}
            assert crowd.refused.total() <= CLIENTS

    asyncio.run(journey())


@pytest.mark.xdist_group("heavy")
def test_while_valkey_is_away_mail_and_secrets_go_on_and_checks_wait_until_it_is_back(tmp_path: Path) -> None:
    async def journey() -> None:
        with closing(Server()) as server:
            settings = {"WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{server.port}"}
            async with running(tmp_path, settings=settings) as service:
                key = (await asyncio.to_thread(service.command, "app", "create", "Acme")).decode().strip()
                app = app_id(await asyncio.to_thread(service.command, "app", "list", "--json"), "Acme")
                server.kill()
                await ready(service, is_not_ready)
                with closing(Connection(service, key)) as connection:
                    status, made = await connection.create("ann@example.com")
                    assert status == 201, made
                    code = code_of(service.keyring(), app, made["id"])
                    for typed in (code, wrong(code)):
                        status, refused = await connection.check(made["id"], typed)
                        assert (status, refused["code"]) == (503, "store_unavailable")
                    status, secret = await connection.ask("POST", "/v1/secrets", a_secret())
                    assert status == 201, secret
                    status, _ = await connection.ask("POST", f"/v1/secrets/{secret['id']}/claim", a_claim())
                    assert status == 200
                    await asyncio.to_thread(server.start)
                    await ready(service, is_ready, within=SOON)
                    assert (await connection.check(made["id"], wrong(code)))[1]["reason"] == "mismatch"
                    assert (await connection.check(made["id"], code))[0] == 200
                    assert (await connection.check(made["id"], code))[1]["reason"] == "used"

    asyncio.run(journey())


def test_without_valkey_the_service_does_not_start_and_says_why(tmp_path: Path) -> None:
    service = Service(tmp_path, settings={"WATCHWORD_FAST_STORE": "valkey://ann:hunter2@127.0.0.1:1"})
    done = service.run(*service.serving())
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"Valkey at 127.0.0.1:1: it cannot be reached" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"hunter2" not in done.stderr
    assert service.run("app", "create", "Acme").returncode == 0  # apps lie in the other half


def test_doctor_looks_at_valkey(tmp_path: Path) -> None:
    def told(server: Server) -> list[tuple[str, str]]:
        settings = {"WATCHWORD_FAST_STORE": f"valkey://127.0.0.1:{server.port}"}
        lines = json.loads(Service(tmp_path, settings=settings).run("doctor", "--json").stdout)
        return [(line["verdict"], line["text"]) for line in lines if line["subject"] == "fast"]

    with closing(Server("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")) as server:
        (verdict, text), (worse, why) = told(server)
        assert (verdict, worse) == ("ok", "warning")
        assert "can be written, Valkey" in text
        assert "of 64 MiB" in text
        assert "allkeys-lru" in why
        server.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        assert [verdict for verdict, _ in told(server)] == ["ok"]
        server.kill()
        assert [verdict for verdict, _ in told(server)] == ["error"]
