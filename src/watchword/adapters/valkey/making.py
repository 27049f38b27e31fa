"""What is common to making a verification with one script and with several: its keys, its row, what scripts say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from watchword.adapters.valkey.connection import Argument
from watchword.adapters.valkey.layout import Layout, lifetime, member
from watchword.adapters.valkey.row import pack, unpack_verification
from watchword.core.delivery import Delivery
from watchword.core.instant import Instant, seconds_until
from watchword.core.verification import Verification
from watchword.errors import ChannelClosedError, IdempotencyReusedError, RateLimitedError
from watchword.ports import Added, Idempotency


def keys(layout: Layout, verification: Verification, idempotency: Idempotency | None) -> tuple[bytes, bytes, bytes]:
    """The row, its partition's due list, and the idempotency key (the row's again where there is none).

    Raises:
        ValueError: id and idempotency key lie apart, although whoever drew the id knew the key.
    """
    row, partition = layout.row(verification.id), layout.partition(verification.id)
    if idempotency is None:
        return row, layout.due(partition), row
    if layout.partition(idempotency.key[:1]) != partition:
        raise ValueError("an id must end with the byte with which its idempotency key begins")
    return row, layout.due(partition), layout.idempotency(verification.app, idempotency.key)


def arguments(
    verification: Verification, idempotency: Idempotency | None, now: Instant, term: bytes
) -> Sequence[Argument]:
    """What ``making.lua`` takes: the row with its first message, due now."""
    raw = verification.id
    row = pack(verification, (Delivery(raw, 1, now, now),), term)
    request, span = (b"", 0) if idempotency is None else (idempotency.request, idempotency.lifetime)
    return row, lifetime(verification, idempotency, now), now, member(raw, 1), request, span


def told(answer: Sequence[Any], verification: Verification, now: Instant, term: bytes) -> Added:
    """Read what a script says.

    Raises:
        IdempotencyReusedError, ChannelClosedError, RateLimitedError: as ``VerificationStore.add``.
    """
    word = answer[0]
    if word == b"made":
        return Added(verification, replayed=False)
    if word == b"quiet":
        return Added(msgspec.structs.replace(verification, decoy=True), replayed=False, quiet=True)
    if word == b"replayed":
        return Added(unpack_verification(answer[1], term), replayed=True)
    if word == b"reused":
        raise IdempotencyReusedError
    if word == b"closed":
        raise ChannelClosedError
    raise RateLimitedError(retry_after=seconds_until(now + answer[1], now))
