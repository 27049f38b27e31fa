"""PKCE (RFC 7636), method S256: what binds a verification to the browser session that asked for it.

The session keeps a random *verifier*; only its hash, the *challenge*, goes with the request. Whoever exchanges brings
the verifier.

Not handled here: comparing the two (``core/verification.py``), keeping a verifier (the app's cookie).

Rules:

* a challenge is kept and compared as it is written (RFC 7636, section 4.6): 43 characters, of which the last has no
  spare bits, so that there is one spelling of each;
* ``plain`` and a method that is left out are refused (RFC 9700, section 2.1.1).
"""

from __future__ import annotations

import re
from hashlib import sha256

from watchword.core import binary
from watchword.errors import InvalidInputError

METHOD = "S256"
VERIFIER_RANDOM = 32  # bytes, 43 characters

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes in base64url, in their one spelling


def write_verifier(random: bytes) -> str:
    """Write a verifier. ``random`` is 32 bytes."""
    if len(random) != VERIFIER_RANDOM:
        raise ValueError(f"a verifier takes {VERIFIER_RANDOM} random bytes")
    return binary.encode(random)


def write_challenge(verifier: str) -> str:
    """The challenge of a verifier, as it goes with a request: the SHA-256 of its ASCII characters, base64url.

    Raises:
        InvalidInputError: it is no verifier.
    """
    if not _VERIFIER.fullmatch(verifier):
        detail = "A verifier has 43 to 128 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'."
        raise InvalidInputError(detail, field="code_verifier")
    return binary.encode(sha256(verifier.encode()).digest())


def challenge_of(verifier: str) -> bytes:
    """What a verifier comes to, as ``read_challenge`` has it.

    Raises:
        InvalidInputError: it is no verifier.
    """
    return write_challenge(verifier).encode()


def read_challenge(challenge: str, method: str) -> bytes:
    """Read what came with a request: its 43 ASCII characters, which are what is kept.

    Raises:
        InvalidInputError: another method, or not 32 bytes in their one spelling.
    """
    if method != METHOD:
        raise InvalidInputError("The one method here is S256.", field="link.code_challenge_method")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidInputError("A challenge is 32 bytes in unpadded base64url.", field="link.code_challenge")
    return challenge.encode()
