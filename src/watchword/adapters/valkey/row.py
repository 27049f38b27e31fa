"""How a verification lies in Valkey: a short head that scripts read and change, and the whole of it behind.

The head is written by position (``scripts/rows.lua`` reads it): the term of the server that took it, then status,
attempts and what a check compares. Behind it is everything, verification and deliveries, in MessagePack, so that a
field which a struct gains at its end costs nothing here and is left unread by older processes.

Not handled here: who may change a row, and when (``verification.py``, ``outbox.py``).

Rule: status, attempts and whether it is a decoy are those of the head. What another term wrote is shown as expired:
whatever was approved or counted just before the change of masters may be missing from it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

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


def _as_array(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same fields without their names, which would be half of a row."""
    fields = [
        (field.name, field.type, msgspec.field(default=field.default))
        if not field.required
        else (field.name, field.type)
        for field in msgspec.structs.fields(kind)
    ]
    return msgspec.defstruct(f"{kind.__name__}Array", fields, array_like=True, frozen=True)


_VERIFICATION: Final = _as_array(Verification)
_DELIVERY: Final = _as_array(Delivery)
_astuple: Final = msgspec.structs.astuple
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final[Callable[[memoryview], tuple[Any, Sequence[Any]]]] = msgspec.msgpack.Decoder(
    tuple[_VERIFICATION, tuple[_DELIVERY, ...]]  # type: ignore[valid-type] # made above
).decode
_decode_first: Final[Callable[[memoryview], tuple[Any, msgspec.Raw]]] = msgspec.msgpack.Decoder(
    tuple[_VERIFICATION, msgspec.Raw]  # type: ignore[valid-type] # as above
).decode
_UNTRIED: Final = bytes(_GUESSES.size)
_STATUS_AT, _ATTEMPTS_AT, _EXPIRES_AT, _DECOY_AT = map(
    Verification.__struct_fields__.index, ("status", "attempts", "expires_at", "decoy")
)


class Record(msgspec.Struct, frozen=True):
    """A row as it was read: ``packed`` is what it must still be where it is replaced."""

    verification: Verification
    deliveries: Sequence[Delivery]
    packed: bytes


def pack(verification: Verification, deliveries: Sequence[Delivery], term: bytes) -> bytes:
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
    return head + compared + _encode((_astuple(v), [_astuple(delivery) for delivery in deliveries]))


def unpack(packed: bytes, term: bytes) -> Record:
    """Read a row, as it is to be seen under a term."""
    at = _behind(packed)
    body, deliveries = _decode(memoryview(packed)[at:])
    return Record(_seen(packed, body, term), [Delivery(*_astuple(delivery)) for delivery in deliveries], packed)


def unpack_verification(packed: bytes, term: bytes) -> Verification:
    """Read what a check needs of a row: the verification alone."""
    body, _ = _decode_first(memoryview(packed)[_behind(packed) :])
    return _seen(packed, body, term)


def _seen(packed: bytes, body: Any, term: bytes) -> Verification:  # noqa: ANN401 - the array of a verification
    wrote, stored, attempts, _, _, _, flags = _HEAD.unpack_from(packed)
    values = [*_astuple(body)]
    values[_STATUS_AT], values[_ATTEMPTS_AT], values[_DECOY_AT] = _STATUS[stored], attempts, bool(flags & DECOY)
    if wrote != term:
        values[_EXPIRES_AT] = min(body.expires_at, body.created_at)
    return Verification(*values)


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
