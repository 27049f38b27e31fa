"""What is sealed opens unchanged or not at all, with the right keys or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import binary, envelope, secret_document
from watchword.core.envelope import Envelope
from watchword.errors import InvalidInputError, TamperedError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
KEYS = st.binary(min_size=32, max_size=32)
NONCES = st.binary(min_size=16, max_size=16)
IVS = st.binary(min_size=12, max_size=12)
TOTP = {
    "secret": st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=1, max_size=64),
    "algorithm": st.sampled_from(["SHA1", "SHA256", "SHA512"]),
    "digits": st.integers(6, 8),
    "period": st.integers(1, 86_400),
}
TOTP_MAY = {"issuer": TEXTS, "account": TEXTS}
ABOUT = {"label": TEXTS, "note": TEXTS}
INSIDE = st.binary(max_size=60).flatmap(
    lambda raw: st.fixed_dictionaries(
        {"name": TEXTS, "size": st.just(len(raw)), "content": st.just(binary.encode(raw))},
        optional={"media_type": TEXTS},
    )
)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=800).filter(secret_document._is_text)}),
    st.fixed_dictionaries({"type": st.just("totp"), **TOTP}, optional={**TOTP_MAY, **ABOUT}),
    st.fixed_dictionaries(
        {"type": st.just("login"), "password": TEXTS},
        optional={"username": TEXTS, "url": TEXTS, "totp": st.fixed_dictionaries(TOTP, optional=TOTP_MAY), **ABOUT},
    ),
    st.fixed_dictionaries({"type": st.just("file"), "files": st.lists(INSIDE, min_size=1, max_size=3)}, optional=ABOUT),
)


@given(document=DOCUMENTS, key=KEYS, nonce=NONCES, iv=IVS)
def test_what_was_sealed_opens_unchanged(document: dict[str, Any], key: bytes, nonce: bytes, iv: bytes) -> None:
    wire = envelope.seal(document, key, nonce=nonce, iv=iv).to_wire()["envelope"]
    assert document == envelope.open_envelope(envelope.read_envelope(wire), key)


@given(document=DOCUMENTS)
def test_a_document_has_one_spelling_of_one_of_few_lengths(document: dict[str, Any]) -> None:
    text = secret_document.write(document)
    assert text == secret_document.write(secret_document.read(text))
    assert len(text) in {512 << step for step in range(8)} or len(text) % 65_536 == 0


@given(document=DOCUMENTS, key=KEYS, chosen=st.data())
def test_one_changed_character_keeps_it_shut(document: dict[str, Any], key: bytes, chosen: st.DataObject) -> None:
    wire = envelope.seal(document, key, nonce=bytes(16), iv=bytes(12)).to_wire()["envelope"]
    jwe = wire["jwe"]
    place = chosen.draw(st.integers(0, len(jwe) - 1))
    other = chosen.draw(st.characters(codec="ascii").filter(lambda character: character != jwe[place]))
    with pytest.raises((InvalidInputError, TamperedError)):
        opened({**wire, "jwe": jwe[:place] + other + jwe[place + 1 :]}, key)


@given(document=DOCUMENTS, key=KEYS, chosen=st.data())
def test_a_part_of_it_keeps_it_shut(document: dict[str, Any], key: bytes, chosen: st.DataObject) -> None:
    wire = envelope.seal(document, key, nonce=bytes(16), iv=bytes(12)).to_wire()["envelope"]
    jwe = wire["jwe"]
    kept = chosen.draw(st.integers(0, len(jwe) - 1))
    for part in (jwe[:kept], jwe[len(jwe) - kept :], jwe + jwe[:kept] + "A"):
        with pytest.raises((InvalidInputError, TamperedError)):
            opened({**wire, "jwe": part}, key)


@given(keys=st.lists(KEYS, min_size=2, max_size=2, unique=True), nonces=st.lists(NONCES, min_size=2, unique=True))
def test_another_link_or_nonce_keeps_it_shut(keys: list[bytes], nonces: list[bytes]) -> None:
    sealed = envelope.seal({"type": "text", "text": "ink"}, keys[0], nonce=nonces[0], iv=bytes(12)).envelope
    with pytest.raises(TamperedError):
        envelope.open_envelope(sealed, keys[1])
    with pytest.raises(TamperedError):
        envelope.open_envelope(Envelope(nonces[1], sealed.jwe), keys[0])


@given(key=KEYS, nonce=NONCES)
def test_no_two_purposes_share_a_key(key: bytes, nonce: bytes) -> None:
    keys = envelope.derive_keys(key, nonce)
    assert 3 == len({key, keys.link, keys.cek})


@given(junk=st.binary(max_size=700))
def test_a_text_that_nobody_wrote_is_refused(junk: bytes) -> None:
    with pytest.raises(InvalidInputError):
        secret_document.read(junk)


@given(held=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists, max_leaves=5))
def test_junk_for_an_envelope_is_refused(held: object) -> None:
    good = envelope.seal({"type": "text", "text": "ink"}, bytes(32), nonce=bytes(16), iv=bytes(12)).envelope.to_wire()
    for wire in (held, *({**good, name: held} for name in (*good, "kdf", "more"))):
        if wire != good or type(wire["v"]) is not int:
            with pytest.raises((InvalidInputError, TamperedError)):
                opened(wire, bytes(32))


def opened(wire: object, key: bytes) -> dict[str, Any]:
    return envelope.open_envelope(envelope.read_envelope(wire), key)
