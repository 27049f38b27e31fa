"""A file comes back as it was, in whatever chunks it travels; a body that was touched never passes as one."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bodies import content, damaged
from watchword.core import records
from watchword.core.records import HEADER_SIZE, RECORD_SIZE, RECORD_TEXT
from watchword.errors import TamperedError

KEY, SALT = b"k" * 16, b"s" * 16
EDGES = [0, 1, RECORD_TEXT - 1, RECORD_TEXT, RECORD_TEXT + 1, 2 * RECORD_TEXT, 2 * RECORD_TEXT + 5]
SIZES = st.sampled_from(EDGES) | st.integers(0, 3 * RECORD_TEXT)
STEPS = st.sampled_from([RECORD_SIZE, RECORD_TEXT, 1 << 20]) | st.integers(1_000, 200_000)
THREE = 2 * RECORD_TEXT + 100
BODY = b"".join(records.seal_records([content(THREE)], KEY, salt=SALT))


def cut(whole: bytes, step: int) -> Iterable[bytes]:
    return (whole[start : start + step] for start in range(0, len(whole), step))


def opened(body: bytes, size: int, step: int = 1 << 20) -> bytes:
    """The file, or an error after nothing but a true beginning of it."""
    seen = bytearray()
    try:
        for text in records.open_records(cut(body, step), KEY, size=size):
            seen += text
    finally:
        assert content(THREE).startswith(bytes(seen[:THREE])) or size != THREE
    return bytes(seen)


@settings(max_examples=30)
@given(size=SIZES, there=STEPS, back=STEPS)
def test_a_file_comes_back_unchanged_in_any_chunks(size: int, there: int, back: int) -> None:
    body = b"".join(records.seal_records(cut(content(size), there), KEY, salt=SALT))
    assert records.body_size(size) == len(body)
    assert content(size) == opened(body, size, back)


@given(kept=st.integers(0, len(BODY) - 1))
def test_a_body_that_is_cut_short_fails(kept: int) -> None:
    with pytest.raises(TamperedError):
        opened(BODY[:kept], THREE)


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_a_body_with_a_flipped_bit_fails(place: int, bit: int) -> None:
    changed = BODY[:place] + bytes([BODY[place] ^ (1 << bit)]) + BODY[place + 1 :]
    with pytest.raises(TamperedError):
        opened(changed, THREE)


@given(order=st.lists(st.integers(0, 2), max_size=6).filter(lambda order: order != [0, 1, 2]))
def test_records_in_another_order_twice_or_missing_fail(order: list[int]) -> None:
    with pytest.raises(TamperedError):
        opened(damaged(BODY, {"order": order}), THREE)


@given(place=st.integers(0, len(BODY)), more=st.binary(min_size=1, max_size=40))
def test_a_body_with_something_more_fails(place: int, more: bytes) -> None:
    changed = BODY[:place] + more + BODY[place:]
    if changed[: len(BODY)] != BODY or len(changed) != len(BODY):
        with pytest.raises(TamperedError):
            opened(changed, THREE)


@given(size=st.integers(0, 4 * RECORD_TEXT).filter(lambda size: size != THREE))
def test_a_body_of_another_size_than_the_document_says_fails(size: int) -> None:
    with pytest.raises(TamperedError):
        opened(BODY, size)


@given(junk=st.binary(max_size=HEADER_SIZE + 200))
def test_what_nobody_sealed_fails(junk: bytes) -> None:
    with pytest.raises(TamperedError):
        opened(junk, THREE)
