"""Codes are spread evenly, and what is read is what a person can mean."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import a_keyring
from watchword.core import ids, passcode
from watchword.core.words import COUNTERSIGNS, SIGNS
from watchword.errors import InvalidInputError

DRAWS = 200_000
APP = b"a" * 16
RING = a_keyring(1)

# Of chi-square: above this a fair source comes once in a thousand times (p < 0.001), by degrees of freedom.
CRITICAL = {9: 27.877, 99: 148.230, 255: 330.520}


def an_id(number: int) -> bytes:
    return ids.verification_id(1_795_000_000_000, 1, number.to_bytes(9, "big"))


@cache
def codes() -> tuple[str, ...]:
    return tuple(passcode.derive_code(RING, APP, an_id(number), 6) for number in range(DRAWS))


def chi_square(drawn: Iterable[str], kinds: int) -> float:
    counts = Counter(drawn)
    expected = counts.total() / kinds
    missing = (kinds - len(counts)) * expected
    return missing + sum((count - expected) ** 2 / expected for count in counts.values())


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        (lambda code: code[0], 10),
        (lambda code: code[1], 10),
        (lambda code: code[2], 10),
        (lambda code: code[3], 10),
        (lambda code: code[4], 10),
        (lambda code: code[5], 10),
        (lambda code: code[:2], 100),
        (lambda code: code[4:], 100),
    ],
    ids=["1st", "2nd", "3rd", "4th", "5th", "6th", "first two", "last two"],
)
def test_every_part_of_a_code_is_spread_evenly(part: Callable[[str], str], kinds: int) -> None:
    assert chi_square(map(part, codes()), kinds) < CRITICAL[kinds - 1]


def test_codes_repeat_as_often_as_chance_has_it() -> None:
    different = len(set(codes()))
    expected = 10**6 * (1 - (1 - 1e-6) ** DRAWS)  # about 181 269, with a standard deviation of about 120
    assert abs(different - expected) < 5 * 130


def test_both_words_of_a_watchword_are_spread_evenly() -> None:
    pairs = [passcode.derive_watchword(RING, APP, an_id(number)) for number in range(50_000)]
    assert chi_square((sign for sign, _ in pairs), len(SIGNS)) < CRITICAL[255]
    assert chi_square((countersign for _, countersign in pairs), len(COUNTERSIGNS)) < CRITICAL[255]


@given(raw=st.binary(min_size=9, max_size=9), digits=st.integers(6, 10))
def test_a_code_that_is_typed_as_mailed_always_matches(raw: bytes, digits: int) -> None:
    code = passcode.derive_code(RING, APP, ids.verification_id(1, 1, raw), digits)
    assert passcode.matches(code, passcode.read_digits(code))


@given(typed=st.one_of(st.text(max_size=70), st.text("0123456789 -０１２３４５６７８９²①٣", max_size=70)))
def test_what_is_read_is_ascii_digits_whose_values_were_typed(typed: str) -> None:
    try:
        digits = passcode.read_digits(typed)
    except InvalidInputError as error:
        assert error.field == "code"  # noqa: PT017 - either answer is right, another error is not
        return
    assert digits.isascii()
    assert digits.isdecimal()
    values = [unicodedata.decimal(character) for character in typed if unicodedata.category(character) == "Nd"]
    assert [int(digit) for digit in digits] == values
