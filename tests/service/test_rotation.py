"""Keys are rotated while people sign in on two hosts, of which one is never told."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_workers import until
from tests.support.hosts import Hosts, goes_on, two_hosts
from tests.support.service import UNHURRIED, Connection, Service, code_of
from watchword.core import ids

CLIENTS = 6
WORKERS = 2  # of each host
ROTATIONS = 2


class Crowd:
    """People whose code is made on one host and checked on the other, and somebody who makes ids up."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.approved: Counter[str] = Counter()
        self.turned_away: list[tuple[int, Any]] = []
        self.keys: set[int] = set()
        self.over = False

    async def sign_in(self, name: str, makes: int) -> None:
        with closing(self._to(makes)) as here, closing(self._to(1 - makes)) as there:
            number = 0
            while not self.over:
                number += 1
                status, made = await here.create(f"{name}.{number}@example.com")
                if status != 201:
                    self.turned_away.append((status, made))
                    continue
                self.keys.add(ids.key_number(ids.from_text(ids.VERIFICATION, made["id"])))
                status, answer = await there.check(made["id"], code_of(self.hosts.keyring, self.hosts.app, made["id"]))
                if status != 200:
                    self.turned_away.append((status, answer))
                self.approved[made["id"]] += 1

    async def make_up(self, host: int) -> None:
        with closing(self._to(host)) as connection:
            while not self.over:
                made_up = ids.verification_id(time.time_ns() // 1_000_000, 200, os.urandom(ids.VERIFICATION_RANDOM))
                status, answer = await connection.check(ids.to_text(ids.VERIFICATION, made_up), "123456")
                if status != 404:
                    self.turned_away.append((status, answer))

    def _to(self, host: int) -> Connection:
        return Connection(self.hosts.services[host], self.hosts.key)


async def rotate(service: Service) -> None:
    """As the page on rotation has it, until every worker is another one."""
    replaced = workers_gone(service)
    await asyncio.to_thread(service.command, "keys", "rotate")
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    await until(lambda: workers_gone(service) == replaced + WORKERS)


def workers_gone(service: Service) -> int:
    return service.log.read_text().count("Finished server process")


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_keys_are_rotated_while_people_sign_in_and_nobody_is_turned_away(tmp_path: Path) -> None:
    async def journey() -> None:
        async with two_hosts(tmp_path, workers=WORKERS, programs=(UNHURRIED, UNHURRIED)) as hosts:
            crowd = Crowd(hosts)
            tasks = [asyncio.create_task(crowd.sign_in(f"c{number}", number % 2)) for number in range(CLIENTS)]
            tasks += [asyncio.create_task(crowd.make_up(host)) for host in (0, 1)]
            for _ in range(ROTATIONS):
                await goes_on(crowd)
                await rotate(hosts.services[0])
            await goes_on(crowd)
            crowd.over = True
            await asyncio.gather(*tasks)
            assert not crowd.turned_away
            assert {1, *range(2, 2 + ROTATIONS)} <= crowd.keys

    asyncio.run(journey())
