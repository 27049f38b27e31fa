"""What is sealed opens unchanged or not at all; no two purposes share a key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import a_keyring
from watchword.core import keyring
from watchword.core.keyring import KEY_SIZE, NONCE_SIZE, Keyring, derive
from watchword.errors import KeyringError, TamperedError

RING = a_keyring(1, 2)
NONCES = st.binary(min_size=NONCE_SIZE, max_size=NONCE_SIZE)
ROWS = st.binary(max_size=40)
ROOTS = st.binary(min_size=KEY_SIZE, max_size=KEY_SIZE)
LABELS = [value for name, value in vars(keyring).items() if isinstance(value, bytes) and name.isupper()]


@given(value=st.binary(min_size=1, max_size=300), row=ROWS, nonce=NONCES)
def test_what_was_sealed_opens_unchanged(value: bytes, row: bytes, nonce: bytes) -> None:
    assert value == RING.open(RING.seal(value, bound_to=row, nonce=nonce), bound_to=row)


@given(value=st.binary(min_size=1, max_size=60), row=ROWS, nonce=NONCES, chosen=st.data())
def test_one_flipped_bit_anywhere_keeps_it_shut(value: bytes, row: bytes, nonce: bytes, chosen: st.DataObject) -> None:
    sealed = RING.seal(value, bound_to=row, nonce=nonce)
    bit = chosen.draw(st.integers(8, len(sealed) * 8 - 1))
    flipped = (int.from_bytes(sealed, "little") ^ (1 << bit)).to_bytes(len(sealed), "little")
    with pytest.raises(TamperedError):
        RING.open(flipped, bound_to=row)


@given(value=st.binary(min_size=1, max_size=60), number=st.integers(0, 255).filter(lambda number: number != 2))
def test_another_key_number_keeps_it_shut(value: bytes, number: int) -> None:
    sealed = RING.seal(value, bound_to=b"row", nonce=bytes(NONCE_SIZE))
    expected = TamperedError if number in RING.numbers else KeyringError
    with pytest.raises(expected):
        RING.open(bytes([number]) + sealed[1:], bound_to=b"row")


@given(value=st.binary(min_size=1, max_size=60), rows=st.lists(ROWS, min_size=2, max_size=2, unique=True))
def test_in_another_row_it_stays_shut(value: bytes, rows: list[bytes]) -> None:
    with pytest.raises(TamperedError):
        RING.open(RING.seal(value, bound_to=rows[0], nonce=bytes(NONCE_SIZE)), bound_to=rows[1])


@given(junk=st.binary(max_size=120))
def test_what_was_never_sealed_does_not_open(junk: bytes) -> None:
    with pytest.raises((TamperedError, KeyringError)):
        RING.open(junk, bound_to=b"row")


@given(root=ROOTS)
def test_no_two_purposes_share_a_key(root: bytes) -> None:
    assert len(LABELS) == len({derive(root, label) for label in LABELS} - {root}) >= 6


@given(roots=st.lists(ROOTS, min_size=2, max_size=2, unique=True), label=st.sampled_from(LABELS))
def test_no_two_roots_share_a_key(roots: list[bytes], label: bytes) -> None:
    assert derive(roots[0], label) != derive(roots[1], label)


@given(roots=st.lists(ROOTS, min_size=2, max_size=2, unique=True))
def test_a_keyring_shows_nothing_of_its_keys(roots: list[bytes]) -> None:
    ring = Keyring({1: roots[0]}, current=1, index=roots[1])
    assert repr(ring) == "Keyring(keys=(1,), current=1)"
