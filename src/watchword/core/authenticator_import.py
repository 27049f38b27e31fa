"""Tables of authenticators that other software exports, read row by row: key URIs, CSV, JSON.

Format: docs/how-to/move-authenticators-in.md.

Not handled here: where the text comes from (``cli/totp.py``), what becomes of a row
(``flows/authenticator_import.py``).

Rules: a row that cannot be used is listed by its number with a reason and spoils no other; no reason holds anything
of the row; what could be read in two ways (a secret as hex and as base32) is told apart by the column's name alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from watchword.core import otpauth_words as words
from watchword.core.authenticator import LONGEST_PERIOD, NEVER
from watchword.core.otpauth import EXPORT, SCHEME, AuthenticatorKey, read_base32, read_key_uri, understand
from watchword.core.otpauth_export import read_export
from watchword.core.otpauth_words import UnusableKeyError
from watchword.core.totp import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    DEFAULT_DIGITS,
    DEFAULT_PERIOD,
    MAX_DIGITS,
    MIN_DIGITS,
    MIN_PERIOD,
)
from watchword.errors import InvalidInputError

MOST_ROWS = 100_000

# The names that columns go by: ours first, then those of pyotp users' tables and of django-otp.
_SUBJECT = ("subject", "user", "user_id", "username", "email")
_URI = ("uri", "otpauth_uri", "otpauth")
_BASE32 = ("secret", "otp_secret", "totp_secret")
_HEX = ("key",)  # django-otp
_LABEL = ("label", "name")
_ALGORITHM = ("algorithm", "digest")
_PERIOD = ("period", "interval", "step")
_LAST = ("last_step", "last_t")
_NO = frozenset({"false", "0", "f", "no"})

NO_SUBJECT = "no subject"
NOT_CONFIRMED = "not confirmed"
OTHER_START = "t0 is not 0"
NO_NUMBER = "no whole number"
LONG_PERIOD = f"a period of more than {LONGEST_PERIOD} seconds"
NO_ROW = "not a row"


class Found(NamedTuple):
    """A row that can be used. ``last_step`` is the last step that the other software accepted."""

    number: int
    subject: str
    label: str
    key: AuthenticatorKey
    last_step: int = NEVER

    def __repr__(self) -> str:
        return f"Found({self.number})"


class Bad(NamedTuple):
    """A row that cannot be used, and why."""

    number: int
    reason: str


class _UnusableRowError(Exception):
    """Why a row cannot be used."""


def read_table(text: str) -> Iterator[Found | Bad]:
    """Read an export, row by row: a key URI or ``otpauth-migration`` on each line, CSV with a head, or JSON.

    Raises:
        InvalidInputError: it is none of these, or has more than 100 000 rows.
    """
    for count, row in enumerate(_rows(text.lstrip("\ufeff").strip()), 1):
        if count > MOST_ROWS:
            raise InvalidInputError(f"An import has at most {MOST_ROWS} rows.", field="file")
        yield row


def _rows(text: str) -> Iterator[Found | Bad]:
    if text.lower().startswith((SCHEME, EXPORT)):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield from _of_line(number, line)
    elif text.startswith(("[", "{")):
        for number, entry in enumerate(_entries(text), 1):
            yield _of_entry(number, entry)
    else:
        yield from _of_csv(text)


def _of_line(number: int, line: str) -> Iterator[Found | Bad]:
    try:
        if not line.strip().lower().startswith(EXPORT):
            yield _named(number, read_key_uri(line).key)
            return
        export = read_export(line)
    except UnusableKeyError as error:
        yield Bad(number, error.reason)
        return
    for understood in export.accounts:
        yield _named(number, understood.key)
    for unusable in export.unusable:
        yield Bad(number, unusable.reason)


def _named(number: int, key: AuthenticatorKey) -> Found | Bad:
    if not key.account:
        return Bad(number, NO_SUBJECT)
    if key.period > LONGEST_PERIOD:
        return Bad(number, LONG_PERIOD)
    return Found(number, key.account, "", key)


def _entries(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError("This begins like JSON and is none.", field="file") from None
    return document if isinstance(document, list) else [document]


def _of_csv(text: str) -> Iterator[Found | Bad]:
    lines = csv.DictReader(text.splitlines(), strict=True)
    try:
        head = {name.strip().lower() for name in lines.fieldnames or ()}
    except csv.Error:
        head = set()
    if not head & {*_URI, *_BASE32, *_HEX}:
        raise InvalidInputError(
            "This is no list of otpauth URIs, no JSON, and no CSV whose head has a column uri, secret or key.",
            field="file",
        )
    number = 1  # the head
    try:
        for number, line in enumerate(lines, 2):
            yield _of_entry(number, line)
    except csv.Error:
        yield Bad(number + 1, NO_ROW)


def _of_entry(number: int, entry: object) -> Found | Bad:
    if not isinstance(entry, dict):
        return Bad(number, NO_ROW)
    fields = entry.get("fields", entry)  # django's dumpdata
    if not isinstance(fields, dict):
        return Bad(number, NO_ROW)
    try:
        return _found(number, {str(name).strip().lower(): _text(value) for name, value in fields.items()})
    except UnusableKeyError as error:
        return Bad(number, error.reason)
    except _UnusableRowError as error:
        return Bad(number, str(error))


def _text(value: object) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    return str(value).strip()


def _found(number: int, row: Mapping[str, str]) -> Found:
    if row.get("confirmed", "").lower() in _NO:
        raise _UnusableRowError(NOT_CONFIRMED)
    if _number(row, ("t0",), 0) != 0:
        raise _UnusableRowError(OTHER_START)
    key = _key(row)
    subject = _first(row, _SUBJECT) or (key.account if _first(row, _URI) else "")
    if not subject:
        raise _UnusableRowError(NO_SUBJECT)
    if key.period > LONGEST_PERIOD:
        raise _UnusableRowError(LONG_PERIOD)
    return Found(number, subject, _first(row, _LABEL), key, max(NEVER, _number(row, _LAST, NEVER)))


def _key(row: Mapping[str, str]) -> AuthenticatorKey:
    uri = _first(row, _URI)
    if uri:
        return read_key_uri(uri).key
    algorithm = (_first(row, _ALGORITHM) or DEFAULT_ALGORITHM).upper().replace("-", "")
    digits, period = _number(row, ("digits",), DEFAULT_DIGITS), _number(row, _PERIOD, DEFAULT_PERIOD)
    if algorithm not in ALGORITHMS:
        raise UnusableKeyError(words.ALGORITHM)
    if not MIN_DIGITS <= digits <= MAX_DIGITS:
        raise UnusableKeyError(words.DIGITS)
    if period < MIN_PERIOD:
        raise UnusableKeyError(words.PERIOD)
    issuer, account = _first(row, ("issuer",)), _first(row, ("account",))
    return understand(AuthenticatorKey(_secret(row), issuer, account, algorithm, digits, period)).key


def _secret(row: Mapping[str, str]) -> bytes:
    base32 = _first(row, _BASE32)
    if base32:
        return read_base32(base32).key.secret
    try:
        return bytes.fromhex(_first(row, _HEX))
    except ValueError:
        raise UnusableKeyError(words.UNREADABLE) from None


def _number(row: Mapping[str, str], names: tuple[str, ...], usual: int) -> int:
    text = _first(row, names)
    if not text:
        return usual
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdecimal() or len(text) > 16:  # noqa: PLR2004
        raise _UnusableRowError(NO_NUMBER)
    return int(text)


def _first(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")
