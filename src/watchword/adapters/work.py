"""Pieces of work in ALTCHA's form, made and proven by its library.

Not handled here: what they are for, and until when they count (``core/work.py``): the library would ask a clock of its
own, so it is told of no end.

The library draws nonce and salt from the system by itself; neither is a secret, and no test needs to know them.
"""

from __future__ import annotations

import msgspec

from watchword.core.instant import Instant
from watchword.core.work import WorkDone, WorkSet

ALGORITHM = "PBKDF2/SHA-256"  # which browsers compute by themselves, beside the page's own thread
PREFIX = "00"


class AltchaWork:
    """``ports_limit.Work``."""

    def give(self, key: bytes, *, cost: int, until: Instant) -> WorkSet:
        """A new piece of work."""
        from altcha import create_challenge  # noqa: PLC0415 - a tenth of a second, and only where it is wanted

        given = create_challenge(ALGORITHM, cost, key_prefix=PREFIX, data={"until": until}, hmac_secret=key)
        return msgspec.convert(given.to_dict(), WorkSet)

    def is_done(self, key: bytes, done: WorkDone) -> bool:
        """Compare the signature, and only then compute: what others sign costs a hash."""
        from altcha import Payload, verify_solution  # noqa: PLC0415 - as above

        payload = Payload.from_dict(msgspec.to_builtins(done))
        return bool(verify_solution(payload, key).verified)
