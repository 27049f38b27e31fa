"""Keys round trip, nothing that comes in breaks the readers, and what is read twice is read the same."""

from __future__ import annotations

from base64 import b32decode, b64encode
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.core import base32, otpauth, otpauth_export, pasted, totp
from watchword.core.otpauth_words import PROBLEMS, UnusableKeyError

SECRETS = st.binary(min_size=10, max_size=64)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(otpauth._tidy)
KEYS = st.builds(
    otpauth.AuthenticatorKey,
    secret=SECRETS,
    issuer=NAMES,
    account=NAMES,
    algorithm=st.sampled_from(totp.ALGORITHMS),
    digits=st.integers(6, 8),
    period=st.integers(5, 600),
)
SMUGGLED = st.text(st.one_of(st.sampled_from("%&=?:/#+ \n\ud800Aa2089"), st.characters()), max_size=60)
LINKS = st.builds("{}{}".format, st.sampled_from(["", otpauth.SCHEME, "otpauth://totp/", otpauth.EXPORT]), SMUGGLED)


@given(secret=st.binary(max_size=80))
def test_base32_round_trips_and_is_what_the_standard_library_reads(secret: bytes) -> None:
    text = base32.write(secret)
    assert secret == base32.read(text)
    assert secret == b32decode(text + "=" * (-len(text) % 8))


@given(
    secret=SECRETS, size=st.integers(1, 8), mark=st.sampled_from([" ", "-", "\u00a0", "\u2013"]), lower=st.booleans()
)
def test_a_key_is_read_in_any_grouping(secret: bytes, size: int, mark: str, lower: bool) -> None:
    text = base32.write(secret)
    grouped = mark.join(text[start : start + size] for start in range(0, len(text), size))
    assert secret == base32.read(grouped.lower() if lower else grouped)


@given(key=KEYS)
@example(key=otpauth.AuthenticatorKey(b"1234567890", "", "a:b"))
@example(key=otpauth.AuthenticatorKey(b"1234567890", "A", "A:b"))
@example(key=otpauth.AuthenticatorKey(b"1234567890", "A:B", "c"))
def test_a_key_written_and_read_is_the_same(key: otpauth.AuthenticatorKey) -> None:
    uri = otpauth.write_key_uri(key)
    tidy = otpauth.AuthenticatorKey(
        key.secret, key.issuer, key.account.lstrip(" "), key.algorithm, key.digits, key.period
    )
    assert tidy == otpauth.read_key_uri(uri).key
    assert uri.isascii()


@given(key=KEYS)
def test_another_parser_finds_the_same_in_what_is_written(key: otpauth.AuthenticatorKey) -> None:
    parts = urlsplit(otpauth.write_key_uri(key))
    given_ = parse_qs(parts.query, strict_parsing=True)
    assert ("otpauth", "totp", "") == (parts.scheme, parts.netloc, parts.fragment)
    assert [base32.write(key.secret)] == given_["secret"]
    assert [key.issuer] == given_.get("issuer", [""])
    assert unquote(parts.path).endswith(key.account)


@given(text=LINKS)
def test_recognising_never_raises_and_gives_a_usable_key_or_a_known_problem(text: str) -> None:
    found = pasted.recognise(text)
    if isinstance(found, pasted.Problem):
        assert found.reason in PROBLEMS
    if isinstance(found, pasted.Key):
        key = found.understood.key
        assert len(key.secret) >= 10
        assert key == otpauth.read_key_uri(otpauth.write_key_uri(key)).key


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_an_export_or_refused(payload: bytes) -> None:
    link = otpauth.EXPORT + "offline?data=" + b64encode(payload).decode().replace("+", "%2B")
    try:
        export = otpauth_export.read_export(link)
    except UnusableKeyError as error:
        assert error.reason in {"unreadable", "no_accounts"}  # noqa: PT017 - either answer is right
        return
    assert len(export.accounts) + len(export.unusable) > 0
    assert 1 <= export.part <= export.parts


@given(text=st.text(max_size=40))
def test_a_text_with_anything_odd_in_it_is_no_bare_key(text: str) -> None:
    if isinstance(found := pasted.recognise(text), pasted.Key):
        assert found.bare
        assert set(text.upper()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=" + base32.BLANKS + base32.DASHES + "\r\n")


@given(secret=SECRETS, now=st.integers(0, 2**42), typed=st.text("0123456789", max_size=9), skew=st.integers(0, 3))
def test_a_step_is_named_only_for_its_own_code(secret: bytes, now: int, typed: str, skew: int) -> None:
    step = totp.matching_step(secret, typed, now, skew=skew)
    window = range(max(0, now // 30_000 - skew), now // 30_000 + skew + 1)
    right = [each for each in window if totp.hotp(secret, each) == typed]
    assert step == (right[-1] if right else None)


@pytest.mark.parametrize("length", [0, 2, 4, 5, 7, 8])
def test_complete_lengths_are_those_that_bytes_have(length: int) -> None:
    assert base32.is_complete(length * "A")
