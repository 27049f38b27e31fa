"""A link is read back from whatever surrounds it, and nothing else is ever taken for its key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import secret_link
from watchword.errors import InvalidInputError

KEYS = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
# Prose: nothing that begins a fragment, an escape or another link.
PROSE = st.text(st.characters(exclude_characters="#%"), max_size=40).filter(lambda text: "/" not in text)


@given(key=KEYS, secret_id=IDS, before=PROSE, after=PROSE, escapes=st.integers(0, 3))
def test_a_link_is_found_in_any_prose(key: bytes, secret_id: bytes, before: str, after: str, escapes: int) -> None:
    url = secret_link.share_url("https://s.example/ww", secret_id, key)
    if escapes:
        url = url.replace("#", "%" + "25" * (escapes - 1) + "23")
    link = secret_link.read_link(f"{before} {url} {after}")
    assert ("https://s.example/ww", secret_id, key) == (link.public_url, link.id, link.key)


@given(key=KEYS, kept=st.integers(0, 42))
def test_a_key_that_was_cut_is_never_guessed(key: bytes, kept: int) -> None:
    fragment = secret_link.share_url("", bytes(16), key).partition("#")[2]
    with pytest.raises(InvalidInputError):
        secret_link.read_fragment("#" + fragment[:kept])


@given(text=st.text(max_size=42))
def test_a_text_too_short_for_a_key_is_a_problem_and_no_other_failure(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        secret_link.read_fragment(text)
    assert caught.value.detail in {secret_link.MISSING, secret_link.DAMAGED}


@given(keys=st.lists(KEYS, min_size=2, max_size=2, unique=True))
def test_of_two_keys_none_is_chosen(keys: list[bytes]) -> None:
    text = " ".join(secret_link.share_url("https://s.example", bytes(16), key) for key in keys)
    with pytest.raises(InvalidInputError, match="damaged"):
        secret_link.read_link(text)
