"""Which telephone numbers a code may go to."""

from __future__ import annotations

import phonenumbers
import pytest

from watchword.core.number import is_number, mask_number, read_number
from watchword.errors import InvalidInputError

TYPES = phonenumbers.PhoneNumberType


def example(kind: int, *regions: str) -> str:
    """An example of a type, from the first region that has one."""
    for region in regions or sorted(phonenumbers.SUPPORTED_REGIONS):
        found = phonenumbers.example_number_for_type(region, kind)
        if found is not None and phonenumbers.number_type(found) == kind:
            return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "typed", ["+49 151 23456789", "+49-151-23456789", "+49 (151) 234.56789", "+4915123456789", " +4915123456789 "]
)
def test_a_mobile_number_is_read_however_it_is_spaced(typed: str) -> None:
    assert ("+4915123456789", "DE", False) == read_number(typed)


def test_a_number_that_may_be_a_mobile_or_not_is_taken() -> None:
    assert "US" == read_number(example(TYPES.FIXED_LINE_OR_MOBILE, "US")).country


def test_internet_telephony_is_told_apart() -> None:
    assert read_number(example(TYPES.VOIP)).is_voip


@pytest.mark.parametrize(
    "kind",
    ["FIXED_LINE", "TOLL_FREE", "PREMIUM_RATE", "SHARED_COST", "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL"],
)
def test_a_number_of_another_type_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_number(example(getattr(TYPES, kind)))

    assert "to" == refused.value.field


@pytest.mark.parametrize("code", [870, 878, 881, 882, 883, 888, 979, 800, 808])
def test_numbers_of_no_country_are_refused(code: int) -> None:
    found = phonenumbers.example_number_for_non_geo_entity(code)
    typed = f"+{code}12345678" if found is None else phonenumbers.format_number(found, 0)
    with pytest.raises(InvalidInputError):
        read_number(typed)


@pytest.mark.parametrize(
    "typed",
    [
        *("", "+", "+49", "015123456789", "4915123456789", "+49151", "+491512345678901234567890", "+49 151 2345678x9"),
        *(
            "+49151\u0662\u0663\u0664\u0665",
            "+\uff11\uff14\uff19151234567",
            "tel:+4915123456789",
            "+4915123456789;ext=1",
            "+1-800-FLOWERS",
        ),
        *("+49151\n23456789", "++4915123456789", "+49 151 23456789,", "ann@example.com", "+" + "1" * 500),
    ],
)
def test_what_is_no_number_is_refused_by_its_field(typed: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_number(typed)

    assert "to" == refused.value.field
    assert len(typed) < 4 or typed not in refused.value.detail


def test_a_masked_number_shows_its_country_code_and_two_digits() -> None:
    assert "+49***89" == mask_number("+4915123456789")


def test_an_address_that_begins_with_a_plus_is_no_number() -> None:
    assert not is_number("+49@example.com")
    assert is_number("+4915123456789")
