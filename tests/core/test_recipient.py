"""Recipients: four forms of one address."""

from __future__ import annotations

import string

import pytest

from tests.support.world import a_keyring
from watchword.core import recipient
from watchword.errors import InvalidInputError


@pytest.mark.parametrize(
    ("typed", "deliverable"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.O+shop@example.com", "Ann.O+shop@example.com"),
        ("ann@EXAMPLE.Com", "ann@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ann@bücher.example.org", "ann@xn--bcher-kva.example.org"),
        ("jörg@example.com", "jörg@example.com"),
        ("ann@mail.test", "ann@mail.test"),
    ],
)
def test_an_address_is_kept_as_typed_with_its_domain_in_plain_letters(typed: str, deliverable: str) -> None:
    assert deliverable == recipient.read_email(typed)


@pytest.mark.parametrize(
    "typed", ["ann@example.com", "ann.b.o+shop@mail12.example.org", "a@b-c.de", f"{'a' * 30}@{'b' * 32}.museum"]
)
def test_an_ordinary_address_does_not_wait_for_the_library(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(recipient, "validate_email")

    assert typed == recipient.read_email(typed)


@pytest.mark.parametrize("typed", ["ann@example.com ", " ann@example.com", "  ann@example.com  "])
def test_blanks_around_an_address_are_no_part_of_it(typed: str) -> None:
    assert "ann@example.com" == recipient.read_email(typed) == recipient.read(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@example",
        "ann@@example.com",
        "ann @example.com",
        "ann@ example.com",
        "ann@example.com\n",
        "ann@example.com\t",
        "ann@example.com\u00a0",
        "ann@example.com \n",
        " ",
        "ann@example.com\r\nBcc: eve@example.com",
        "ann\r\n@example.com",
        "ann\x00@example.com",
        "ann@example.com\x00",
        "ann@example.com,eve@example.com",
        "ann@example.com;eve@example.com",
        "Ann <ann@example.com>",
        '"ann eve"@example.com',
        "ann@[127.0.0.1]",
        "ann@localhost",
        "ann@host.invalid",
        "ann@host.local",
        "ann@example..com",
        "ann..o@example.com",
        ".ann@example.com",
        "ann@-example.com",
        "ann\uff20example.com",
        "ann\u202e@example.com",
        "ann\u200b@example.com",
        "ann\u00a0o@example.com",
        "ann\u2028@example.com",
        "ann@exa\u202emple.com",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 64 + ".com",
        "a" * 10_000 + "@example.com",
        "ann@" + "ü" * 120 + ".example.com",
        "\ud800@example.com",
        "=?utf-8?q?eve=40example.org?=@example.com",
        "a=?b@example.com",
        "a?=b@example.com",
    ],
)
def test_what_is_not_one_plain_mailbox_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        recipient.read_email(typed)
    assert refused.value.field == "to"


def test_an_address_that_grows_too_long_in_plain_letters_is_refused() -> None:
    typed = "ann@" + ".".join(["ü" * 40] * 5) + ".org"
    assert len(typed) < 254
    with pytest.raises(InvalidInputError):
        recipient.read_email(typed)


def test_an_address_that_is_too_long_in_octets_is_refused() -> None:
    typed = "é" * 60 + "@" + ".".join(["abcdefghij"] * 13) + ".org"
    assert len(typed) < 254
    with pytest.raises(InvalidInputError):
        recipient.read_email(typed)


def test_a_refusal_does_not_repeat_the_address() -> None:
    with pytest.raises(InvalidInputError) as refused:
        recipient.read_email("sensitive-name@@example.com")
    assert "sensitive" not in repr(refused.value) + refused.value.detail
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "variant",
    ["ann@example.org", "Ann@Example.org", "ANN@example.org", "ann+shop@example.org", "Ann+a+b@EXAMPLE.ORG"],
)
def test_case_and_tag_make_no_other_recipient(variant: str) -> None:
    assert recipient.fold(variant) == "ann@example.org"


@pytest.mark.parametrize(
    "other",
    ["a.nn@example.org", "ann@mail.example.org", "änn@example.org", "\u0430nn@example.org", "ann-shop@example.org"],
)
def test_nothing_else_is_guessed_to_be_the_same(other: str) -> None:
    assert recipient.fold(other) != "ann@example.org"


def test_an_address_that_is_all_tag_keeps_it() -> None:
    assert recipient.fold("+shop@example.org") == "+shop@example.org"


def test_two_spellings_of_one_letter_are_counted_as_one() -> None:
    assert recipient.fold("jo\u0308rg@example.org") == recipient.fold("JÖRG@example.org")


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("ann@example.com", "a***@example.com"),
        ("a@example.com", "***@example.com"),
        ("jö@example.com", "j***@example.com"),
    ],
)
def test_a_mask_shows_just_enough_to_recognise_ones_own_address(address: str, masked: str) -> None:
    assert masked == recipient.mask(address)


@pytest.mark.parametrize(
    "address", ["ann@[192.0.2.1]", '"ann eve"@example.com', "ann@example.com\n", "a, b@example.com"]
)
def test_what_some_parser_could_read_as_another_address_is_not_sendable(address: str) -> None:
    assert not recipient.is_sendable(address)
    assert recipient.is_sendable("j\u00f6rg+x@example.com")


def test_atoms_and_hosts_are_of_the_letters_that_the_rfcs_name_and_of_what_is_beyond_ascii() -> None:
    beyond = ["\u00a1", "\u00f6", "\u4e2d", "\U0001f511"]
    letters = [chr(code) for code in range(0x80)] + beyond
    host = {*string.ascii_letters, *string.digits, "-", *beyond}
    assert host == {letter for letter in letters if recipient.is_sendable(f"a@b{letter}c")} - {"."}
    atext = host | set("!#$%&'*+/=?^_`{|}~")
    assert atext == {letter for letter in letters if recipient.is_sendable(f"a{letter}c@b")} - {"."}


def test_two_mailboxes_that_share_a_bucket_are_still_told_apart() -> None:
    ring = a_keyring(1)
    ann = recipient.identify(ring, "email", "ann@example.com")
    assert ann == recipient.identify(ring, "email", "Ann@Example.com")
    assert ann != recipient.identify(ring, "email", "ann+x@example.com")
    assert recipient.identify(ring, "email", "s@example.com") != recipient.identify(ring, "email", "\u017f@example.com")
    assert recipient.identify(ring, "email", "S\u00e9@a.com") == recipient.identify(ring, "email", "s\u00e9@a.com")


def test_variants_of_an_address_share_a_look_up_hash_and_channels_do_not() -> None:
    ring = a_keyring(1)
    ann = recipient.lookup(ring, "email", "ann@example.com")
    assert ann == recipient.lookup(ring, "email", "ANN+x@example.com")
    assert ann != recipient.lookup(ring, "sms", "ann@example.com")
    assert len(ann) == 16


def test_a_local_part_that_is_too_long_is_told_by_its_own_limit() -> None:
    with pytest.raises(InvalidInputError, match="before the @ has at most 64"):
        recipient.read_email("a" * 65 + "@example.com")


def test_an_address_that_grows_too_long_in_its_one_spelling_is_refused() -> None:
    typed = "\u0958" * 20 + "@example.org"  # a letter whose one spelling is two
    assert len(typed.rpartition("@")[0].encode()) < 64
    with pytest.raises(InvalidInputError):
        recipient.read_email(typed)
