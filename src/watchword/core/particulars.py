"""Particulars: what a verification keeps sealed beside its row, its address first of all.

One value under one seal, because a request that writes two pays twice: the deliverable address, and where there are
any, after a NUL, the facts of the session that asked and of what is approved. No address holds a NUL.

Not handled here: sealing it (``core/keyring.py``), what is looked up or compared, which has columns of its own.
"""

from __future__ import annotations

import msgspec


class Particulars(msgspec.Struct, frozen=True, array_like=True):
    """What was asked for. ``device`` are our words for it, ``action`` the sentence that the person is shown."""

    redirect_uri: str = ""
    state: str = ""
    device: str = ""
    action: str = ""

    def __repr__(self) -> str:
        return "Particulars()"


NONE = Particulars()

_SEPARATOR = b"\0"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Particulars).decode


def write(address: str, particulars: Particulars) -> bytes:
    """What is sealed."""
    return address.encode() if particulars == NONE else address.encode() + _SEPARATOR + _encode(particulars)


def read(text: bytes) -> tuple[str, Particulars]:
    """The address, and the rest of what was sealed."""
    address, separator, facts = text.partition(_SEPARATOR)
    return address.decode(), _decode(facts) if separator else NONE
