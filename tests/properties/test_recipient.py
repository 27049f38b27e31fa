"""The fast path agrees with email-validator, and folding is stable."""

from __future__ import annotations

import re
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parseaddr

import pytest
from email_validator import validate_email
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from watchword.adapters.catalogue import Catalogues
from watchword.adapters.letter import Letters, MailFrom
from watchword.adapters.smtp import _path
from watchword.core import recipient
from watchword.core.instant import MINUTE
from watchword.core.message import PasscodeMessage
from watchword.errors import InvalidInputError

ORDINARY = st.from_regex(recipient._ORDINARY, fullmatch=True)
NEARLY = st.builds(
    "{}@{}".format,
    st.text("aZ0+-._'éß@ \u0130\u0345\u03a3", max_size=12),
    st.text("aZ0-.ü", max_size=14).map("{}.com".format),
)
ANYTHING = st.one_of(ORDINARY, NEARLY, st.emails(), st.text(max_size=40))
ODD = st.builds(
    "{}@{}".format,
    st.text(st.one_of(st.sampled_from("aZ0.!#$%&'*+/=?^_`{|}~-\"\\ ()<>,:;[]@é"), st.characters()), max_size=20),
    st.text("aZ0.-_üß\u3002[]:", max_size=70).map("{}.example.org".format),
)
LETTERS = Letters(MailFrom.parse("codes@acme.example"), Catalogues.load())
MESSAGE = PasscodeMessage(
    key="vf_AZrjPq0BxyZ-_abcdefghij.1",
    locale="en",
    app_name="Acme",
    purpose="login",
    code="483920",
    countersign="lantern",
    created_at=1_795_442_531_250,
    lifetime=10 * MINUTE,
)


@given(typed=ORDINARY)
def test_what_the_fast_path_accepts_the_library_accepts_and_spells_the_same(typed: str) -> None:
    try:
        read = recipient.read_email(typed)
    except InvalidInputError:
        # Then it went the long way round: a domain of special use, or two hyphens.
        assert "--" in typed or typed.rpartition(".")[2] in recipient._SPECIAL
        return
    checked = validate_email(typed, check_deliverability=False, test_environment=True)
    assert read == typed == f"{checked.local_part}@{checked.ascii_domain}"


@given(typed=ANYTHING)
def test_what_is_read_is_one_plain_mailbox_and_is_read_the_same_again(typed: str) -> None:
    try:
        read = recipient.read_email(typed)
    except InvalidInputError as error:
        assert error.field == "to"  # noqa: PT017 - either answer is right, another error is not
        return
    assert read == recipient.read_email(read)
    assert re.fullmatch(r"[^\s@\x00-\x1f\x7f]+@[a-z0-9.-]+", read)
    assert len(read.encode()) <= 254


@given(typed=ANYTHING)
def test_folding_twice_is_folding_once(typed: str) -> None:
    try:
        folded = recipient.fold(recipient.read_email(typed))
    except InvalidInputError:
        reject()
    assert folded == recipient.fold(folded)


@given(typed=st.one_of(ORDINARY, st.emails()), tag=st.text("abcXYZ019+", max_size=6))
def test_case_and_tag_never_make_another_recipient(typed: str, tag: str) -> None:
    local, _, domain = typed.rpartition("@")
    assume(not local.startswith("+"))
    variant = f"{local.upper()}+{tag}@{domain.upper()}"
    assert recipient.fold(typed) == recipient.fold(variant)


@given(typed=ORDINARY)
def test_a_mask_hides_all_of_the_local_part_but_one_character(typed: str) -> None:
    local, _, domain = typed.rpartition("@")
    shown, _, kept = recipient.mask(typed).rpartition("@")
    assert kept == domain
    assert shown in {"***", f"{local[0]}***"}
    assert len(local) > 1 or shown == "***"


@given(typed=st.one_of(ODD, ANYTHING))
@example(typed="a=?x@example.org")
@example(typed="!#$%&'*+/=^_`{|}~-@example.org")
@example(typed='"ann"@example.org')
@example(typed="дада@bücher.example")
@example(typed="a" * 64 + "@" + ".".join(["b" * 63] * 2) + ".org")
def test_whatever_is_read_can_be_composed_and_sent_and_every_parser_finds_that_address(typed: str) -> None:
    try:
        read = recipient.read_email(typed)
    except InvalidInputError:
        return
    letter = LETTERS.compose(read, MESSAGE)
    header = message_from_string(letter.source.decode(), policy=default)
    assert isinstance(header, EmailMessage)
    assert f"<{read}>".encode() == _path(letter.envelope().recipient)
    assert ("", read) == parseaddr(read)
    assert [("", read)] == getaddresses([read])
    assert [read] == [to.addr_spec for to in header["To"].addresses]


@pytest.mark.parametrize(
    "typed",
    [
        "a=?x@example.org",
        "a?=@example.org",
        "=?utf-8?q?eve=40evil.example?=@example.org",
        '"ann eve"@example.org',
        '"ann@eve"@example.org',
        "ann(eve)@example.org",
        "ann\\eve@example.org",
        "ann.@example.org",
        "ann@example.org.",
        "ann@example.org\u3002",
        "ann@[192.0.2.1]",
        "ann@[IPv6:2001:db8::1]",
        "ann@192.0.2.1",
        "ann@" + "b" * 64 + ".org",
        "ann@" + "ü" * 60 + ".org",
        "ann@" + ".".join(["b" * 63] * 4) + ".org",
        "ann@exa_mple.org",
    ],
)
def test_what_no_mail_can_be_addressed_to_is_not_read(typed: str) -> None:
    with pytest.raises(InvalidInputError):
        recipient.read_email(typed)
