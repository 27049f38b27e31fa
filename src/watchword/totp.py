"""Authenticator codes and keys, for use without the service. Beside pyotp: docs/how-to/check-codes-yourself.md.

    key = new_key(issuer="ACME", account="ann@example.org")
    page.show(qr_svg(key), write_key_uri(key))

    key = read_key("otpauth://totp/ACME:ann@example.org?secret=…&issuer=ACME")
    code = code_at(key, datetime.now(UTC))
    step = verify(key, typed, datetime.now(UTC), after=last_step)  # keep the step it returns

Not handled here: limits on guessing, which every caller owes (six digits are a million guesses), and keeping the
step. Rules: a code counts once, so ``verify`` wants the last step that was accepted and raises unless it is newer.
"""

from __future__ import annotations

from datetime import datetime
from secrets import token_bytes as _token_bytes

from watchword.core import passcode as _passcode
from watchword.core import qr as _qr
from watchword.core import totp as _totp
from watchword.core.otpauth import AuthenticatorKey, write_key_uri
from watchword.core.otpauth import read_base32 as _read_base32
from watchword.core.otpauth import read_key_uri as _read_key_uri
from watchword.core.otpauth_words import UnusableKeyError
from watchword.errors import AlreadyUsedError as _AlreadyUsedError
from watchword.errors import MismatchError as _MismatchError

__all__ = [
    "AuthenticatorKey",
    "UnusableKeyError",
    "code_at",
    "new_key",
    "qr_svg",
    "read_key",
    "verify",
    "write_key_uri",
]

_SEED_SIZE = 20  # bytes: 160 bit, RFC 4226 section 4, R6


def new_key(*, issuer: str = "", account: str = "") -> AuthenticatorKey:
    """Make a key of 160 random bits, of the kind that every app knows: SHA1, six digits, thirty seconds."""
    return AuthenticatorKey(_token_bytes(_SEED_SIZE), issuer, account)


def qr_svg(key: AuthenticatorKey, *, scale: int = 5) -> str:
    """The key's URI as a QR code, drawn on this machine: an SVG element. ``scale`` is the width of a module.

    Raises:
        InvalidInputError: the names are so long that no QR code holds them.
    """
    return _qr.svg(write_key_uri(key), scale=scale)


def read_key(text: str) -> AuthenticatorKey:
    """Read a key URI or a bare base32 key, in any of the spellings that people copy.

    Raises:
        UnusableKeyError: neither, or too weak; ``reason`` and the sentence say why.
    """
    is_uri = ":" in text
    return (_read_key_uri(text) if is_uri else _read_base32(text)).key


def code_at(key: AuthenticatorKey, at: datetime) -> str:
    """The code that an app shows at an aware time."""
    return key.codes.of(_totp.step_at(_instant(at), key.period)).decode()


def verify(key: AuthenticatorKey, typed: str, at: datetime, *, skew: int = 1, after: int | None = None) -> int:
    """Check what a person typed, and return the time step it belongs to. Keep it: it is the next call's ``after``.

    Raises:
        InvalidInputError: it holds something else than digits, blanks and dashes.
        MismatchError: it is not the code of a step within ``skew`` of ``at``.
        AlreadyUsedError: it is, and that step is not newer than ``after``.
    """
    digits = _passcode.read_digits(typed)
    step = _totp.newest_match(key.codes, digits, _instant(at), skew=skew, period=key.period)
    if step is None:
        raise _MismatchError
    if after is not None and step <= after:
        raise _AlreadyUsedError
    return step


def _instant(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("a time needs its zone: datetime.now(UTC)")
    return int(at.timestamp() * 1000)
