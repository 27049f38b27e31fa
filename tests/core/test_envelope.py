"""Envelopes: what goes in, what is refused, and what never shows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from watchword.core import binary, envelope, secret_document
from watchword.core.envelope import PBKDF2, Envelope, Keys
from watchword.errors import InvalidInputError, TamperedError, TooLargeError

LINK_KEY = bytes(range(32))
NONCE = b"n" * 16
IV = b"i" * 12
INK = {"type": "text", "text": "SECRET-INK"}


def seal(passphrase: str | None = None) -> envelope.Sealed:
    return envelope.seal(INK, LINK_KEY, nonce=NONCE, iv=IV, passphrase=passphrase)


@pytest.mark.parametrize("passphrase", [None, "copper lantern"])
def test_joserfc_opens_our_envelopes(passphrase: str | None) -> None:
    keys = envelope.derive_keys(LINK_KEY, NONCE, None if passphrase is None else PBKDF2, passphrase)
    opened = jwe.decrypt_compact(seal(passphrase).envelope.jwe, OctKey.import_key(keys.cek))
    assert opened.plaintext == secret_document.write(INK)
    assert opened.headers() == {"alg": "dir", "enc": "A256GCM"}


@pytest.mark.parametrize("passphrase", [None, "copper lantern"])
def test_the_jose_command_opens_our_envelopes(tmp_path: Path, passphrase: str | None) -> None:
    keys = envelope.derive_keys(LINK_KEY, NONCE, None if passphrase is None else PBKDF2, passphrase)
    key, sealed = tmp_path / "cek.jwk", tmp_path / "secret.jwe"
    key.write_text(json.dumps({"kty": "oct", "k": binary.encode(keys.cek)}))
    sealed.write_text(seal(passphrase).envelope.jwe)
    command = ["jose", "jwe", "dec", "-i", str(sealed), "-k", str(key)]
    opened = subprocess.run(command, capture_output=True, check=True)
    assert opened.stdout == secret_document.write(INK)


def test_what_joserfc_seals_we_open() -> None:
    keys = envelope.derive_keys(LINK_KEY, NONCE)
    foreign = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM"}, secret_document.write(INK), OctKey.import_key(keys.cek)
    )
    assert INK == envelope.open_envelope(Envelope(NONCE, foreign), LINK_KEY)


def test_nothing_secret_is_shown() -> None:
    sealed = seal("SECRET-PASSPHRASE")
    keys = envelope.derive_keys(LINK_KEY, NONCE, PBKDF2, "SECRET-PASSPHRASE")
    shown = repr(sealed) + repr(keys)
    values = (keys.link, keys.auth or b"", keys.cek, sealed.link_hash, sealed.auth_hash or b"")
    for hidden in ("SECRET", sealed.envelope.jwe, *(repr(value) for value in values)):
        assert hidden not in shown


@pytest.mark.parametrize(
    ("document", "passphrase"),
    [({"type": "text", "text": 5, "SECRET": 1}, None), (INK, ""), (INK, "SECRET" * 200), (INK, "SECRET\ud800")],
)
def test_a_refusal_repeats_nothing_that_was_given(document: dict[str, object], passphrase: str | None) -> None:
    with pytest.raises(InvalidInputError) as caught:
        envelope.seal(document, LINK_KEY, nonce=NONCE, iv=IV, passphrase=passphrase)
    assert "SECRET" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_a_wrong_link_says_nothing_about_what_it_did_not_open() -> None:
    with pytest.raises(TamperedError) as caught:
        envelope.open_envelope(seal().envelope, bytes(32))
    assert caught.value.__cause__ is None
    assert str(caught.value) == TamperedError.sentence


def test_keys_open_only_the_envelope_that_they_were_derived_for() -> None:
    sealed = seal().envelope
    keys = envelope.derive_keys(LINK_KEY, NONCE)
    assert INK == envelope.open_with(keys, sealed)
    for other in (Envelope(b"m" * 16, sealed.jwe), Envelope(NONCE, sealed.jwe, PBKDF2)):
        with pytest.raises(TamperedError):
            envelope.open_with(keys, other)
    with pytest.raises(TamperedError):
        envelope.open_with(Keys(b"m" * 16, None, keys.link, None, keys.cek), sealed)


def test_a_proof_is_the_one_of_its_hash_and_of_no_other() -> None:
    proof = envelope.link_proof(LINK_KEY)
    kept = seal().link_hash
    assert envelope.is_proof_of(kept, proof)
    assert not envelope.is_proof_of(kept, envelope.link_proof(bytes(32)))
    assert not envelope.is_proof_of(kept, b"")
    assert not envelope.is_proof_of(kept, kept)


@pytest.mark.parametrize(("sizes", "name"), [((31, 16, 12), "link key"), ((32, 15, 12), "nonce"), ((32, 16, 16), "IV")])
def test_dice_of_another_size_are_a_programmers_mistake(sizes: tuple[int, int, int], name: str) -> None:
    key, nonce, iv = (bytes(size) for size in sizes)
    with pytest.raises(ValueError, match=name):
        envelope.seal(INK, key, nonce=nonce, iv=iv)


def test_a_secret_that_no_size_can_hide_is_too_large() -> None:
    with pytest.raises(TooLargeError):
        envelope.seal({"type": "text", "text": "x" * 2_097_152}, LINK_KEY, nonce=NONCE, iv=IV)


def test_a_short_text_and_a_shorter_one_look_alike() -> None:
    lengths = {
        len(envelope.seal({"type": "text", "text": "x" * size}, LINK_KEY, nonce=NONCE, iv=IV).envelope.jwe)
        for size in (0, 1, 100, 400)
    }
    assert 1 == len(lengths)
