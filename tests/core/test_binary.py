"""base64url: one spelling of each value, and no other text is read."""

from __future__ import annotations

import string
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import binary

ALPHABET = string.ascii_letters + string.digits + "-_"
NEARLY = st.text(st.sampled_from(ALPHABET * 4 + "+/= \n\0é\udc80"), max_size=50)


@given(st.binary(max_size=70))
def test_what_is_written_is_read_again(raw: bytes) -> None:
    assert binary.decode(binary.encode(raw)) == raw


@given(st.binary(max_size=70))
def test_it_is_written_as_the_standard_has_it_without_padding(raw: bytes) -> None:
    assert binary.encode(raw) == urlsafe_b64encode(raw).decode().rstrip("=")


@given(NEARLY)
def test_a_text_that_is_read_is_the_one_spelling_of_its_value(text: str) -> None:
    try:
        raw = binary.decode(text)
    except ValueError:
        return
    assert binary.encode(raw) == text


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AB",
        "AAB",
        "AA=",
        "AA==",
        "AAA=",
        "A=AA",
        "+A",
        "/A",
        "AAA+",
        "AA\n",
        " AAAA",
        "AAA\0",
        "AAAé",
        "AAA\udc80",
    ],
)
def test_another_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not base64url in its one spelling$") as refused:
        binary.decode(text)
    assert refused.value.__cause__ is None


def test_a_value_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="not 32 bytes"):
        binary.decode_exactly("AAAA", 32)
