"""Secrets in the real service: two workers that race, connections that are cut, kill -9, and what is left behind."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.secret import AUTH, LINK, WRONG, a_claim, a_secret, nonce, text
from tests.support.service import Connection, Service, running
from tests.support.sinks import Sinks

UNLIMITED = '[secrets]\nsource_creates = ""\nsource_kib = ""\nmax_file = 134217728\n'
S = "/v1/secrets"
TRIALS = 1_000
AT_ONCE = 64
BURNS = 100
CUTS = 20
KILLS = 10  # at least
TOLD = 300  # secrets at least, for which a slow machine is killed more often
CLIENTS = 8
BIG = 64 * 1024 * 1024  # bytes of a file
JWE = "e30..bm9uY2U." + "c" * 87_000 + ".dGFn"


def anonymous(service: Service) -> Connection:
    """A stranger's connection: the header must be there for ``Connection``, and means nothing to these routes."""
    return Connection(service, "-")


async def share(connection: Connection, **more: Any) -> tuple[str, str]:
    """Share a secret; its address and manage token."""
    status, made = await connection.ask("POST", S, a_secret(**more))
    assert 201 == status, made
    return f"{S}/{made['id']}", made["manage_token"]


@asynccontextmanager
async def a_service(folder: Path, **how: Any) -> AsyncIterator[tuple[Service, str]]:
    async with running(folder, config=UNLIMITED, **how) as service:
        yield service, service.command("app", "create", "Secrets").decode().strip()


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_of_64_parallel_openers_over_two_workers_one_is_given_it(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_service(tmp_path, workers=2) as (service, key):
            maker = Connection(service, key)
            openers = [anonymous(service) for _ in range(AT_ONCE)]
            for _ in range(TRIALS):
                address, _ = await share(maker)
                claims = (each.ask("POST", f"{address}/claim", a_claim(n)) for n, each in enumerate(openers))
                answers = Counter(status for status, _ in await asyncio.gather(*claims))
                assert {200: 1, 410: AT_ONCE - 1} == answers
            for each in (maker, *openers):
                each.close()

    asyncio.run(journey())


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_openers_and_burners_over_two_workers_end_it_once_and_for_all(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_service(tmp_path, workers=2) as (service, key):
            maker, openers = Connection(service, key), [anonymous(service) for _ in range(16)]
            ends, dice = Counter[int](), random.Random(2026)
            for _ in range(BURNS):
                address, token = await share(maker)
                burners = [Connection(service, token) for _ in range(4)]
                await asyncio.gather(*(each.ask("GET", f"{address}/status") for each in burners))  # they are connected
                asked = [each.ask("POST", f"{address}/claim", a_claim(n)) for n, each in enumerate(openers)]
                burns = [each.ask("DELETE", address) for each in burners]
                heard = await asyncio.gather(*dice.sample(asked + burns, 20))
                states = {answer["state"] for _, answer in heard if "state" in answer}
                granted = sum("envelope" in answer for _, answer in heard)
                assert {200: 4 + granted, 410: 16 - granted} == Counter(status for status, _ in heard)
                assert states == ({"opened"} if granted else {"burnt"})
                assert granted in {0, 1}
                ends[granted] += 1
                # Whoever was given it, was given it before the burn, and gets nothing after it.
                for number in range(16):
                    assert 410 == (await openers[0].ask("POST", f"{address}/claim", a_claim(number)))[0]
                for each in burners:
                    each.close()
            for each in (maker, *openers):
                each.close()
            assert ends[0] > 0 < ends[1]

    asyncio.run(journey())


async def cut(service: Service, address: str, share_of_answer: float, size: int) -> None:
    """Claim, take so much of the answer, and be gone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=4_096)
    body = json.dumps(a_claim(7)).encode()
    head = f"POST {address}/claim HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    if share_of_answer:
        await reader.readexactly(int(size * share_of_answer))
    writer.transport.abort()


@pytest.mark.parametrize("share_of_answer", [0, 0.5, 0.99])
def test_a_connection_that_is_cut_loses_nothing_for_the_same_claimer(tmp_path: Path, share_of_answer: float) -> None:
    async def journey() -> None:
        async with a_service(tmp_path, workers=2) as (service, key):
            maker, reader = Connection(service, key), anonymous(service)
            for _ in range(CUTS):
                address, _ = await share(maker, envelope={"v": 1, "nonce": text(bytes(16)), "jwe": JWE})
                await cut(service, address, share_of_answer, len(JWE))
                status, granted = await reader.ask("POST", f"{address}/claim", a_claim(7))
                assert (200, JWE, 0) == (status, granted["envelope"]["jwe"], granted["views_remaining"])
                assert 410 == (await reader.ask("POST", f"{address}/claim", a_claim(8)))[0]
            maker.close()
            reader.close()

    asyncio.run(journey())


@dataclass
class Told:
    """What one client was told of one secret."""

    address: str
    claim: int
    claimed: bool = False
    acked: bool = False
    ack_sent: bool = False


async def use(service: Service, key: str, told: list[Told], dice: random.Random) -> None:
    """Share, claim and ack until the service dies, and note every answer that came."""
    connection = Connection(service, key)
    try:
        while True:
            address, _ = await share(connection)
            one = Told(address, dice.randrange(1, 2**64))
            told.append(one)
            if dice.random() < 0.2:
                continue
            one.claimed = (await connection.ask("POST", f"{address}/claim", a_claim(one.claim)))[0] == 200
            assert one.claimed
            if dice.random() < 0.5:
                one.ack_sent = True
                body = a_claim(one.claim) | {"outcome": "read"}
                one.acked = (await connection.ask("POST", f"{address}/ack", body))[0] == 200
                assert one.acked
    except OSError:
        connection.close()


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_kill_9_at_any_step_loses_no_secret_and_gives_none_away_twice(tmp_path: Path) -> None:
    async def journey() -> None:
        service, dice = Service(tmp_path, config=UNLIMITED, workers=2), random.Random(2026)
        key = service.command("app", "create", "Kill").decode().strip()
        told: list[Told] = []
        kills = 0
        while kills < KILLS or len(told) <= TOLD:
            kills += 1
            await service.start()
            clients = [asyncio.create_task(use(service, key, told, dice)) for _ in range(CLIENTS)]
            await asyncio.sleep(dice.uniform(0.05, 0.4))  # the random moment is what is tested
            service.kill()
            await asyncio.gather(*clients)
        await service.start()
        with closing(anonymous(service)) as connection:
            for one in told:
                await prove(connection, one)
        assert {True, False} == {one.claimed for one in told} == {one.acked for one in told}
        assert 0 == await service.finish()

    asyncio.run(journey())


async def prove(connection: Connection, one: Told) -> None:
    """Compare a secret with what its client was told."""
    again = (await connection.ask("POST", f"{one.address}/claim", a_claim(one.claim)))[0]
    if one.acked:
        assert 410 == again
    elif one.ack_sent:
        assert again in {200, 410}
    else:
        assert 200 == again
    assert 410 == (await connection.ask("POST", f"{one.address}/claim", a_claim(one.claim + 1)))[0]


def blocks(size: int) -> AsyncIterator[bytes]:
    """A file as it comes off a disk, too large to be held."""

    async def made() -> AsyncIterator[bytes]:
        for number in range(size // 65_536):
            yield number.to_bytes(4, "big") * 16_384

    return made()


async def put(service: Service, path: str, token: str, size: int, *, most: int = BIG) -> bytes:
    """Upload a file, or begin to with the first ``most`` bytes of it; returns the answer as it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nAuthorization: Bearer {token}\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {size}\r\n\r\n".encode())
    try:
        async for block in blocks(min(size, most)):
            writer.write(block)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


async def get_slowly(service: Service, path: str, most: dict[str, int]) -> int:
    """Download a file, compare every byte, and note the memory it takes meanwhile; returns its size."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=65_536)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nWatchword-Claim: {text(nonce(1))}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    size = 0
    async for block in blocks(BIG):
        assert block == await reader.readexactly(len(block))
        size += len(block)
        if size % (8 * 1024 * 1024) == 0:
            most["rss"] = max(most["rss"], memory(service))
    assert b"" == await reader.read()
    writer.close()
    return size


def memory(service: Service) -> int:
    assert service.process is not None
    return int(psutil.Process(service.process.pid).memory_info().rss)


def test_a_large_file_goes_through_in_constant_memory(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_service(tmp_path) as (service, key):
            connection = Connection(service, key)
            status, made = await connection.ask("POST", S, a_secret(blobs=[{"size": BIG}]))
            assert 201 == status, made
            before = memory(service)
            answer = await put(service, made["blobs"][0], made["manage_token"], BIG)
            assert b'"complete":true' in answer
            most = {"rss": memory(service)}
            assert 200 == (await connection.ask("POST", f"{S}/{made['id']}/claim", a_claim()))[0]
            assert BIG == await get_slowly(service, made["blobs"][0], most)
            assert most["rss"] - before < 32 * 1024 * 1024
            connection.close()

    asyncio.run(journey())


def test_an_upload_goes_on_after_kill_9(tmp_path: Path) -> None:
    async def journey() -> None:
        service = Service(tmp_path, config=UNLIMITED)
        key = service.command("app", "create", "Files").decode().strip()
        await service.start()
        connection = Connection(service, key)
        _, made = await connection.ask("POST", S, a_secret(blobs=[{"size": BIG}]))
        upload = asyncio.create_task(put(service, made["blobs"][0], made["manage_token"], BIG, most=BIG // 2))
        place = tmp_path / "data" / "blobs"
        async with asyncio.timeout(60):
            while not any(path.is_file() and path.stat().st_size for path in place.rglob("*")):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        service.kill()
        await asyncio.gather(upload, return_exceptions=True)
        connection.close()
        await service.start()
        owner = Connection(service, made["manage_token"])
        _, asked = await owner.ask("PUT", made["blobs"][0], headers=f"Content-Range: bytes */{BIG}\r\n")
        assert 0 < asked["received"] < BIG
        assert not asked["complete"]
        assert 404 == (await owner.ask("POST", f"{S}/{made['id']}/open", {"link": text(LINK)}))[0]
        assert b'"complete":true' in await put(service, made["blobs"][0], made["manage_token"], BIG)
        assert 200 == (await owner.ask("POST", f"{S}/{made['id']}/open", {"link": text(LINK)}))[0]
        owner.close()
        assert 0 == await service.finish()

    asyncio.run(journey())


def test_no_proof_token_or_erased_ciphertext_is_left_anywhere(tmp_path: Path) -> None:
    async def journey() -> None:
        settings = {"WATCHWORD_LOG_LEVEL": "debug"}
        async with a_service(tmp_path, settings=settings) as (service, key):
            sinks = Sinks()
            connection, link, claim = Connection(service, key), secrets.token_bytes(32), secrets.randbits(120)
            jwe = "e30..bm9uY2U." + secrets.token_urlsafe(3_000) + ".dGFn"
            body = a_secret(passphrase=True, link=link)
            body["envelope"]["jwe"] = jwe
            _, made = await connection.ask("POST", S, body)
            address = f"{S}/{made['id']}"
            stranger, maker = anonymous(service), Connection(service, made["manage_token"])
            for verb, asked in (
                ("open", {"link": text(link)}),
                ("open", {"link": text(link)[:-2]}),
                ("open", {text(link): 1}),
                ("claim", a_claim(claim, link=link, auth=WRONG)),
                ("claim", a_claim(claim, link=WRONG, auth=AUTH)),
                ("claim", a_claim(claim, link=link, auth=AUTH)),
                ("ack", a_claim(claim, link=link) | {"outcome": "read"}),
            ):
                status, _ = await stranger.ask("POST", f"{address}/{verb}", asked)
                if status != 200:
                    sinks.note("refusal", stranger.heard.head, stranger.heard.body)
            for method, path in (("GET", "/status"), ("POST", "/unlock"), ("DELETE", "")):
                assert 200 == (await maker.ask(method, address + path))[0]
            await stranger.ask("POST", f"{address}/open?link={text(link)}", {})
            await stranger.ask("GET", f"{address}/{text(link)}")
            for name, proof in (("link", link), ("auth", AUTH), ("wrong auth", WRONG), ("claim", nonce(claim))):
                sinks.key(name, proof)
            sinks.secret("manage token", made["manage_token"])
            sinks.secret("ciphertext", jwe[100:200])
            for each in (connection, stranger, maker):
                each.close()
            assert 0 == await service.finish()
            sinks.files(tmp_path, but={"keys.json"})
            assert b"secret.claimed" in sinks.texts["file service.log"]
            assert [] == list(sinks.leaks())

    asyncio.run(journey())
