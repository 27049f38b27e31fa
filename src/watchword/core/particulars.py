"""Particulars: what a verification keeps sealed beside its row, its address first of all.

One value under one seal, because a request that writes two pays twice: the deliverable address, and where there are
any, the facts of the session that asked and of what is approved. A NUL stands between each two.

Not handled here: sealing it (``core/keyring.py``), what is looked up or compared, which has columns of its own.
"""

from __future__ import annotations

import msgspec


class Particulars(msgspec.Struct, frozen=True):
    """What was asked for. ``device`` are our words for it, ``action`` the sentence that the person is shown."""

    redirect_uri: str = ""
    state: str = ""
    device: str = ""
    action: str = ""

    def __repr__(self) -> str:
        return "Particulars()"


def write(address: str, redirect_uri: str = "", state: str = "", device: str = "", action: str = "") -> bytes:
    """What is sealed. Nothing but an action, the sentence of an operator, may hold a NUL, so it stands last."""
    if not (redirect_uri or state or device or action):
        return address.encode()
    return f"{address}\0{redirect_uri}\0{state}\0{device}\0{action}".encode()


def read(text: bytes) -> tuple[str, Particulars]:
    """The address, and the rest of what was sealed."""
    address, separator, rest = text.decode().partition("\0")
    return address, Particulars(*rest.split("\0", 3)) if separator else Particulars()
