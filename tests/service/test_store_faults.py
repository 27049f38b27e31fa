"""The whole service on a store that fails: locked, full, corrupt, read-only. It says so, and nothing is half done."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_relay import through
from tests.support.permissions import without_a_way_around_permissions
from tests.support.relays import Relay, recording_relay
from tests.support.service import Connection, Heard, Service, get, is_not_ready, is_ready, ready, running
from tests.support.tls import Authority

CROWD = 50
SOON = 30.0  # seconds until everybody of the crowd has an answer, on a machine that has much else to do
PAGE = 4_096
# So few an hour that a bucket is kept for minutes: every start purges what limits nothing any more.
COUNTING = """
[limits]
recipient_sends = "10/h"
source_sends = ""
wrong_guesses = "1000/h"
"""


class Site:
    """A service with a relay, an app, and a crowd of clients that remember what they were told."""

    def __init__(self, service: Service, relay: Relay) -> None:
        self.service = service
        self.relay = relay
        self.key = service.command("app", "create", "Faults").decode().strip()
        self.crowd = [Connection(service, self.key) for _ in range(CROWD)]
        self.accepted: dict[str, str] = {}  # address → id
        self.refused: list[Heard] = []

    def close(self) -> None:
        for connection in self.crowd:
            connection.close()

    async def create(self, connection: Connection, address: str) -> int:
        status, answer = await connection.create(address)
        if status == 201:
            self.accepted[address] = answer["id"]
        else:
            self.refused.append(connection.heard)
        return status

    async def everybody(self, name: str) -> set[int]:
        """Each of the crowd asks at once; returns which answers there were."""
        asked = (self.create(each, f"{name}.{number}@example.com") for number, each in enumerate(self.crowd))
        return set(await asyncio.gather(*asked))

    def recipients(self) -> set[str]:
        """To whom something was sent."""
        return {mail.recipient for mail in self.relay.messages}

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.service.database)) as connection:
            return connection.execute(query).fetchall()

    async def prove(self) -> None:
        """What was accepted is stored, charged and sent, and works; what was refused is none of it."""
        heard = await ready(self.service, is_ready)
        assert heard.document == {"status": "ok"}
        assert await self.everybody("afterwards") == {201}
        await self.relay.until(lambda: self.recipients() >= self.accepted.keys())
        assert self.recipients() == self.accepted.keys()
        assert self.rows("SELECT count(*) FROM verifications") == [(len(self.accepted),)]
        assert self.rows("SELECT count(*) FROM send_buckets") == [(len(self.accepted),)]
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        for verification in self.accepted.values():
            assert (await self.crowd[0].ask("GET", f"/v1/verifications/{verification}"))[0] == 200

    def prove_refusals(self) -> None:
        """Who is refused is told that the store is not there, and nothing of what is inside."""
        assert self.refused
        for heard in self.refused:
            assert (heard.status, heard.document["code"]) == (503, "store_unavailable")
            tells_nothing(heard.body)


def tells_nothing(text: bytes) -> None:
    for word in (b"Traceback", b"sqlite", b"SQLite", b".py", b"watchword.db"):
        assert word not in text


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Site]:
    authority = Authority(folder)
    async with recording_relay(authority.valid(), login=("ours", "a-password")) as relay:
        settings = through(relay, authority)
        async with running(folder, settings=settings, config=COUNTING) as service:
            with closing(Site(service, relay)) as site:
                yield site


def says_why(heard: Heard, *reasons: str) -> bool:
    """Whether an operator reads at /readyz what is wrong."""
    assert heard.document["code"] == "store_unavailable"
    return any(reason in heard.document["detail"] for reason in reasons)


@pytest.mark.xdist_group("heavy")
def test_while_another_process_locks_the_file_everybody_is_refused_soon_and_nothing_is_done(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_site(tmp_path) as site:
            assert await site.create(site.crowd[0], "before@example.com") == 201
            await site.relay.until(lambda: len(site.relay.messages) == 1)
            with closing(sqlite3.connect(site.service.database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                for name in ("first", "second"):
                    began = time.monotonic()
                    assert await site.everybody(name) == {503}
                    assert time.monotonic() - began < SOON
                assert says_why(await ready(site.service, is_not_ready), "locked", "did not answer")
                assert (await get(site.service, "/healthz")).status == 200
                path = f"/v1/verifications/{site.accepted['before@example.com']}"
                assert (await site.crowd[0].ask("GET", path))[0] == 200  # reading needs no lock
                other.execute("ROLLBACK")
            await site.prove()
            site.prove_refusals()
            assert len(site.refused) == 2 * CROWD

    asyncio.run(journey())


@pytest.mark.xdist_group("heavy")
def test_when_no_file_can_grow_creates_are_refused_and_what_was_accepted_is_kept(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_site(tmp_path) as site:
            assert await site.everybody("before") == {201}
            site.service.limit_files(PAGE)
            assert await site.everybody("meanwhile") == {503}
            assert says_why(await ready(site.service, is_not_ready), "disk I/O error", "full")
            assert (await get(site.service, "/healthz")).status == 200
            site.service.limit_files(-1)
            await site.prove()
            site.prove_refusals()

    asyncio.run(journey())


@contextmanager
def a_small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """Mount so many MiB at a folder, where the machine lets us."""
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Take all the space there is."""
    with file.open("wb", buffering=0) as ballast:
        for size in (PAGE * 16, PAGE):
            try:
                while ballast.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


