"""Ids: sixteen bytes inside, a prefix and 22 characters of base64url outside.

Layouts (docs/spec/passcode.md, section 1):

* ``vf_`` verification: 48-bit milliseconds, 8-bit key number, 72 random bits;
* ``ap_`` app: 48-bit milliseconds, 80 random bits;
* ``au_`` authenticator: 48-bit milliseconds, 80 random bits;
* ``sc_`` secret: 128 random bits;
* ``no_`` notice: 48-bit milliseconds, 80 random bits, in nothing but the Message-ID of its mails.

Rules: no id is a capability, it opens, approves, counts, sends and reveals nothing by itself, so the time in
front is no leak of power and lets stores insert in order. Text is canonical: one spelling an id, anything else
is unknown.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from functools import lru_cache

from watchword.core.instant import Instant
from watchword.errors import UnknownError

VERIFICATION = "vf_"
APP = "ap_"
AUTHENTICATOR = "au_"
SECRET = "sc_"  # noqa: S105 - a prefix
NOTICE = "no_"

SIZE = 16
VERIFICATION_RANDOM = 9  # bytes
APP_RANDOM = 10  # bytes
AUTHENTICATOR_RANDOM = 10  # bytes
NOTICE_RANDOM = 10  # bytes

_TEXT = 22  # characters of 16 bytes in unpadded base64url
_LAST = "AQgw"
_TO_URL = bytes.maketrans(b"+/", b"-_")


def verification_id(now: Instant, key_number: int, random: bytes) -> bytes:
    """Build a verification's id; ``random`` is 9 bytes."""
    if len(random) != VERIFICATION_RANDOM:
        raise ValueError(f"a verification id takes {VERIFICATION_RANDOM} random bytes")
    return now.to_bytes(6, "big") + bytes((key_number,)) + random


def app_id(now: Instant, random: bytes) -> bytes:
    """Build an app's id; ``random`` is 10 bytes."""
    if len(random) != APP_RANDOM:
        raise ValueError(f"an app id takes {APP_RANDOM} random bytes")
    return now.to_bytes(6, "big") + random


def authenticator_id(now: Instant, random: bytes) -> bytes:
    """Build an authenticator's id; ``random`` is 10 bytes."""
    if len(random) != AUTHENTICATOR_RANDOM:
        raise ValueError(f"an authenticator id takes {AUTHENTICATOR_RANDOM} random bytes")
    return now.to_bytes(6, "big") + random


def notice_id(now: Instant, random: bytes) -> bytes:
    """Build a notice's id; ``random`` is 10 bytes."""
    if len(random) != NOTICE_RANDOM:
        raise ValueError(f"a notice id takes {NOTICE_RANDOM} random bytes")
    return now.to_bytes(6, "big") + random


def created_at(raw: bytes) -> Instant:
    """When a time-ordered id was made."""
    return int.from_bytes(raw[:6], "big")


def key_number(raw: bytes) -> int:
    """The number of the key from which a verification's values are derived."""
    return raw[6]


def oldest_possible(instant: Instant) -> bytes:
    """The smallest id that could have been made at ``instant``; all older ids sort before it."""
    return max(0, instant).to_bytes(6, "big") + bytes(SIZE - 6)


def to_text(prefix: str, raw: bytes) -> str:
    """Write an id for the outside."""
    return prefix + b2a_base64(raw, newline=False)[:_TEXT].translate(_TO_URL).decode()


@lru_cache(maxsize=1_000)
def app_text(raw: bytes) -> str:
    """Write an app's id, which every event of every request names."""
    return to_text(APP, raw)


def from_text(prefix: str, text: str) -> bytes:
    """Read an id from the outside.

    Raises:
        UnknownError: it is no id of this kind, or not in its one canonical spelling.
    """
    body = text[len(prefix) :]
    # Two spellings of one id would be two names in logs and caches. The last character has four bits to spare, and
    # they are zero; '+' and '/' belong to the other alphabet.
    if len(body) != _TEXT or not text.startswith(prefix) or body[-1] not in _LAST or "+" in body or "/" in body:
        raise UnknownError
    try:
        return a2b_base64(body.replace("-", "+").replace("_", "/") + "==", strict_mode=True)
    except ValueError:  # not base64, or not ASCII
        raise UnknownError from None
