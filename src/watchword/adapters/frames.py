"""What a scribe and its asker send each other: frames of a number, what they are, and bytes.

    size ‖ number ‖ kind ‖ packed      number: the asker's of the call; kind: a verb's number, or one of the three below

Not handled here: what is packed (``verbs.py``), who asks and who answers (``scribe.py``, ``*/scribe.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from watchword.adapters.verbs import pack, pack_error
from watchword.errors import WatchwordError

DONE, FAILED, TRANSACTION = range(3)

_HEAD: Final = struct.Struct("<IIB")
_TOOK: Final = struct.Struct("<dI")  # milliseconds of a transaction, and how many steps it had


def framed(number: int, kind: int, packed: bytes) -> bytes:
    """One frame."""
    return _HEAD.pack(len(packed), number, kind) + packed


def answer(number: int, result: object) -> bytes:
    """What a call came to: its result, or an error of ours."""
    if isinstance(result, WatchwordError):
        return framed(number, FAILED, pack_error(result))
    return framed(number, DONE, pack(result))


def took(milliseconds: float, steps: Sequence[Any]) -> bytes:
    """That a transaction of these steps is over."""
    return framed(0, TRANSACTION, _TOOK.pack(milliseconds, len(steps)))


def read_took(packed: bytes) -> tuple[float, int]:
    """How many milliseconds, and how many steps."""
    milliseconds, steps = _TOOK.unpack(packed)
    return milliseconds, steps


class Frames:
    """Bytes in pieces of any size, put together into what was framed."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """What is whole by now, in order: number, kind and bytes."""
        held = self._held + data if self._held else data
        at = 0
        while len(held) - at >= _HEAD.size:
            size, number, kind = _HEAD.unpack_from(held, at)
            end = at + _HEAD.size + size
            if len(held) < end:
                break
            yield number, kind, held[at + _HEAD.size : end]
            at = end
        self._held = held[at:]
