"""File bodies as streams: little is held, and what came before a failure is known for what it is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from watchword.core import records
from watchword.core.records import RECORD_SIZE, RECORD_TEXT
from watchword.errors import TamperedError

KEY, SALT = b"k" * 16, b"s" * 16
MIB = 1 << 20


def file_of(size: int) -> Iterator[bytes]:
    return (bytes(MIB) for _ in range(size // MIB))


def test_a_file_streams_through_in_constant_memory() -> None:
    size = 64 * MIB
    tracemalloc.start()
    try:
        opened = records.open_records(records.seal_records(file_of(size), KEY, salt=SALT), KEY, size=size)
        total = sum(len(text) for text in opened)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == size
    assert peak < 8 * MIB


def test_a_body_costs_less_than_a_thousandth_more() -> None:
    assert records.body_size(100 * MIB) < 100 * MIB * 1.001


def test_a_body_hides_the_size_of_its_file_within_a_record() -> None:
    assert 1 == len({records.body_size(size) for size in (0, 1, 40_000, RECORD_TEXT)})
    assert records.body_size(RECORD_TEXT + 1) == records.body_size(RECORD_TEXT) + RECORD_SIZE


def test_the_records_before_a_cut_come_out_and_then_it_fails() -> None:
    body = b"".join(records.seal_records([b"x" * 2 * RECORD_TEXT], KEY, salt=SALT))
    opened = records.open_records([body[:-RECORD_SIZE]], KEY, size=2 * RECORD_TEXT)
    assert next(opened) == b"x" * RECORD_TEXT
    with pytest.raises(TamperedError):
        next(opened)


def test_more_than_the_document_says_is_never_handed_on() -> None:
    body = b"".join(records.seal_records([b"x" * 3 * RECORD_TEXT], KEY, salt=SALT))
    seen = []
    with pytest.raises(TamperedError):
        seen += list(records.open_records([body], KEY, size=RECORD_TEXT))
    assert [] == seen


def test_an_empty_record_behind_a_full_one_is_refused() -> None:
    cipher = records._Cipher(KEY, SALT)
    full = cipher.seal(0, b"x" * RECORD_TEXT + b"\x01")
    empty = cipher.seal(1, b"\x02".ljust(RECORD_TEXT + 1, b"\0"))
    body = SALT + RECORD_SIZE.to_bytes(4, "big") + b"\0" + full + empty
    with pytest.raises(TamperedError):
        list(records.open_records([body], KEY, size=RECORD_TEXT))


@pytest.mark.parametrize(
    "text", [bytes(RECORD_TEXT + 1), b"x\x01".ljust(RECORD_TEXT + 1, b"\0"), b"x" * (RECORD_TEXT + 1)]
)
def test_a_record_without_a_delimiter_in_its_place_is_refused(text: bytes) -> None:
    body = SALT + RECORD_SIZE.to_bytes(4, "big") + b"\0" + records._Cipher(KEY, SALT).seal(0, text)
    with pytest.raises(TamperedError):
        list(records.open_records([body], KEY, size=1))


@pytest.mark.parametrize(("key", "salt"), [(b"k" * 15, SALT), (KEY, b"s" * 17), (b"", b"")])
def test_a_key_or_salt_of_another_size_is_a_programmers_mistake(key: bytes, salt: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        list(records.seal_records([b"x"], key, salt=salt))
