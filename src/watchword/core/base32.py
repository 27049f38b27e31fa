"""Base32 as authenticator keys are written in it (RFC 4648 section 6), and as people copy them.

Format and vectors: docs/spec/totp.md, section 2, ``vectors/totp/base32.json``.

Not handled here: whether a text is meant as a key at all, and whether it is long enough (``core/otpauth.py``).

Rules: written in upper case without padding. Read with blanks, dashes, lower case and any amount of padding at the
end. A character outside the alphabet is refused, also ``0``, ``1``, ``8`` and ``9``: whether ``1`` was an I or an L
cannot be known, and a guess would make a key that shows wrong codes.
"""

from __future__ import annotations

from base64 import b32decode, b32encode

from watchword.core.otpauth_words import NOT_BASE32, WRONG_DIGITS, WRONG_LENGTH, UnusableKeyError

ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
BLANKS = " \t\u00a0\u2009\u202f\u3000"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"

_ASCII_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}  # str.upper would turn dotless i into I
_REPAIRED = {ord(character): None for character in BLANKS + DASHES} | _ASCII_UPPER
_NEVER = frozenset("0189")
_IMPOSSIBLE = {1, 3, 6}  # characters beyond a multiple of eight that no number of bytes gives


def repair(text: str) -> str:
    """Upper case, without blanks, dashes and padding. Whatever else is in it stays."""
    return text.strip(BLANKS + "\r\n").translate(_REPAIRED).rstrip("=")


def is_complete(letters: str) -> bool:
    """Whether so many characters can be a whole number of bytes."""
    return len(letters) % 8 not in _IMPOSSIBLE


def read(text: str) -> bytes:
    """Read a key as a person may have copied it.

    The bits that the last character has to spare are dropped, as every app does.

    Raises:
        UnusableKeyError: ``wrong_digits``, ``not_base32`` or ``wrong_length``.
    """
    letters = repair(text)
    strange = set(letters) - ALPHABET
    if strange:
        raise UnusableKeyError(WRONG_DIGITS if strange <= _NEVER else NOT_BASE32)
    if not is_complete(letters):
        raise UnusableKeyError(WRONG_LENGTH)
    return b32decode(letters + "=" * (-len(letters) % 8))


def write(secret: bytes) -> str:
    """Write a key: upper case, no padding."""
    return b32encode(secret).decode().rstrip("=")


def groups_of_four(text: str) -> str:
    """A key as a person reads it aloud or types it: ``ABCD EFGH IJKL``."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
