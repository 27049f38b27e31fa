"""Ids: one spelling each, and everything else is unknown."""

from __future__ import annotations

import pytest

from watchword.core import ids
from watchword.errors import UnknownError

NOW = 1_795_000_000_123


def test_a_verification_id_holds_time_key_number_and_chance() -> None:
    raw = ids.verification_id(NOW, 7, b"123456789")
    assert (NOW, 7, b"123456789") == (ids.created_at(raw), ids.key_number(raw), raw[7:])
    assert ids.SIZE == len(raw)


def test_an_app_id_holds_time_and_chance() -> None:
    raw = ids.app_id(NOW, b"1234567890")
    assert (NOW, b"1234567890") == (ids.created_at(raw), raw[6:])


@pytest.mark.parametrize("size", [0, 8, 10])
def test_a_verification_id_takes_nine_random_bytes_and_no_other_number(size: int) -> None:
    with pytest.raises(ValueError, match="9 random bytes"):
        ids.verification_id(NOW, 1, bytes(size))


@pytest.mark.parametrize("size", [0, 9, 11])
def test_an_app_id_takes_ten_random_bytes_and_no_other_number(size: int) -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        ids.app_id(NOW, bytes(size))


def test_the_text_of_an_id_has_its_prefix_and_22_characters() -> None:
    assert ids.to_text(ids.VERIFICATION, bytes(16)) == "vf_" + "A" * 22


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vf_",
        "A" * 22,
        "ap_" + "A" * 22,
        "VF_" + "A" * 22,
        "vf_" + "A" * 21,
        "vf_" + "A" * 23,
        "vf_" + "A" * 21 + "=",
        "vf_" + "A" * 21 + "+",
        "vf_" + "A" * 21 + "/",
        "vf_" + "A" * 21 + "\n",
        "vf_" + "A" * 21 + "!",
        "vf_" + "A" * 21 + "\uff21",
        "vf_" + "A" * 20 + "=A",
        " vf_" + "A" * 22,
        "vf_" + "A" * 10_000,
    ],
)
def test_what_is_not_the_text_of_a_verification_id_is_unknown(text: str) -> None:
    with pytest.raises(UnknownError):
        ids.from_text(ids.VERIFICATION, text)


def test_an_id_has_no_second_spelling_in_the_four_bits_to_spare() -> None:
    for last in "BCDEFGHIJKLMNOP":
        with pytest.raises(UnknownError):
            ids.from_text(ids.VERIFICATION, "vf_" + "A" * 21 + last)


def test_ids_made_before_an_instant_sort_before_its_oldest_possible_id() -> None:
    oldest = ids.oldest_possible(NOW)
    assert ids.verification_id(NOW - 1, 255, b"\xff" * 9) < oldest <= ids.verification_id(NOW, 0, bytes(9))


def test_no_id_is_older_than_the_epoch() -> None:
    assert ids.oldest_possible(-1) == bytes(16)


@pytest.mark.parametrize("size", [0, 9, 11])
def test_authenticators_and_notices_take_ten_random_bytes_and_no_other_number(size: int) -> None:
    for build in (ids.authenticator_id, ids.notice_id):
        assert (NOW, b"1234567890") == (ids.created_at(build(NOW, b"1234567890")), build(NOW, b"1234567890")[6:])
        with pytest.raises(ValueError, match="10 random bytes"):
            build(NOW, bytes(size))
