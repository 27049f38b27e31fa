"""Exports of Google Authenticator, ``otpauth-migration://``: read into accounts, never written.

Format and vectors: docs/spec/totp.md, section 4, ``vectors/totp/exports.json``.

Rules: an export holds every account of a phone in clear, so each account is told apart and none is passed on
unseen; one account that cannot be used does not spoil the others, a payload that cannot be read spoils all.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

from watchword.core import otpauth_words as words
from watchword.core.otpauth import (
    EXPORT,
    MAX_EXPORT,
    AuthenticatorKey,
    Understood,
    read_names,
    trim,
    understand,
    unescape,
)
from watchword.core.otpauth_words import UnusableKeyError

_ALGORITHMS = {0: "SHA1", 1: "SHA1", 2: "SHA256", 3: "SHA512"}  # 4 is MD5
_DIGITS = {0: 6, 1: 6, 2: 8}
_HOTP, _TOTP = 1, 2
_ACCOUNT, _PARTS, _PART = 1, 3, 4  # fields of the payload
_VARINT, _BYTES = 0, 2  # wire types
_FIXED = {1: 8, 5: 4}
_MAX_VARINT = 10  # bytes
_MAX_PARTS = 100
_STANDARD = str.maketrans("-_ ", "+/+")  # a plus sign that was not escaped may have become a blank

Field = int | bytes


@dataclass(frozen=True, slots=True)
class Unusable:
    """An account of an export that cannot be used, by the names it goes by and a key of ``PROBLEMS``."""

    issuer: str
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class Export:
    """The accounts of an export. It may be one of several QR codes: ``part`` of ``parts``, from 1."""

    accounts: tuple[Understood, ...]
    unusable: tuple[Unusable, ...] = ()
    part: int = 1
    parts: int = 1


def read_export(text: str) -> Export:
    """Read ``otpauth-migration://offline?data=…``.

    Raises:
        UnusableKeyError: ``unreadable``, ``too_long`` or ``no_accounts``.
    """
    found: list[Understood | Unusable] = []
    parts, index = 1, 0
    for number, value in _fields(_payload(trim(text))):
        if number == _ACCOUNT:
            found.append(_account(_fields(_bytes(value))))
        elif number == _PARTS:
            parts = _int(value)
        elif number == _PART:
            index = _int(value)
    if not found:
        raise UnusableKeyError(words.NO_ACCOUNTS)
    if not 0 <= index < parts <= _MAX_PARTS:
        parts, index = 1, 0
    accounts = tuple(each for each in found if isinstance(each, Understood))
    unusable = tuple(each for each in found if isinstance(each, Unusable))
    return Export(accounts, unusable, index + 1, parts)


def _payload(uri: str) -> bytes:
    if len(uri) > MAX_EXPORT:
        raise UnusableKeyError(words.TOO_LONG)
    _, question, query = uri.partition("?")
    if not uri.lower().startswith(EXPORT) or not question:
        raise UnusableKeyError(words.UNREADABLE)
    found = [value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name.lower() == "data"]
    if len(found) != 1:
        raise UnusableKeyError(words.DOUBLED if found else words.UNREADABLE)
    letters = unescape(found[0]).translate(_STANDARD).rstrip("=")
    try:
        return b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError:  # not base64, or not ASCII
        raise UnusableKeyError(words.UNREADABLE) from None


def _account(fields: Iterator[tuple[int, Field]]) -> Understood | Unusable:
    # As in any protocol buffer, the last of a repeated field counts, and what is not known is passed over.
    found = dict(fields)
    name, issuer = (_text(found.get(number, b"")) for number in (2, 3))
    algorithm, digits, kind = (_int(found.get(number, 0)) for number in (4, 5, 6))
    secret = _bytes(found.get(1, b""))
    issuer, account, noticed = read_names(name, issuer)
    try:
        return understand(_key(secret, issuer, account, algorithm, digits, kind), *noticed)
    except UnusableKeyError as error:
        return Unusable(issuer, account, error.reason)


def _key(secret: bytes, issuer: str, account: str, algorithm: int, digits: int, kind: int) -> AuthenticatorKey:
    if kind != _TOTP:
        raise UnusableKeyError(words.HOTP if kind == _HOTP else words.TYPE)
    if algorithm not in _ALGORITHMS:
        raise UnusableKeyError(words.ALGORITHM)
    if digits not in _DIGITS:
        raise UnusableKeyError(words.DIGITS)
    return AuthenticatorKey(secret, issuer, account, _ALGORITHMS[algorithm], _DIGITS[digits])


def _fields(message: bytes) -> Iterator[tuple[int, Field]]:
    """Walk over the fields of a protocol buffer: number and value."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise UnusableKeyError(words.UNREADABLE)
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        size = _FIXED.get(wire, -1)
        if wire == _BYTES:
            size, at = _varint(message, at)
        if not 0 <= size <= len(message) - at:
            raise UnusableKeyError(words.UNREADABLE)
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(message[at : at + _MAX_VARINT]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the last byte has its high bit clear
            return number, at + place + 1
    raise UnusableKeyError(words.UNREADABLE)


def _bytes(value: Field) -> bytes:
    if isinstance(value, int):
        raise UnusableKeyError(words.UNREADABLE)
    return value


def _int(value: Field) -> int:
    if isinstance(value, bytes):
        raise UnusableKeyError(words.UNREADABLE)
    return value


def _text(value: Field) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        raise UnusableKeyError(words.UNREADABLE) from None
