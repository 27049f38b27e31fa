"""Authenticators with two workers on one file, and after kill -9."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Connection, Service, running
from watchword.adapters.system import SystemClock
from watchword.core.otpauth import AuthenticatorKey, read_key_uri
from watchword.core.totp import seconds_left, totp

AT_ONCE = 64
TRIALS = 20
A = "/v1/authenticators"


async def post(connection: Connection, address: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return await connection.ask("POST", address, body)


async def early_in_a_step() -> None:
    """Come back with time left in which the code stays what it is."""
    async with asyncio.timeout(31):
        while seconds_left(SystemClock().now()) < 10:  # noqa: ASYNC110 - the wall clock tells nobody
            await asyncio.sleep(0.2)


def by_oathtool(key: AuthenticatorKey, steps: int = 0) -> str:
    """The code by another hand. The key goes in by standard input, as it would where others can list processes."""
    at = SystemClock().now() // 1000 + 30 * steps
    command = ["oathtool", "--totp", f"--now=@{at}", "-"]
    told = subprocess.run(command, input=key.secret.hex().encode(), capture_output=True, check=True)
    return told.stdout.decode().strip()


async def bound(connection: Connection, subject: str, steps: int = 0) -> AuthenticatorKey:
    status, made = await post(connection, A, {"subject": subject})
    assert status == 201
    key = read_key_uri(made["otpauth_uri"]).key
    status, answer = await post(connection, f"{A}/{made['id']}/confirm", {"code": by_oathtool(key, steps)})
    assert (200, "active") == (status, answer["status"])
    return key


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_of_64_parallel_checks_over_two_workers_one_is_approved(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, workers=2) as service:
            key = service.command("app", "create", "Races").decode().strip()
            connections = [Connection(service, key) for _ in range(AT_ONCE)]
            for number in range(TRIALS):
                await early_in_a_step()
                # Confirmed with the code of the step before, so that the present one is new.
                seed = await bound(connections[0], f"user-{number}", steps=-1)
                asked = {"subject": f"user-{number}", "code": by_oathtool(seed)}
                answers = await asyncio.gather(*(post(each, f"{A}/check", asked) for each in connections))
                told = Counter("approved" if status == 200 else answer["reason"] for status, answer in answers)
                assert told == {"approved": 1, "used": AT_ONCE - 1}
            for each in connections:
                each.close()

    asyncio.run(journey())


@pytest.mark.timeout(300)
def test_a_code_that_was_accepted_is_used_after_kill_9(tmp_path: Path) -> None:
    async def check(service: Service, key: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with closing(Connection(service, key)) as connection:
            return await post(connection, f"{A}/check", asked)

    async def journey() -> None:
        async with running(tmp_path) as service:
            key = service.command("app", "create", "Crash").decode().strip()
            await early_in_a_step()
            with closing(Connection(service, key)) as connection:
                seed = await bound(connection, "ann", steps=-1)
            asked = {"subject": "ann", "code": totp(seed.secret, SystemClock().now())}
            assert 200 == (await check(service, key, asked))[0]
            service.kill()
            dump = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("watchword.db*"))
            assert seed.secret not in dump
            await service.start()
            status, answer = await check(service, key, asked)
            assert (422, "used") == (status, answer["reason"])
            service.command("keys", "rotate")
            assert 422 == (await check(service, key, asked))[0]

    asyncio.run(journey())
