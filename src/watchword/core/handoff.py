"""Hand-off codes: what a public page gives a browser to carry to the app, sealed, for a minute, stored nowhere.

Format: docs/spec/magic-link.md, section 4.

Not handled here: what the code leads to. It opens nothing by itself: the app's key and the verifier of the session
that asked go with it, and what counts once is the step that it asks for (``core/verification.py``).

Rules: sealed under a key of its own purpose with the app as associated data, so that another app's code does not
open; what does not open and what has another kind are one and the same mismatch.
"""

from __future__ import annotations

from enum import IntEnum

from cryptography.exceptions import InvalidTag

from watchword.core import binary, ids
from watchword.core.instant import SECOND, Instant, Span
from watchword.core.keyring import NONCE_SIZE, Keyring
from watchword.errors import ExpiredError, MismatchError

LIFETIME: Span = 60 * SECOND

_TIME_SIZE = 6
_TEXT_SIZE = 1 + ids.SIZE + _TIME_SIZE
_TAG_SIZE = 16
SIZE = 1 + NONCE_SIZE + _TEXT_SIZE + _TAG_SIZE
_REFUSED = "The hand-off code was not accepted."


class Kind(IntEnum):
    """What a hand-off is of."""

    VERIFICATION = 1
    ENROLMENT = 2


def write_handoff(ring: Keyring, app: bytes, kind: Kind, raw: bytes, *, expires_at: Instant, nonce: bytes) -> str:
    """Seal a hand-off code under the current key. ``raw`` is the id of what it is of, ``nonce`` 12 random bytes."""
    if len(raw) != ids.SIZE or len(nonce) != NONCE_SIZE:
        raise ValueError(f"an id has {ids.SIZE} bytes and a nonce {NONCE_SIZE}")
    text = bytes((kind,)) + raw + expires_at.to_bytes(_TIME_SIZE, "big")
    return binary.encode(bytes((ring.current,)) + nonce + ring.root(ring.current).handoff.encrypt(nonce, text, app))


def read_handoff(ring: Keyring, app: bytes, kind: Kind, code: str, *, now: Instant) -> bytes:
    """Open a hand-off code and return the id it is of.

    Raises:
        MismatchError: it is none, was altered, is another app's or of another kind.
        ExpiredError: its minute is over.
        KeyringError: it names a key that is not here.
    """
    try:
        sealed = binary.decode_exactly(code, SIZE)
        text = ring.root(sealed[0]).handoff.decrypt(sealed[1 : 1 + NONCE_SIZE], sealed[1 + NONCE_SIZE :], app)
    except (ValueError, InvalidTag):
        raise MismatchError(_REFUSED) from None
    if text[0] != kind:
        raise MismatchError(_REFUSED)
    if now >= int.from_bytes(text[-_TIME_SIZE:], "big"):
        raise ExpiredError("The hand-off code is too old: it is good for a minute.")
    return text[1 : 1 + ids.SIZE]
