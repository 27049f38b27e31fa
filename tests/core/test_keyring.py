"""The keyring: keys by number, what is sealed opens in its own row alone, and no key is ever shown."""

from __future__ import annotations

import hmac

import pytest

from tests.support.world import a_keyring
from watchword.core.keyring import INDEX_RECIPIENT, INDEX_SOURCE, Keyring, Mac, RootKey
from watchword.errors import KeyringError, TamperedError

NONCE = b"n" * 12
ROW = b"app" + b"id"


@pytest.mark.parametrize(
    ("keys", "current", "index", "reason"),
    [
        ({1: bytes(32)}, 2, bytes(32), "current"),
        ({0: bytes(32)}, 0, bytes(32), "1 to 255"),
        ({256: bytes(32)}, 256, bytes(32), "1 to 255"),
        ({1: bytes(31)}, 1, bytes(32), "32 bytes"),
        ({1: bytes(32), 2: bytes(33)}, 1, bytes(32), "32 bytes"),
        ({1: bytes(32)}, 1, b"", "32 bytes"),
    ],
)
def test_a_keyring_refuses_what_is_no_set_of_keys(
    keys: dict[int, bytes], current: int, index: bytes, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Keyring(keys, current=current, index=index)


def test_no_key_is_shown() -> None:
    secret = b"SECRETSECRETSECRETSECRETSECRETSE"
    ring = Keyring({3: secret}, current=3, index=secret)
    shown = repr(ring) + repr(ring.root(3)) + str(RootKey(3, secret))
    assert "SECRET" not in shown
    assert shown.startswith("Keyring(keys=(3,), current=3)")


def test_a_key_that_is_not_here_is_named_by_number() -> None:
    with pytest.raises(KeyringError, match="key 9 is not"):
        a_keyring(1).root(9)


def test_what_was_sealed_opens_again() -> None:
    ring = a_keyring(1)
    assert ring.open(ring.seal(b"ann@example.com", bound_to=ROW, nonce=NONCE), bound_to=ROW) == b"ann@example.com"


def test_what_an_old_key_sealed_opens_after_rotation() -> None:
    sealed = a_keyring(1).seal(b"x", bound_to=ROW, nonce=NONCE)
    assert a_keyring(1, 2).open(sealed, bound_to=ROW) == b"x"


def test_new_values_are_sealed_under_the_current_key() -> None:
    assert a_keyring(1, 2).seal(b"x", bound_to=ROW, nonce=NONCE)[0] == 2


def test_what_was_sealed_under_a_key_that_is_gone_names_no_tampering() -> None:
    sealed = a_keyring(2).seal(b"x", bound_to=ROW, nonce=NONCE)
    with pytest.raises(KeyringError):
        a_keyring(1).open(sealed, bound_to=ROW)


def test_a_value_moved_to_another_row_does_not_open() -> None:
    ring = a_keyring(1)
    sealed = ring.seal(b"x", bound_to=ROW, nonce=NONCE)
    with pytest.raises(TamperedError):
        ring.open(sealed, bound_to=ROW + b"2")


@pytest.mark.parametrize("size", [0, 1, 13, 14, 28])
def test_a_value_cut_short_does_not_open(size: int) -> None:
    ring = a_keyring(1)
    with pytest.raises(TamperedError):
        ring.open(ring.seal(b"x", bound_to=ROW, nonce=NONCE)[:size], bound_to=ROW)


@pytest.mark.parametrize("size", [0, 11, 13])
def test_a_nonce_has_twelve_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        a_keyring(1).seal(b"x", bound_to=ROW, nonce=bytes(size))


def test_a_look_up_hash_survives_rotation() -> None:
    before, after = a_keyring(1), a_keyring(1, 2)
    assert before.lookup(INDEX_RECIPIENT, b"x") == after.lookup(INDEX_RECIPIENT, b"x")


def test_look_up_hashes_of_two_kinds_differ() -> None:
    ring = a_keyring(1)
    assert ring.lookup(INDEX_RECIPIENT, b"x") != ring.lookup(INDEX_SOURCE, b"x")


def test_a_look_up_hash_cannot_be_made_without_the_index_key() -> None:
    other = Keyring({1: b"\x01" * 32}, current=1, index=b"j" * 32)
    assert a_keyring(1).lookup(INDEX_RECIPIENT, b"x") != other.lookup(INDEX_RECIPIENT, b"x")


@pytest.mark.parametrize("size", [0, 1, 32, 63, 64])
@pytest.mark.parametrize("message", [b"", b"m", b"m" * 63, b"m" * 64, b"m" * 1_000])
def test_a_kept_mac_is_the_hmac_of_the_library(size: int, message: bytes) -> None:
    key = bytes(range(size))
    mac = Mac(key)

    assert hmac.digest(key, message, "sha256") == mac.digest(message) == mac.digest(message)


def test_a_mac_takes_no_key_longer_than_a_block() -> None:
    with pytest.raises(ValueError, match="no longer"):
        Mac(bytes(65))


# --- two of them -----------------------------------------------------------------------------------


def test_a_rotation_contradicts_nothing() -> None:
    assert not a_keyring(1, 2).contradicts(a_keyring(1))
    assert not a_keyring(2).contradicts(a_keyring(1))


def test_another_key_under_the_same_number_contradicts() -> None:
    other = Keyring({1: b"o" * 32, 2: b"\x02" * 32}, current=2, index=b"i" * 32)

    assert other.contradicts(a_keyring(1))
    assert a_keyring(1).contradicts(other)


def test_another_index_key_contradicts() -> None:
    assert Keyring({1: b"\x01" * 32}, current=1, index=b"o" * 32).contradicts(a_keyring(1))
