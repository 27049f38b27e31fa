"""Proof of work: what a browser at a hosted page computes before a text goes out that the guard holds back.

The form is ALTCHA's second: find a counter with which PBKDF2 gives a key that begins as wanted. Format:
docs/spec/passcode.md, section 10.

Not handled here: which sends ask for it (``core/guard.py``), making and proving it (``adapters/work.py``), finding it
(``static/watchword-code.js``).

Rules:

* work is bound to one send of one verification, by the key it is signed with: its number is in that key, and the step
  that sends looks at the number again, so that it counts once, without a row that says so;
* how hard it is is signed, and chosen by nobody but the service.
"""

from __future__ import annotations

import msgspec

from watchword.core import ids
from watchword.core.instant import MINUTE, Instant, Span
from watchword.core.keyring import Keyring

LIFETIME: Span = 5 * MINUTE  # for the slowest phone there is
COST = 5_000  # rounds of PBKDF2 a try; of 256 tries one succeeds
MOST_COST = 100_000

_SEND = b"send"


class WorkParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is to be found. ``data`` has ``until``, the instant in milliseconds from which on it comes too late."""

    algorithm: str
    cost: int
    key_length: int
    key_prefix: str
    nonce: str
    salt: str
    data: dict[str, int]


class WorkSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of work, signed."""

    parameters: WorkParameters
    signature: str


class WorkFound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The counter, and the key that it gives, in hex."""

    counter: int
    derived_key: str


class WorkDone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of work with what was found."""

    challenge: WorkSet
    solution: WorkFound


def key_of(ring: Keyring, app: bytes, verification: bytes, sends: int) -> bytes:
    """The key that signs the work for the send after so many: HMAC-SHA-256(K_work, "send" ‖ app ‖ id ‖ sends)."""
    bound = _SEND + app + verification + sends.to_bytes(2, "big")
    return ring.root(ids.key_number(verification)).work.digest(bound)


def is_late(done: WorkDone, now: Instant) -> bool:
    """Whether it comes too late."""
    return now >= done.challenge.parameters.data.get("until", 0)
