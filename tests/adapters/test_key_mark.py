"""The mark of the key file: of many that come at once with marks of their own, one is kept, and all are told which."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.postgres import the_server
from watchword.adapters.postgres import PostgresAddress, schema
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.sqlite.key_mark import keep_mark, kept_mark
from watchword.errors import StoreError

MARKS = [bytes((number,)) * 16 for number in range(16)]


def test_a_file_keeps_the_first_mark_and_no_other(tmp_path: Path) -> None:
    async def made() -> None:
        store = SqliteStore(file)
        await store.open()
        await store.aclose()

    file = tmp_path / "watchword.db"
    assert kept_mark(file) is None
    asyncio.run(made())
    assert kept_mark(file) is None
    with ThreadPoolExecutor(len(MARKS)) as threads:
        told = set(threads.map(lambda mark: keep_mark(file, mark), MARKS))
    assert {kept_mark(file)} == told


def test_what_is_no_database_has_no_mark(tmp_path: Path) -> None:
    file = tmp_path / "watchword.db"
    file.write_bytes(b"x" * 4_096)
    with pytest.raises(StoreError):
        kept_mark(file)
    with pytest.raises(StoreError):
        keep_mark(file, MARKS[0])


def test_a_server_keeps_the_first_mark_and_no_other() -> None:
    async def journey() -> None:
        server = the_server()
        address = PostgresAddress.parse(server.url(server.database()))
        assert await schema.kept_mark(address) is None
        await schema.bring_up_to_date(address)
        assert await schema.kept_mark(address) is None
        told = set(await asyncio.gather(*(schema.keep_mark(address, mark) for mark in MARKS)))
        assert {await schema.kept_mark(address)} == told

    asyncio.run(journey())
