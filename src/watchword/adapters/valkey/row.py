"""How a verification lies in Valkey: a short head that scripts read and change, and the whole of it behind.

The head is written by position (``scripts/rows.lua`` reads it): the term of the server that took it, then status,
attempts and what a check compares. Behind it is everything, verification and deliveries, in MessagePack, so that a
field which a verification gains at its end costs nothing here. Older processes leave it unread, and as it is where they
write the row again: while a service is upgraded process by process, both are at work.

Not handled here: who may change a row, and when (``verification.py``, ``outbox.py``).

Rule: status, attempts and whether it is a decoy are those of the head. What another term wrote is shown as expired:
whatever was approved or counted just before the change of masters may be missing from it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import msgspec

from watchword.core.delivery import Delivery
from watchword.core.limit import UNTRIED, Guesses
from watchword.core.verification import CODE, Status, Verification, guess_key

BINDING: Final = 1
DECOY: Final = 2
CODELESS: Final = 4

_HEAD: Final = struct.Struct(">8scHH6sBB")
_GUESSES: Final = struct.Struct(">8sHII")
_COMPARED: Final = 4  # texts, each behind its length
_LETTERS: Final = {
    Status.PENDING: b"P",
    Status.CONFIRMED: b"C",
    Status.APPROVED: b"A",
    Status.EXHAUSTED: b"X",
    Status.CANCELED: b"L",
    Status.FAILED: b"F",
}
_STATUS: Final = {name: status for status, name in _LETTERS.items()}


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[Verification, tuple[Delivery, ...]]).decode
_decode_first: Final = msgspec.msgpack.Decoder(tuple[Verification, msgspec.Raw]).decode
_UNTRIED: Final = bytes(_GUESSES.size)
_KNOWN: Final = len(Verification.__struct_fields__)


class Record(msgspec.Struct, frozen=True):
    """A row as it was read: ``packed`` is what it must still be where it is replaced.

    ``later`` is what a newer version keeps at the end of a verification.
    """

    verification: Verification
    deliveries: Sequence[Delivery]
    packed: bytes
    later: Sequence[object] = ()


def pack(
    verification: Verification, deliveries: Sequence[Delivery], term: bytes, later: Sequence[object] = ()
) -> bytes:
    """Write a row."""
    v = verification
    flags = (BINDING if v.purpose == "binding" else 0) | (DECOY if v.decoy else 0)
    flags |= 0 if v.methods & CODE else CODELESS
    head = _HEAD.pack(
        *(term, _LETTERS[v.status], v.attempts, v.max_attempts, v.expires_at.to_bytes(6, "big"), v.digits, flags)
    )
    compared = b"".join(
        bytes((len(text),)) + text for text in (guess_key(v), v.purpose.encode(), v.address, v.action or b"")
    )
    whole = [*msgspec.structs.astuple(v), *later] if later else v
    return head + compared + _encode((whole, deliveries))


def unpack(packed: bytes, term: bytes) -> Record:
    """Read a row, as it is to be seen under a term."""
    behind = memoryview(packed)[_behind(packed) :]
    body, deliveries = _decode(behind)
    return Record(_seen(packed, body, term), deliveries, packed, _later(behind))


def unpack_verification(packed: bytes, term: bytes) -> Verification:
    """Read what a check needs of a row: the verification alone."""
    body, _ = _decode_first(memoryview(packed)[_behind(packed) :])
    return _seen(packed, body, term)


def _seen(packed: bytes, body: Verification, term: bytes) -> Verification:
    wrote, stored, attempts, _, _, _, flags = _HEAD.unpack_from(packed)
    expires_at = body.expires_at if wrote == term else min(body.expires_at, body.created_at)
    decoy = bool(flags & DECOY)
    return msgspec.structs.replace(body, status=_STATUS[stored], attempts=attempts, decoy=decoy, expires_at=expires_at)


def _later(behind: memoryview) -> Sequence[object]:
    # An array of two (0x92), and in it first the verification: an array of more than fifteen (0xdc, and how many).
    if int.from_bytes(behind[2:4], "big") <= _KNOWN:
        return ()
    fields: list[object] = msgspec.msgpack.decode(behind)[0]
    return fields[_KNOWN:]


def letter(status: Status) -> bytes:
    """How scripts call a status."""
    return _LETTERS[status]


def term_of(packed: bytes) -> bytes:
    """The term in which a row was written."""
    return packed[:8]


def pack_guesses(guesses: Guesses) -> bytes:
    """Write a bucket of wrong guesses, under no term yet."""
    if guesses == UNTRIED:
        return _UNTRIED
    head = _GUESSES.pack(bytes(8), 0, 0, guesses.streak)
    return head + struct.pack(f">{len(guesses.log)}Q", *guesses.log)


def unpack_guesses(packed: bytes) -> Guesses:
    """Read a bucket of wrong guesses."""
    _, _, _, streak = _GUESSES.unpack_from(packed)
    return Guesses(struct.unpack_from(f">{(len(packed) - _GUESSES.size) // 8}Q", packed, _GUESSES.size), streak)


def _behind(packed: bytes) -> int:
    """Where the head ends."""
    at = _HEAD.size
    for _ in range(_COMPARED):
        at += 1 + packed[at]
    return at
