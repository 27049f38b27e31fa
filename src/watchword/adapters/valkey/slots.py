"""Which of a cluster's 16384 slots a key falls into: CRC-16/XMODEM of what stands in its first braces, or of all of it.

The braces hold our partitions; a bucket's key is bytes of a hash, which may hold braces too, and then they count as the
cluster counts them.
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import lru_cache
from typing import Final

SLOTS: Final = 16_384


def slot_of(key: bytes) -> int:
    """The slot of a key."""
    opened = key.find(b"{")
    if opened >= 0:
        closed = key.find(b"}", opened + 1)
        if closed > opened + 1:
            return _of_tag(key[opened + 1 : closed])
    return crc_hqx(key, 0) % SLOTS


@lru_cache(maxsize=512)
def _of_tag(tag: bytes) -> int:
    return crc_hqx(tag, 0) % SLOTS
