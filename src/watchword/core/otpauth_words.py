"""What can be wrong with an authenticator key, or odd about it, as stable words with a sentence each.

Format and vectors: docs/spec/totp.md, section 5, ``vectors/totp/words.json``; ``static/otpauth.js`` says the same.

Rules: a sentence says what it is and what to do, names no part of the key, and is the same in Python and browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from watchword.errors import InvalidInputError

NO_SECRET = "no_secret"  # noqa: S105 - the name of a problem
NOT_BASE32 = "not_base32"
WRONG_DIGITS = "wrong_digits"
WRONG_LENGTH = "wrong_length"
TOO_SHORT = "too_short"
HOTP = "hotp"
TYPE = "type"
ALGORITHM = "algorithm"
DIGITS = "digits"
PERIOD = "period"
DOUBLED = "doubled"
UNREADABLE = "unreadable"
TOO_LONG = "too_long"
NO_ACCOUNTS = "no_accounts"

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        NO_SECRET: "There is no key in this. Copy the whole set-up link or QR code again.",
        NOT_BASE32: "This key holds characters that no key has: only letters A to Z and digits 2 to 7 are used.",
        WRONG_DIGITS: "This key holds a 0, 1, 8 or 9, which no key has. It may be the letter O, I, L, B or G.",
        WRONG_LENGTH: "This key is not complete: a character is missing or one too many. Copy it again.",
        TOO_SHORT: "This key is too short to be safe (under 80 bits). Ask the service for a new one.",
        HOTP: "This key counts button presses (HOTP). Only keys that go by the clock (TOTP) can be shared.",
        TYPE: "This is a kind of authenticator that is not known here. Only keys that go by the clock (TOTP) are.",
        ALGORITHM: "This key asks for an algorithm that is not known here: SHA1, SHA256 and SHA512 are.",
        DIGITS: "This key asks for codes of a length that is not known here: 6, 7 and 8 digits are.",
        PERIOD: "This key asks for a period that is not known here: 5 to 600 seconds are.",
        DOUBLED: "This link says one thing twice, so apps would not agree on what it means. Ask for a new one.",
        UNREADABLE: "This is not complete or was damaged on its way. Copy it again.",
        TOO_LONG: "This is longer than any set-up link. Copy it again.",
        NO_ACCOUNTS: "There are no accounts in this export.",
    }
)

SHORT = "short"
UNUSUAL_ALGORITHM = "unusual_algorithm"
UNUSUAL_DIGITS = "unusual_digits"
UNUSUAL_PERIOD = "unusual_period"
TWO_ISSUERS = "two_issuers"
CLEANED = "cleaned"

WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        SHORT: "This key is shorter than 128 bits, which is weaker than it should be.",
        UNUSUAL_ALGORITHM: "This key does not use SHA1. Some apps ignore that and show wrong codes.",
        UNUSUAL_DIGITS: "Codes of this key do not have 6 digits. Some apps ignore that and show wrong codes.",
        UNUSUAL_PERIOD: "Codes of this key do not change every 30 seconds. Some apps ignore that and show wrong codes.",
        TWO_ISSUERS: "This link names two services. The one that most apps show is used.",
        CLEANED: "Invisible characters were taken out of the name.",
    }
)


class UnusableKeyError(InvalidInputError):
    """A text that cannot be used as an authenticator key. ``reason`` is a key of ``PROBLEMS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(PROBLEMS[reason], field="key")
        self.reason = reason
