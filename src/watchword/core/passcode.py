"""Passcodes and watchwords: derived from a verification's id, never stored.

Format and vectors: docs/spec/passcode.md, sections 3 to 5, ``vectors/passcode/*.json``.

Not handled here: whether a verification still takes a code (``core/verification.py``), limits (``core/limit.py``).

Rules:

* the code exists as plaintext in ``derive_code`` and in the message made of it, nowhere else;
* comparison is in constant time over ASCII digits that ``read_digits`` has vouched for;
* what a person may type is a closed list, because ``str.isdigit`` and NFKC let ``²`` and ``①`` in.
"""

from __future__ import annotations

import hmac

from watchword.core import ids
from watchword.core.keyring import Keyring
from watchword.core.magic_link import derive_ticket
from watchword.core.words import COUNTERSIGNS, SIGNS
from watchword.errors import InvalidInputError

MIN_DIGITS = 6
MAX_DIGITS = 10
DEFAULT_DIGITS = 6
MAX_TYPED = 64  # characters of input that are looked at

_PRF_BYTES = 16  # of the PRF's 32: the bias of 10^10 against 2^128 is below 2^-94
_ACCEPTED = {ord(digit): digit for digit in "0123456789"}
_ACCEPTED |= {0xFF10 + value: str(value) for value in range(10)}  # full-width digits, U+FF10 to U+FF19
_ACCEPTED |= {ord(blank): "" for blank in " \t\r\n-\u00a0\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212\u3000"}


def derive_code(keyring: Keyring, app: bytes, verification: bytes, digits: int) -> str:
    """Derive the code of a verification: ``digits`` decimal digits with leading zeros kept.

    The first 16 bytes of HMAC-SHA-256(K_code, app ‖ id), read as a big-endian integer, modulo 10^digits.

    Raises:
        KeyringError: the id names a key that is not in the keyring.
    """
    root = keyring.root(ids.key_number(verification))
    number = int.from_bytes(root.code.digest(app + verification)[:_PRF_BYTES], "big")
    return str(number % 10**digits).zfill(digits)


def derive_watchword(keyring: Keyring, app: bytes, verification: bytes) -> tuple[str, str]:
    """Derive sign and countersign: the first two bytes of HMAC-SHA-256(K_word, app ‖ id) choose from two lists.

    The whole of it is the ticket of a hosted page (``core/magic_link.py``).
    """
    return watchword_of(derive_ticket(keyring, app, verification))


def watchword_of(ticket: bytes) -> tuple[str, str]:
    """Sign and countersign of the verification that a ticket is of."""
    return SIGNS[ticket[0]], COUNTERSIGNS[ticket[1]]


def read_digits(typed: str) -> str:
    """Turn what a person typed into ASCII digits: blanks and dashes go, full-width digits become plain ones.

    Raises:
        InvalidInputError: another character, nothing but blanks, or more than 64 characters. Costs no attempt.
    """
    if len(typed) > MAX_TYPED:
        raise InvalidInputError(f"A code has at most {MAX_TYPED} characters.", field="code")
    if typed.isascii() and typed.isdecimal():  # isascii first: isdecimal alone accepts every script's digits
        return typed
    if any(ord(character) not in _ACCEPTED for character in typed):
        raise InvalidInputError("A code is made of the digits 0 to 9.", field="code")
    digits = typed.translate(_ACCEPTED)
    if not digits:
        raise InvalidInputError("A code is made of the digits 0 to 9.", field="code")
    return digits


def matches(expected: str, digits: str) -> bool:
    """Compare in constant time. Both are ASCII, or ``compare_digest`` would raise."""
    return hmac.compare_digest(expected, digits)


def is_code(ring: Keyring, app: bytes, verification: bytes, digits: str) -> bool:
    """Whether digits are the code of a verification, in constant time."""
    length = len(digits)
    usable = MIN_DIGITS <= length <= MAX_DIGITS
    expected = derive_code(ring, app, verification, length if usable else MAX_DIGITS)
    return matches(expected, digits) and usable
