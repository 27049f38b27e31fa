"""Passcodes: derived alike everywhere, and read from a closed list of characters."""

from __future__ import annotations

import pytest

from tests.support.world import a_keyring
from watchword.core import ids, passcode
from watchword.core.words import COUNTERSIGNS, SIGNS
from watchword.errors import InvalidInputError, KeyringError

APP = b"a" * 16
NOW = 1_795_000_000_000


def an_id(number: int, key: int = 1) -> bytes:
    return ids.verification_id(NOW, key, number.to_bytes(9, "big"))


def first_with(start: str, digits: int = 6) -> str:
    ring = a_keyring(1)
    codes = (passcode.derive_code(ring, APP, an_id(number), digits) for number in range(100_000))
    return next(code for code in codes if code.startswith(start))


def test_leading_zeros_are_kept() -> None:
    assert len(first_with("000")) == 6


@pytest.mark.parametrize("digits", range(passcode.MIN_DIGITS, passcode.MAX_DIGITS + 1))
def test_a_code_has_the_length_asked_for(digits: int) -> None:
    code = passcode.derive_code(a_keyring(1), APP, an_id(1), digits)
    assert len(code) == digits
    assert code.isdecimal()


def test_a_code_is_the_same_whenever_it_is_derived() -> None:
    codes = {passcode.derive_code(a_keyring(*keys), APP, an_id(1), 6) for keys in ((1,), (1, 2), (2, 1))}
    assert len(codes) == 1


def test_codes_of_two_apps_two_ids_and_two_keys_differ() -> None:
    ring = a_keyring(1, 2)
    codes = {
        passcode.derive_code(ring, APP, an_id(1), 10),
        passcode.derive_code(ring, b"b" * 16, an_id(1), 10),
        passcode.derive_code(ring, APP, an_id(2), 10),
        passcode.derive_code(ring, APP, an_id(1, key=2), 10),
    }
    assert len(codes) == 4


def test_a_code_of_a_key_that_is_not_here_cannot_be_derived() -> None:
    with pytest.raises(KeyringError):
        passcode.derive_code(a_keyring(1), APP, an_id(1, key=2), 6)


def test_a_watchword_is_a_sign_and_a_countersign() -> None:
    sign, countersign = passcode.derive_watchword(a_keyring(1), APP, an_id(1))
    assert sign in SIGNS
    assert countersign in COUNTERSIGNS


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("123456", "123456"),
        ("000123", "000123"),
        ("123 456", "123456"),
        ("123-456", "123456"),
        (" 12 34 56\r\n", "123456"),
        ("\t123456", "123456"),
        ("\uff11\uff12\uff13\uff14\uff15\uff16", "123456"),
        ("123\u00a0456", "123456"),
        ("123\u202f456", "123456"),
        ("123\u2011456", "123456"),
        ("123\u3000456", "123456"),
        ("-123456", "123456"),
        ("1", "1"),
        ("1" * 64, "1" * 64),
    ],
)
def test_what_people_type_is_read(typed: str, digits: str) -> None:
    assert digits == passcode.read_digits(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "- -",
        "12345²",
        "12345①",
        "12345⒈",
        "١٢٣٤٥٦",
        "१२३४५६",
        "\U0001d7cf\U0001d7d0\U0001d7d1\U0001d7d2\U0001d7d3\U0001d7d4",
        "12345½",
        "ⅫⅫⅫ",
        "+123456",
        "1e5",
        "0x1234",
        "12345a",
        "123456\x00",
        "123_456",
        "123.456",
        "None",
        "🔑",
        "1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣",
        "123\u200b456",
        "\u202e123456",
        "1" * 65,
        " " * 10_000,
        "1" * 10_240,
        "\ud800",
    ],
)
def test_what_cannot_be_a_code_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        passcode.read_digits(typed)
    assert refused.value.field == "code"


def test_codes_match_only_where_they_are_equal() -> None:
    assert passcode.matches("012345", "012345")
    assert not passcode.matches("012345", "12345")
    assert not passcode.matches("012345", "")
