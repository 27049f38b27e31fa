"""What a browser is known again by: a time and a MAC, for one recipient at one app."""

from __future__ import annotations

import hmac

import pytest

from tests.support.world import START, a_keyring
from watchword.core import binary
from watchword.core.guard import TRUST
from watchword.core.instant import SECOND
from watchword.core.keyring import derive
from watchword.core.known_device import MOST, MOST_TEXT, is_known, remember

RING = a_keyring(1, 2)
APP, ANN, BOB = b"a" * 16, b"n" * 16, b"b" * 16


def value(recipient: bytes = ANN, before: str = "", now: int = START) -> str:
    return remember(RING, before, APP, recipient, now)


def test_a_value_is_of_its_recipient_at_its_app() -> None:
    assert is_known(RING, value(), APP, ANN, START)
    assert not is_known(RING, value(), APP, BOB, START)
    assert not is_known(RING, value(), b"o" * 16, ANN, START)


def test_it_is_the_one_that_the_specification_has() -> None:
    head = b"\x02" + ((START + TRUST) // SECOND).to_bytes(4, "big")
    tag = hmac.digest(derive(b"\x02" * 32, b"watchword/v1/device"), head + APP + ANN, "sha256")[:16]
    assert binary.encode(head + tag) == value()


def test_it_holds_nothing_of_the_recipient() -> None:
    entry = binary.decode(value())
    assert ANN not in entry
    assert APP not in entry


def test_it_is_known_for_ninety_days() -> None:
    assert is_known(RING, value(), APP, ANN, START + TRUST - SECOND)
    assert not is_known(RING, value(), APP, ANN, START + TRUST)


@pytest.mark.parametrize("at", range(21))
def test_not_one_bit_of_it_can_be_changed(at: int) -> None:
    entry = bytearray(binary.decode(value()))
    entry[at] ^= 1
    assert not is_known(RING, binary.encode(bytes(entry)), APP, ANN, START)


@pytest.mark.parametrize(
    "text", ["", ".", "x", "=" * 28, "A" * 28, "é" * 28, "A" * 100_000, "\x00", ".".join(["A" * 28] * 5)]
)
def test_what_is_no_value_is_nobodys_and_no_error(text: str) -> None:
    assert not is_known(RING, text, APP, ANN, START)
    assert value(before=text) == value()


def test_a_key_that_is_no_longer_current_still_counts_and_one_that_is_gone_does_not() -> None:
    old = remember(a_keyring(1), "", APP, ANN, START)
    assert is_known(a_keyring(1, 2), old, APP, ANN, START)
    assert not is_known(a_keyring(2), old, APP, ANN, START)
    assert not is_known(a_keyring(2), old, APP, ANN, START)


def test_several_people_share_a_browser_and_the_last_five_are_remembered() -> None:
    people = [bytes([number]) * 16 for number in range(MOST + 1)]
    text = ""
    for one in people:
        text = value(one, text)
    assert [False] + [True] * MOST == [is_known(RING, text, APP, one, START) for one in people]
    assert MOST_TEXT == len(text)


def test_who_comes_again_is_remembered_once_and_longer() -> None:
    again = value(before=value(), now=START + SECOND)
    assert value(now=START + SECOND) == again


def test_what_is_too_old_is_left_out() -> None:
    later = START + TRUST
    assert value(BOB, now=later) == value(BOB, value(ANN), now=later)
