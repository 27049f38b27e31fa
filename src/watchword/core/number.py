"""Telephone numbers: read as typed, in E.164, and only of the kinds that a code may go to.

Not handled here: which countries an operator allows (``core/sms.py``), how a number is kept and shown
(``core/recipient.py``).

Rules:

* a number is written with its country code, so that nothing about it is guessed;
* what ``phonenumbers`` (libphonenumber) does not call valid is refused, and so is every type that is not in
  ``_KINDS``: premium, shared-cost and toll-free numbers, pagers and voicemail are how SMS pumping is paid;
* satellites and non-geographic codes belong to no country that could be allowed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from watchword.errors import InvalidInputError

LONGEST_TYPED = 32  # characters: fifteen digits and what people put between them
WIDER_PREFIX = 4  # digits at the end of a number that the others of its range differ in

NOWHERE = "001"  # how libphonenumber calls what is in no country
REFUSED_CODES = frozenset({870, 878, 881, 882, 883, 888, 979})
_TYPED = re.compile(r"\+[0-9][0-9 ().-]*[0-9]")
_MOBILE, _FIXED_OR_MOBILE, _VOIP = 1, 2, 6  # phonenumbers.PhoneNumberType


class Number(NamedTuple):
    """A number that exists. ``country`` is its ISO 3166 code; ``is_voip`` what profiles differ about."""

    e164: str
    country: str
    is_voip: bool = False


def read_number(typed: str, *, field: str = "to") -> Number:
    """Check a number and return it in E.164. Blanks, dots, dashes and brackets are fine, and blanks around it.

    Raises:
        InvalidInputError: it has no country code, is no number that could be called, or of a type no code goes to.
    """
    # Imported where it is used: half a megabyte of plans and 40 ms that a service without SMS does not need.
    import phonenumbers  # noqa: PLC0415

    typed = typed.strip(" ")
    if len(typed) > LONGEST_TYPED or not _TYPED.fullmatch(typed):
        raise InvalidInputError("A number is written with its country code, as +49 151 23456789.", field=field)
    try:
        parsed = phonenumbers.parse(typed, None)
    except phonenumbers.NumberParseException:
        raise InvalidInputError("This is not a telephone number.", field=field) from None
    country = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.number_type(parsed)
    # What is valid is of a type: asking for that as well would look through the same plan once more.
    if country is None or kind == phonenumbers.PhoneNumberType.UNKNOWN:
        raise InvalidInputError("This is not a telephone number.", field=field)
    if parsed.country_code in REFUSED_CODES or country == NOWHERE or kind not in {_MOBILE, _FIXED_OR_MOBILE, _VOIP}:
        raise InvalidInputError("This is not a number that messages can be sent to: give a mobile number.", field=field)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Number(e164, country, kind == _VOIP)


def is_number(address: str) -> bool:
    """Whether a recipient is a number and not an email address."""
    return address.startswith("+") and "@" not in address


def mask_number(e164: str) -> str:
    """Show just enough to recognise one's own number: ``+49***89``."""
    return f"{e164[:3]}***{e164[-2:]}"