@pytest.mark.xdist_group("heavy")
def test_when_the_disk_is_full_creates_are_refused_and_what_was_accepted_is_kept(tmp_path: Path) -> None:
    ballast = tmp_path / "data" / "ballast"

    async def journey() -> None:
        async with a_site(tmp_path) as site:
            assert await site.everybody("before") == {201}
            fill(ballast)
            for number in range(20):  # a log that was written back is used again before it needs more space
                if 503 in await site.everybody(f"meanwhile{number}"):
                    break
                fill(ballast)
            assert says_why(await ready(site.service, is_not_ready), "full")
            ballast.unlink()
            await site.prove()
            site.prove_refusals()

    # With so much more than file and log take that the ballast's room is enough for what comes afterwards.
    with a_small_disk(tmp_path / "data", mebibytes=8):
        asyncio.run(journey())


@pytest.mark.parametrize("rubbish", ["zeros", "noise"])
def test_on_a_corrupt_file_every_answer_is_a_refusal_without_a_word_of_what_is_inside(
    tmp_path: Path, rubbish: str
) -> None:
    async def journey() -> None:
        async with a_site(tmp_path) as site:
            service = site.service
            assert await site.create(site.crowd[0], "before@example.com") == 201
            await site.relay.until(lambda: len(site.relay.messages) == 1)
            assert await service.finish() == 0
            corrupt(service.database, rubbish)
            await service.start()
            site.close()
            assert await site.everybody("afterwards") == {503}
            heard = await ready(service, is_not_ready)
            assert says_why(heard, "malformed", "corrupt", "not a database")
            assert b"Traceback" not in heard.body
            for verb, path in (("GET", ""), ("POST", "/check"), ("POST", "/resend"), ("POST", "/cancel")):
                body = {"code": "123456"} if path == "/check" else None
                name = site.accepted["before@example.com"]
                await site.crowd[0].ask(verb, f"/v1/verifications/{name}{path}", body)
                site.refused.append(site.crowd[0].heard)
            site.prove_refusals()
            assert (await get(service, "/healthz")).status == 200
            assert len(site.relay.messages) == 1
            assert await service.finish() == 0
            assert b"Traceback" not in service.log.read_bytes()
            assert b'"keys.unchecked"' in service.log.read_bytes()

    asyncio.run(journey())


def corrupt(file: Path, rubbish: str) -> None:
    """Overwrite the first page of every table and index; what tells which there are stays, or it would not start."""
    with closing(sqlite3.connect(file)) as connection:
        roots = [page for (page,) in connection.execute("SELECT rootpage FROM sqlite_schema WHERE rootpage > 1")]
    assert roots
    dice = random.Random(1)
    with file.open("r+b") as pages:
        for page in roots:
            pages.seek((page - 1) * PAGE)
            pages.write(bytes(PAGE) if rubbish == "zeros" else dice.randbytes(PAGE))


def test_on_a_file_that_is_no_database_the_service_does_not_start_and_says_so(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_site(tmp_path) as site:
            assert await site.service.finish() == 0
            site.service.database.write_bytes(random.Random(1).randbytes(10 * PAGE))
            done = site.service.run(*site.service.serving())
            assert (done.returncode, done.stdout) == (4, b"")
            assert b"not a database" in done.stderr
            assert b"Traceback" not in done.stderr

    asyncio.run(journey())


def test_on_a_file_that_may_only_be_read_the_service_does_not_start_until_it_may_be_written(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_site(tmp_path) as site:
            service = site.service
            assert await site.everybody("before") == {201}
            assert await service.finish() == 0
            service.through = without_a_way_around_permissions()
            service.database.chmod(0o400)
            done = service.run(*service.serving())
            assert (done.returncode, done.stdout) == (2, b"")
            assert b"watchword.db cannot be written: Permission denied." in done.stderr
            assert b"Traceback" not in done.stderr
            assert [each for each in service.database.parent.iterdir() if each.name.endswith(("-wal", "-shm"))] == []
            service.database.chmod(0o600)
            await service.start()
            site.close()
            await site.prove()

    asyncio.run(journey())
