"""Verifiers of our own. Their bytes are held by the vectors."""

from __future__ import annotations

import pytest

from watchword.core import binary, pkce
from watchword.errors import InvalidInputError


def test_a_verifier_of_ours_is_one() -> None:
    verifier = pkce.write_verifier(bytes(range(32)))

    assert 43 == len(verifier)
    assert pkce.challenge_of(verifier) == pkce.read_challenge(pkce.write_challenge(verifier), "S256")


@pytest.mark.parametrize("last", binary._ALL)
def test_a_challenge_has_one_spelling(last: str) -> None:
    challenge = "A" * 42 + last
    try:
        binary.decode_exactly(challenge, 32)
    except ValueError:
        with pytest.raises(InvalidInputError):
            pkce.read_challenge(challenge, "S256")
    else:
        assert challenge.encode() == pkce.read_challenge(challenge, "S256")


@pytest.mark.parametrize("other", ["\n", " ", "=", "+", "/", "é", "\u0663", "\0"])
def test_a_challenge_has_no_character_of_another_alphabet(other: str) -> None:
    for challenge in ("A" * 43 + other, other + "A" * 42, "A" * 42 + other, "A" * 20 + other + "A" * 22):
        with pytest.raises(InvalidInputError):
            pkce.read_challenge(challenge, "S256")


def test_dice_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        pkce.write_verifier(bytes(16))
