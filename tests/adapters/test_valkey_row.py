"""Rows in Valkey that a newer version wrote, read and written again by this one."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.support.listening import run
from tests.support.world import World
from watchword.adapters.valkey import row
from watchword.core.delivery import Delivery
from watchword.core.verification import Status, Verification

TERM = b"T" * 8


class Newer(Verification, frozen=True):
    """A verification with two fields more."""

    hint: bytes = b""
    tries: int = 0


read_newer = msgspec.msgpack.Decoder(tuple[Newer, tuple[Delivery, ...]]).decode


async def a_newer_one() -> tuple[Newer, tuple[Delivery, ...]]:
    world = await World().open()
    found, deliveries = await world.store.find(world.app.id, (await world.create()).verification.id)
    fields: list[Any] = [*msgspec.structs.astuple(found), b"kept", 7]
    return Newer(*fields), tuple(deliveries)


def test_what_a_newer_version_keeps_stays_where_this_one_writes_the_row() -> None:
    async def journey() -> None:
        newer, deliveries = await a_newer_one()
        record = row.unpack(row.pack(newer, deliveries, TERM), TERM)
        ended = msgspec.structs.replace(record.verification, status=Status.CANCELED)
        packed = row.pack(ended, record.deliveries, TERM, record.later)
        again, kept = read_newer(packed[row._behind(packed) :])
        assert (b"kept", 7, Status.CANCELED) == (again.hint, again.tries, again.status)
        assert deliveries == kept
        assert msgspec.structs.astuple(ended) == msgspec.structs.astuple(row.unpack(packed, TERM).verification)

    run(journey)


def test_a_row_of_this_version_has_nothing_more() -> None:
    async def journey() -> None:
        newer, deliveries = await a_newer_one()
        known = Verification(*msgspec.structs.astuple(newer)[:-2])
        packed = row.pack(known, deliveries, TERM)
        record = row.unpack(packed, TERM)
        assert () == record.later
        assert packed == row.pack(record.verification, record.deliveries, TERM, record.later)

    run(journey)
