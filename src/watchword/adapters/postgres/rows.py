"""Rows that no struct of the core describes: buckets by their key, idempotency keys, ciphertexts, recovery codes.

Not handled here: what they mean (``core/limit.py``, ``steps.py``).
"""

from __future__ import annotations

import msgspec

from watchword.core.instant import Instant


class SendBucket(msgspec.Struct, frozen=True):
    """GCRA: a theoretical arrival time for each of two windows."""

    key: bytes
    arrival: Instant
    second: Instant


class GuessBucket(msgspec.Struct, frozen=True):
    """Recent wrong guesses, and how many came in a row."""

    key: bytes
    log: tuple[Instant, ...]
    streak: int


class GuardState(msgspec.Struct, frozen=True):
    """What the guard keeps under one key."""

    key: bytes
    state: bytes
    idle_at: Instant


class Replay(msgspec.Struct, frozen=True):
    """What was made under an idempotency key. ``key`` begins with the app."""

    key: bytes
    verification: bytes
    request: bytes


class SecretBody(msgspec.Struct, frozen=True):
    """The ciphertext of a secret."""

    secret: bytes
    jwe: bytes


class RecoveryCode(msgspec.Struct, frozen=True):
    """The hash of a recovery code, and when it was used."""

    subject: bytes
    hash: bytes
    used_at: Instant | None = None
