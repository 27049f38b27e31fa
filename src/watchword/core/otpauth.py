"""Authenticator keys as text: the key URI, the bare base32 key, and telling them from any other text.

Format and vectors: docs/spec/totp.md, sections 2 to 5, ``vectors/totp/*.json``; ``static/otpauth.js`` is its twin.

Not handled here: exports of many accounts (``core/otpauth_export.py``), codes (``core/totp.py``).

Rules:

* what could be read in two ways is refused, never guessed: a parameter given twice, a ``1`` for an I;
* an error says what is wrong and holds nothing of the text; a key's ``repr`` hides its secret;
* names are for people to read: control characters and marks that turn the direction of text are taken out;
* what is written is read back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from watchword.core import base32
from watchword.core import otpauth_words as words
from watchword.core.otpauth_words import UnusableKeyError
from watchword.core.totp import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    DEFAULT_DIGITS,
    DEFAULT_PERIOD,
    MAX_DIGITS,
    MAX_PERIOD,
    MIN_DIGITS,
    MIN_PERIOD,
    Codes,
)

SCHEME = "otpauth://"
EXPORT = "otpauth-migration://"
MAX_URI = 4096  # characters
MAX_EXPORT = 16_384
MAX_BARE = 512
MIN_BITS = 80
GOOD_BITS = 128

_AROUND = " \t\r\n"
_PARAMETERS = frozenset({"secret", "issuer", "algorithm", "digits", "period"})
# Control characters, zero-width ones and those that turn the direction of text. Joiners stay: names need them.
_INVISIBLE = re.compile("[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HASH = re.compile(r"(?:HMAC-?)?SHA-?(1|256|512)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile("[0-9]{1,9}")
_LABEL_SAFE = "@"  # RFC 3986 lets it stand in a path, and an address stays readable


@dataclass(frozen=True, slots=True)
class AuthenticatorKey:
    """A TOTP key with the names it goes by."""

    secret: bytes = field(repr=False)
    issuer: str = ""
    account: str = ""
    algorithm: str = DEFAULT_ALGORITHM
    digits: int = DEFAULT_DIGITS
    period: int = DEFAULT_PERIOD
    _codes: Codes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def codes(self) -> Codes:
        """Its codes. HMAC's states are made once a key, and go with it."""
        kept = self._codes
        if kept is None:
            kept = Codes(self.secret, self.algorithm, self.digits)
            object.__setattr__(self, "_codes", kept)
        return kept


@dataclass(frozen=True, slots=True)
class Understood:
    """A key that can be used, with what is odd about it: keys of ``otpauth_words.WARNINGS``."""

    key: AuthenticatorKey
    warnings: tuple[str, ...] = ()


def understand(key: AuthenticatorKey, *noticed: str) -> Understood:
    """Judge a key: refuse what is too weak, and say what is odd.

    Raises:
        UnusableKeyError: ``no_secret`` or ``too_short``.
    """
    bits = 8 * len(key.secret)
    if bits < MIN_BITS:
        raise UnusableKeyError(words.TOO_SHORT if bits else words.NO_SECRET)
    odd = {
        words.SHORT: bits < GOOD_BITS,
        words.UNUSUAL_ALGORITHM: key.algorithm != DEFAULT_ALGORITHM,
        words.UNUSUAL_DIGITS: key.digits != DEFAULT_DIGITS,
        words.UNUSUAL_PERIOD: key.period != DEFAULT_PERIOD,
    }
    return Understood(key, (*(warning for warning, holds in odd.items() if holds), *noticed))


def read_base32(text: str) -> Understood:
    """Read a text that is meant as a bare key.

    Raises:
        UnusableKeyError: it is no base32, or too short.
    """
    if len(text) > MAX_BARE:
        raise UnusableKeyError(words.TOO_LONG)
    return understand(AuthenticatorKey(base32.read(text)))


