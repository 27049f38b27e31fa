"""Recovery codes: written in groups, read as people type them, hashed with whose they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import recovery
from watchword.errors import InvalidInputError


@given(st.binary(min_size=15, max_size=15))
def test_what_is_written_is_read_back_and_holds_every_bit(random: bytes) -> None:
    written = recovery.write(random)

    signs = recovery.read(written)

    assert signs == written.replace("-", "")
    assert [4] * 6 == [len(group) for group in written.split("-")]
    number = 0
    for sign in signs:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(sign)
    assert random == number.to_bytes(15, "big")


@pytest.mark.parametrize(
    "typed",
    [
        "0110-ABCD-EFGH-JKMN-PQRS-TVWX",
        "0110abcdefghjkmnpqrstvwx",
        " oIl0 ABCD EFGH JKMN PQRS TVWX\n",
        "OLiO\u2013abcd\u2013efgh\u2013jkmn\u2013pqrs\u2013tvwx",
    ],
)
def test_case_blanks_dashes_and_look_alikes_do_not_matter(typed: str) -> None:
    assert "0110ABCDEFGHJKMNPQRSTVWX" == recovery.read(typed)


@pytest.mark.parametrize(
    "typed", ["", "0" * 23, "0" * 25, "U" + "0" * 23, "0" * 65, "\u0660" * 24, "0" * 23 + "\u00b2", "123456"]
)
def test_what_cannot_be_a_code_is_refused_without_being_repeated(typed: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        recovery.read(typed)
    assert "code" == refused.value.field
    assert len(typed) < 10 or typed not in refused.value.detail


def test_a_code_of_one_person_or_app_is_none_of_another() -> None:
    signs = "0" * 24
    digests = {recovery.digest(app, who, signs) for app in (b"a" * 16, b"b" * 16) for who in (b"c" * 16, b"d" * 16)}
    assert 4 == len(digests)


def test_a_code_takes_fifteen_bytes() -> None:
    with pytest.raises(ValueError, match="15"):
        recovery.write(bytes(14))
