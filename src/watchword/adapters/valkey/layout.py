"""Which key holds what, and which keys lie together.

    ww:{p}v<id>      a verification with its deliveries      ww:{p}due      what of partition p is due, by its time
    ww:{p}i<hash>    an idempotency key of an app             ww:{p}recent   what was sent lately
    ww:<bucket>      one bucket of sends or of wrong guesses

In a cluster a verification, its place in the due list and its idempotency key share one of 256 partitions: its id ends
with the byte with which the idempotency key begins (``flows/verification.py``), and that byte is the partition. Buckets
lie wherever their key puts them, so that nobody's limit is everybody's bottleneck. One server has one partition.

Rule: every key has a lifetime. What nobody comes back for leaves by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from watchword.core.instant import DAY, HOUR, Instant, Span
from watchword.core.verification import Verification
from watchword.ports import Idempotency

PREFIX: Final = b"ww:"
BEAT: Final = b"ww:beat"
PARTITIONS: Final = 256

AFTERWARDS: Final[Span] = HOUR  # for which the end of a verification can still be read
GUESSES_LIE: Final[Span] = HOUR  # for which guesses lie here after the last use; the durable store has them as well
RECENT_LIES: Final[Span] = DAY


class Layout:
    """The keys over one server or a cluster."""

    def __init__(self, partitions: int) -> None:
        self._tags = [b"{%d}" % number for number in range(partitions)]
        self._rows = [b"%s%sv" % (PREFIX, tag) for tag in self._tags]
        self.partitions: Sequence[int] = range(partitions)

    def partition(self, verification: bytes) -> int:
        """The partition of a verification, by its id."""
        return verification[-1] % len(self._tags)

    def rows(self, partition: int) -> bytes:
        """What the keys of a partition's rows begin with."""
        return self._rows[partition]

    def row(self, verification: bytes) -> bytes:
        """A verification."""
        return self._rows[verification[-1] % len(self._rows)] + verification

    def due(self, partition: int) -> bytes:
        """What is due."""
        return b"%s%sdue" % (PREFIX, self._tags[partition])

    def recent(self, partition: int) -> bytes:
        """What was sent lately."""
        return b"%s%srecent" % (PREFIX, self._tags[partition])

    def idempotency(self, app: bytes, key: bytes) -> bytes:
        """An app's idempotency key."""
        return b"%s%si%s%s" % (PREFIX, self._tags[key[0] % len(self._tags)], app, key)


def bucket(key: bytes) -> bytes:
    """A bucket."""
    return PREFIX + key


def member(verification: bytes, number: int) -> bytes:
    """The place of a delivery in a list."""
    return verification + number.to_bytes(2, "big")


def lifetime(verification: Verification, idempotency: Idempotency | None, now: Instant) -> Span:
    """How long a row lies here: its life, some time to read how it ended, and as long as it may be asked for again."""
    span = max(0, verification.expires_at - now) + AFTERWARDS
    return span if idempotency is None else max(span, idempotency.lifetime)
