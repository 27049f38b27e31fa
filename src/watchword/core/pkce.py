"""PKCE (RFC 7636), method S256: what binds a verification to the browser session that asked for it.

The session keeps a random *verifier*; only its hash, the *challenge*, goes with the request. Whoever exchanges brings
the verifier.

Not handled here: comparing the two (``core/verification.py``), keeping a verifier (the app's cookie).

Rule: ``plain`` and a method that is left out are refused (RFC 9700, section 2.1.1).
"""

from __future__ import annotations

import re
from hashlib import sha256

from watchword.core import binary
from watchword.errors import InvalidInputError

METHOD = "S256"
VERIFIER_RANDOM = 32  # bytes, 43 characters
CHALLENGE_SIZE = 32

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def write_verifier(random: bytes) -> str:
    """Write a verifier. ``random`` is 32 bytes."""
    if len(random) != VERIFIER_RANDOM:
        raise ValueError(f"a verifier takes {VERIFIER_RANDOM} random bytes")
    return binary.encode(random)


def write_challenge(verifier: str) -> str:
    """The challenge of a verifier, as it goes with a request.

    Raises:
        InvalidInputError: it is no verifier.
    """
    return binary.encode(challenge_of(verifier))


def challenge_of(verifier: str) -> bytes:
    """What a verifier comes to: the SHA-256 of its ASCII characters.

    Raises:
        InvalidInputError: it is no verifier.
    """
    if not _VERIFIER.fullmatch(verifier):
        detail = "A verifier has 43 to 128 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'."
        raise InvalidInputError(detail, field="code_verifier")
    return sha256(verifier.encode()).digest()


def read_challenge(challenge: str, method: str) -> bytes:
    """Read what came with a request.

    Raises:
        InvalidInputError: another method, or not 32 bytes in their one spelling.
    """
    if method != METHOD:
        raise InvalidInputError("The one method here is S256.", field="link.code_challenge_method")
    try:
        return binary.decode_exactly(challenge, CHALLENGE_SIZE)
    except ValueError:
        detail = f"A challenge is {CHALLENGE_SIZE} bytes in unpadded base64url."
        raise InvalidInputError(detail, field="link.code_challenge") from None
