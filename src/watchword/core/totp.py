"""Codes of authenticator apps: HOTP (RFC 4226) and TOTP (RFC 6238).

Format and vectors: docs/spec/totp.md, section 1, ``vectors/totp/codes.json``.

Not handled here: how a key is written (``core/otpauth.py``), how often somebody may guess (``core/limit.py``), and
that a step counts once: ``matching_step`` says which step it was, whoever keeps state compares it with the last.

Rules: every step of the window is computed and compared in constant time, whichever of them matches; the digits are
ASCII that ``core/passcode.py`` ``read_digits`` has vouched for.
"""

from __future__ import annotations

import hmac
from hashlib import sha1, sha256, sha512

from watchword.core.instant import SECOND, Instant

ALGORITHMS = ("SHA1", "SHA256", "SHA512")
MIN_DIGITS = 6
MAX_DIGITS = 8
MIN_PERIOD = 5  # seconds
MAX_PERIOD = 600
DEFAULT_ALGORITHM = "SHA1"
DEFAULT_DIGITS = 6
DEFAULT_PERIOD = 30
MAX_SKEW = 10  # steps either way; more is a mistake, not a slow clock

_COUNTERS = 2**64
_HASHES = {"SHA1": sha1, "SHA256": sha256, "SHA512": sha512}
_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


class Codes:
    """The codes of one key. HMAC's inner and outer state are hashed once and kept, which a window needs many of."""

    __slots__ = ("_inner", "_modulus", "_outer", "_write")

    def __init__(self, secret: bytes, algorithm: str = DEFAULT_ALGORITHM, digits: int = DEFAULT_DIGITS) -> None:
        _check(algorithm, digits)
        new = _HASHES[algorithm]
        size = new().block_size
        block = (secret if len(secret) <= size else new(secret).digest()).ljust(size, b"\0")
        self._inner = new(block.translate(_INNER))
        self._outer = new(block.translate(_OUTER))
        self._write = f"%0{digits}d".encode()
        self._modulus = 10**digits

    def __repr__(self) -> str:
        return "Codes()"

    def of(self, counter: int) -> bytes:
        """The code of a counter, in ASCII: RFC 4226 section 5.3 over RFC 2104."""
        inner = self._inner.copy()
        inner.update(counter.to_bytes(8, "big"))
        outer = self._outer.copy()
        outer.update(inner.digest())
        mac = outer.digest()
        start = mac[-1] & 0x0F
        number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFF_FFFF
        written: bytes = self._write % (number % self._modulus)
        return written

    def newest_among(self, typed: bytes, first: int, last: int) -> int | None:
        """The newest counter from ``first`` to ``last`` whose code is ``typed``."""
        found = None
        # No early end: how long it takes must not tell which step came close.
        for counter in range(max(0, first), min(_COUNTERS, last + 1)):
            if hmac.compare_digest(self.of(counter), typed):
                found = counter
        return found


def hotp(secret: bytes, counter: int, *, algorithm: str = DEFAULT_ALGORITHM, digits: int = DEFAULT_DIGITS) -> str:
    """The code of a counter: RFC 4226 section 5.3, dynamic truncation."""
    _check(algorithm, digits)
    mac = hmac.digest(secret, counter.to_bytes(8, "big"), algorithm.lower())
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now: Instant, period: int = DEFAULT_PERIOD) -> int:
    """The number of the time step that ``now`` is in, counted from 1970."""
    if not MIN_PERIOD <= period <= MAX_PERIOD:
        raise ValueError(f"a period is {MIN_PERIOD} to {MAX_PERIOD} seconds")
    return now // (period * SECOND)


def seconds_left(now: Instant, period: int = DEFAULT_PERIOD) -> int:
    """Whole seconds until the code changes, rounded up: 1 to ``period``."""
    return period - now % (period * SECOND) // SECOND


def totp(
    secret: bytes,
    now: Instant,
    *,
    algorithm: str = DEFAULT_ALGORITHM,
    digits: int = DEFAULT_DIGITS,
    period: int = DEFAULT_PERIOD,
) -> str:
    """The code that an app shows at ``now``."""
    return hotp(secret, step_at(now, period), algorithm=algorithm, digits=digits)


def matching_step(
    secret: bytes,
    typed: str,
    now: Instant,
    *,
    skew: int = 1,
    algorithm: str = DEFAULT_ALGORITHM,
    digits: int = DEFAULT_DIGITS,
    period: int = DEFAULT_PERIOD,
) -> int | None:
    """The newest step within ``skew`` steps of ``now`` whose code is ``typed``, or None.

    Compare the answer with None: step 0 is a step. The newest is the one that leaves nothing to replay, should one
    code be right for two steps.
    """
    return newest_match(Codes(secret, algorithm, digits), typed, now, skew=skew, period=period)


def newest_match(codes: Codes, typed: str, now: Instant, *, skew: int = 1, period: int = DEFAULT_PERIOD) -> int | None:
    """``matching_step`` for a key whose states are kept."""
    if not 0 <= skew <= MAX_SKEW:
        raise ValueError(f"a skew is 0 to {MAX_SKEW} steps")
    here = step_at(now, period)
    return codes.newest_among(typed.encode(), here - skew, here + skew)


def _check(algorithm: str, digits: int) -> None:
    if algorithm not in ALGORITHMS:
        raise ValueError(f"the algorithm is one of {', '.join(ALGORITHMS)}")
    if not MIN_DIGITS <= digits <= MAX_DIGITS:
        raise ValueError(f"a code has {MIN_DIGITS} to {MAX_DIGITS} digits")
