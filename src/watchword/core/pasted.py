"""What a person pasted, when anything may be pasted: nothing, a text, an authenticator key, an export of keys.

Format and vectors: docs/spec/totp.md, section 3, ``vectors/totp/pasted.json``; ``static/otpauth.js`` is its twin.

Not handled here: files and pictures (the browser reads QR codes, ``static/qr.js``).

Rules: a text is taken for a bare key only if it looks like nothing else, and never silently: ``bare`` tells that it
was, so that whoever asks can offer to keep it a text. Only a set-up link that cannot be used is a problem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchword.core import base32
from watchword.core.otpauth import (
    EXPORT,
    MAX_BARE,
    MIN_BITS,
    SCHEME,
    Understood,
    read_base32,
    read_key_uri,
    trim,
)
from watchword.core.otpauth_export import Export, read_export
from watchword.core.otpauth_words import UnusableKeyError

_FEWEST = MIN_BITS // 5  # characters of the shortest key that is safe
_GROUPS = re.compile(f"[{re.escape(base32.BLANKS + base32.DASHES)}]+")
_DIGIT = re.compile("[2-7]")
_ONE_CASE = re.compile("[A-Z2-7]+=*|[a-z2-7]+=*")


@dataclass(frozen=True, slots=True)
class Key:
    """One authenticator key. ``bare`` tells that it came without its link."""

    understood: Understood
    bare: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """It was meant as a key and cannot be one: a key of ``otpauth_words.PROBLEMS``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Text:
    """Something else, or nothing at all."""

    empty: bool


Pasted = Key | Export | Problem | Text


def recognise(text: str) -> Pasted:
    """Tell what a text is. Never raises."""
    trimmed = trim(text)
    start = trimmed[: len(EXPORT)].lower()
    try:
        if start.startswith(SCHEME):
            return Key(read_key_uri(text), bare=False)
        if start == EXPORT:
            return read_export(text)
        if looks_like_a_key(trimmed):
            return Key(read_base32(trimmed), bare=True)
    except UnusableKeyError as error:
        return Problem(error.reason)
    return Text(empty=not trimmed)


def looks_like_a_key(text: str) -> bool:
    """Whether a text is probably a bare key: complete, in one case, in even groups, with a digit or all in capitals.

    Words and passphrases fail on the groups or for want of a digit, numbers for want of a letter.
    """
    groups = _GROUPS.split(text)
    letters = "".join(groups)
    bare = letters.rstrip("=")
    if not _ONE_CASE.fullmatch(letters) or not base32.is_complete(bare):
        return False
    if len(bare) < _FEWEST or len(text) > MAX_BARE:
        return False
    even = len({len(group) for group in groups[:-1]}) <= 1 and len(groups[-1]) <= len(groups[0])
    return even and len(groups[0]) > 1 and (bare.isupper() or (bare.islower() and bool(_DIGIT.search(bare))))
