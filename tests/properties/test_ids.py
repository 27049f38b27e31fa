"""Ids round trip, and every id has one spelling."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watchword.core import ids
from watchword.errors import UnknownError

RAW = st.binary(min_size=ids.SIZE, max_size=ids.SIZE)
PREFIXES = st.sampled_from([ids.VERIFICATION, ids.APP])
TIMES = st.integers(0, 2**48 - 1)
BASE64URL = string.ascii_letters + string.digits + "-_"


@given(prefix=PREFIXES, raw=RAW)
def test_an_id_written_and_read_is_the_same(prefix: str, raw: bytes) -> None:
    assert raw == ids.from_text(prefix, ids.to_text(prefix, raw))


@given(prefix=PREFIXES, body=st.text(BASE64URL, min_size=22, max_size=22))
def test_what_is_read_is_written_the_same(prefix: str, body: str) -> None:
    try:
        raw = ids.from_text(prefix, prefix + body)
    except UnknownError:
        assert body[-1] not in "AQgw"  # the last character has four bits to spare, and they are zero
    else:
        assert prefix + body == ids.to_text(prefix, raw)


@given(prefix=PREFIXES, text=st.text(max_size=30))
def test_any_other_text_is_unknown(prefix: str, text: str) -> None:
    body = text.removeprefix(prefix)
    assume(not (text.startswith(prefix) and len(body) == 22 and set(body) <= set(BASE64URL)))
    with pytest.raises(UnknownError):
        ids.from_text(prefix, text)


@given(now=TIMES, number=st.integers(0, 255), random=st.binary(min_size=9, max_size=9))
def test_the_parts_of_an_id_are_read_back(now: int, number: int, random: bytes) -> None:
    raw = ids.verification_id(now, number, random)
    assert (now, number, random) == (ids.created_at(raw), ids.key_number(raw), raw[7:])


@given(times=st.tuples(TIMES, TIMES), chance=st.tuples(*[st.binary(min_size=9, max_size=9)] * 2))
def test_ids_sort_by_time(times: tuple[int, int], chance: tuple[bytes, ...]) -> None:
    assume(times[0] != times[1])
    made = [ids.verification_id(now, 1, random) for now, random in zip(times, chance, strict=True)]
    assert (times[0] < times[1]) == (made[0] < made[1])
