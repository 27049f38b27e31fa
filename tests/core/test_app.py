"""Apps and API keys as values."""

from __future__ import annotations

import pytest

from watchword.core import app
from watchword.errors import InvalidInputError


def test_a_key_is_a_prefix_and_43_characters() -> None:
    assert app.write_key(bytes(32)) == "wk_" + "A" * 43


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_takes_32_random_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        app.write_key(bytes(size))


def test_a_hint_shows_four_characters_of_a_key() -> None:
    assert app.hint("wk_abcdefgh") == "wk_abcd"


def test_a_key_hashes_alike_as_text_and_as_bytes() -> None:
    assert app.hash_key("wk_abc") == app.hash_key(b"wk_abc")


@pytest.mark.parametrize("key", [b"", b"wk_", b"wk_" + b"A" * 42, b"wk_" + b"A" * 44, b"xx_" + b"A" * 43])
def test_what_cannot_be_a_key_is_seen_at_once(key: bytes) -> None:
    assert not app.is_key_shaped(key)
    assert app.is_key_shaped(b"wk_" + b"A" * 43)


@pytest.mark.parametrize(
    ("name", "read"),
    [("Acme", "Acme"), ("  Acme & Söhne ", "Acme & Söhne"), ("So\u0308hne", "Söhne"), ("a" * 40, "a" * 40)],
)
def test_a_name_is_trimmed_and_composed(name: str, read: str) -> None:
    assert read == app.read_name(name)


@pytest.mark.parametrize("name", ["", "   ", "a" * 41, "Ac\nme", "Ac\x00me", "\u202eemcA", "Ac\u200bme", "\ud800"])
def test_a_name_that_would_not_look_like_itself_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        app.read_name(name)
    assert refused.value.field == "name"


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example:8443/callback?x=1",
        "http://localhost:3000/callback",
        "http://127.0.0.1/",
        "http://[::1]:3000/",
    ],
)
def test_a_redirect_uri_is_https_or_loopback(uri: str) -> None:
    assert uri == app.read_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "//app.example/callback",
        "http://app.example/callback",
        "http://localhost.example/",
        "https://",
        "https:///callback",
        "https://app.example/#fragment",
        "https://app.example/#",
        "https://user@app.example/",
        "https://user:pass@app.example/",
        "https://@app.example/",
        "https://app.example/a b",
        "https://app.example/\r\nSet-Cookie: x",
        "https://bücher.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://[::1",
        "https://app.example/" + "a" * 2048,
    ],
)
def test_a_redirect_uri_that_could_lead_elsewhere_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        app.read_redirect_uri(uri)
    assert refused.value.field == "redirect_uri"
