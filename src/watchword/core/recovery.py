"""Recovery codes: written, read back as people type them, and hashed.

Format: docs/spec/totp.md, section 9. A code is 15 random bytes in Crockford's base32, six groups of four.

Not handled here: chance, and that each counts once (the stores).

Rules: what is stored is a hash of app, subject and code, so that a code of one person is none of another; a code has
120 bits, so nobody guesses one and no budget stands before it that could lock its owner out.
"""

from __future__ import annotations

from hashlib import sha256

from watchword.errors import InvalidInputError

CODES = 10
CODE_BYTES = 15
LENGTH = 24
MAX_TYPED = 64  # characters of input that are looked at

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUP = 4
_READ = {ord(sign): sign for sign in _ALPHABET} | {ord(sign.lower()): sign for sign in _ALPHABET}
_READ |= {ord("O"): "0", ord("o"): "0", ord("I"): "1", ord("i"): "1", ord("L"): "1", ord("l"): "1"}
_READ |= {ord(blank): "" for blank in " \t\r\n-\u00a0\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212\u3000"}

DIGEST_SIZE = 32


def write(random: bytes) -> str:
    """Write a code for a person; ``random`` is 15 bytes."""
    if len(random) != CODE_BYTES:
        raise ValueError(f"a recovery code takes {CODE_BYTES} random bytes")
    number = int.from_bytes(random, "big")
    signs = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))
    return "-".join(signs[start : start + _GROUP] for start in range(0, LENGTH, _GROUP))


def read(typed: str) -> str:
    """Read what a person typed: case, blanks and dashes do not matter, and look-alikes are what they look like.

    Raises:
        InvalidInputError: it cannot be a recovery code. Nothing is counted.
    """
    if len(typed) > MAX_TYPED:
        raise InvalidInputError(f"A recovery code has at most {MAX_TYPED} characters.", field="code")
    signs = typed.translate(_READ)
    if len(signs) != LENGTH or any(sign not in _ALPHABET for sign in signs):
        raise InvalidInputError("A recovery code has 24 letters and digits, in six groups of four.", field="code")
    return signs


def digest(app: bytes, subject: bytes, signs: str) -> bytes:
    """What is kept of a code: SHA-256 of app, subject (its keyed hash) and the 24 signs."""
    return sha256(app + subject + signs.encode("ascii")).digest()
