"""Links to secrets: what they look like, and what of them never shows."""

from __future__ import annotations

import pytest

from watchword.core import binary, secret_link
from watchword.errors import InvalidInputError

KEY = bytes(range(32))
LINK = secret_link.share_url("https://s.example", b"\xa5" * 16, KEY)


def test_a_link_taken_apart_does_not_show_its_key() -> None:
    assert binary.encode(KEY) not in repr(secret_link.read_link(LINK))
    assert repr(KEY) not in repr(secret_link.read_link(LINK))


@pytest.mark.parametrize("text", [LINK[:-1], LINK + "A", LINK.replace("sc_", "vf_"), LINK.replace("/s/", "/x/")])
def test_a_refusal_repeats_nothing_of_the_link(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        secret_link.read_link(text)
    assert binary.encode(KEY)[:20] not in f"{caught.value!r} {caught.value}"
    assert caught.value.field == "link"


def test_a_long_hostile_text_is_read_in_no_time() -> None:
    # Each would take minutes if a pattern backtracked over it.
    for text in ("%" * 100_000, "#" * 100_000, "https://" * 20_000, "https://a/s/sc_" * 10_000, "%25" * 50_000 + "23"):
        with pytest.raises(InvalidInputError):
            secret_link.read_link(text)


@pytest.mark.parametrize("text", ["A", "AA=", "AB", "A A", "A+", "\uff21A", "AA\n"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="one spelling"):
        binary.decode(text)


@pytest.mark.parametrize("size", range(10))
def test_base64url_comes_back(size: int) -> None:
    raw = bytes(range(250, 256)) * 2
    assert raw[:size] == binary.decode_exactly(binary.encode(raw[:size]), size)
    with pytest.raises(ValueError, match="bytes"):
        binary.decode_exactly(binary.encode(raw[:size]), size + 1)
