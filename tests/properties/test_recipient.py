"""The fast path agrees with email-validator, and folding is stable."""

from __future__ import annotations

import re

from email_validator import validate_email
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from watchword.core import recipient
from watchword.errors import InvalidInputError

ORDINARY = st.from_regex(recipient._ORDINARY, fullmatch=True)
NEARLY = st.builds(
    "{}@{}".format,
    st.text("aZ0+-._'éß@ \u0130\u0345\u03a3", max_size=12),
    st.text("aZ0-.ü", max_size=14).map("{}.com".format),
)
ANYTHING = st.one_of(ORDINARY, NEARLY, st.emails(), st.text(max_size=40))


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