def read_key_uri(text: str) -> Understood:
    """Read ``otpauth://totp/…``.

    Raises:
        UnusableKeyError: with the reason.
    """
    if len(text) > MAX_URI:
        raise UnusableKeyError(words.TOO_LONG)
    kind, slash, rest = _after(SCHEME, text).partition("/")
    if kind.lower() != "totp":
        raise UnusableKeyError(words.HOTP if kind.lower() == "hotp" else words.TYPE)
    label, question, query = rest.partition("?")
    if not slash or not question:
        raise UnusableKeyError(words.NO_SECRET)
    given = _parameters(query)
    issuer, account, noticed = read_names(unescape(label), given.get("issuer", ""))
    key = AuthenticatorKey(
        secret=base32.read(given.get("secret", "")),
        issuer=issuer,
        account=account,
        algorithm=_algorithm(given.get("algorithm", DEFAULT_ALGORITHM)),
        digits=_number(given, "digits", MIN_DIGITS, MAX_DIGITS, DEFAULT_DIGITS),
        period=_number(given, "period", MIN_PERIOD, MAX_PERIOD, DEFAULT_PERIOD),
    )
    return understand(key, *noticed)


def write_key_uri(key: AuthenticatorKey) -> str:
    """Write a key URI that every app reads: issuer in both places, RFC 3986 escapes, defaults left out."""
    account = quote(key.account, safe=_LABEL_SAFE)
    # An account with a colon in it and no issuer would be read as issuer and account.
    prefix = f"{quote(key.issuer, safe='')}:" if key.issuer or ":" in key.account else ""
    uri = f"{SCHEME}totp/{prefix}{account}?secret={base32.write(key.secret)}"
    if key.issuer:
        uri += f"&issuer={quote(key.issuer, safe='')}"
    if key.algorithm != DEFAULT_ALGORITHM:
        uri += f"&algorithm={key.algorithm}"
    if key.digits != DEFAULT_DIGITS:
        uri += f"&digits={key.digits}"
    if key.period != DEFAULT_PERIOD:
        uri += f"&period={key.period}"
    return uri


def read_names(label: str, issuer: str) -> tuple[str, str, tuple[str, ...]]:
    """Issuer, account and warnings of a label such as ``ACME: ann@example.org`` and a separate issuer."""
    name, shown = _tidy(label), _tidy(issuer)
    noticed = [words.CLEANED] if _INVISIBLE.search(label + issuer) else []
    if shown and name.startswith(f"{shown}:"):
        return shown, name[len(shown) + 1 :].lstrip(" "), tuple(noticed)
    prefix, colon, account = name.partition(":")
    if not colon:
        return shown, name, tuple(noticed)
    prefix = prefix.rstrip(" ")
    if shown and prefix and prefix != shown:
        noticed.append(words.TWO_ISSUERS)
    return shown or prefix, account.lstrip(" "), tuple(noticed)


def unescape(text: str, *, plus: str = "+") -> str:
    """Undo percent escapes. ``plus`` is what a plus sign stands for: itself in a label, a blank in a query.

    Raises:
        UnusableKeyError: a broken escape, or no UTF-8.
    """
    if _ESCAPE.search(text) or _SURROGATE.search(text):
        raise UnusableKeyError(words.UNREADABLE)
    try:
        return unquote_to_bytes(text.replace("+", plus)).decode()
    except UnicodeDecodeError:
        raise UnusableKeyError(words.UNREADABLE) from None


def trim(text: str) -> str:
    """Without the blanks and line ends that copying leaves at both ends."""
    return text.strip(_AROUND)


def _after(scheme: str, text: str) -> str:
    uri = trim(text)
    if not uri.lower().startswith(scheme) or re.search(r"[\r\n]", uri):
        raise UnusableKeyError(words.UNREADABLE)
    return uri[len(scheme) :]


def _parameters(query: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        known = unescape(name).lower()
        if known in found:
            # One app takes the first, another the last: the sender would see other codes than the recipient.
            raise UnusableKeyError(words.DOUBLED)
        if known in _PARAMETERS:
            found[known] = unescape(value, plus=" ")
    return found


def _tidy(text: str) -> str:
    return _INVISIBLE.sub("", text).strip(" ")


def _algorithm(text: str) -> str:
    found = _HASH.fullmatch(text)
    if found is None:
        raise UnusableKeyError(words.ALGORITHM)
    return next(name for name in ALGORITHMS if name == f"SHA{found[1]}")


def _number(given: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise UnusableKeyError(words.DIGITS if name == "digits" else words.PERIOD)
    return int(text)
