"""Verifiers of our own. Their bytes are held by the vectors."""

from __future__ import annotations

import pytest

from watchword.core import pkce


def test_a_verifier_of_ours_is_one() -> None:
    verifier = pkce.write_verifier(bytes(range(32)))

    assert 43 == len(verifier)
    assert pkce.challenge_of(verifier) == pkce.read_challenge(pkce.write_challenge(verifier), "S256")


def test_dice_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        pkce.write_verifier(bytes(16))
