"""The scripts that run inside Valkey, each one atomic step there, put together from the files in ``scripts/``.

Not handled here: sending them (``connection.py``), what keys and arguments they take (each file's own head).

Rule: the first argument of every script is the term of the server that it is sent to, and whoever sends it fills it in.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple


class Script(NamedTuple):
    """One script: its text, and the name by which a server that has loaded it knows it."""

    source: bytes
    sha: bytes


def _put_together(*names: str) -> Script:
    folder = resources.files("watchword.adapters.valkey").joinpath("scripts")
    source = b"\n".join(folder.joinpath(f"{name}.lua").read_bytes() for name in names)
    return Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())  # as Valkey names them


ADD = _put_together("guesses", "sends", "making", "add")
ATTEMPT = _put_together("guesses", "rows", "attempt")
MAKE = _put_together("making", "make")
LOOK = _put_together("making", "look")
SWAP = _put_together("swap")
DUE = _put_together("due")
LISTS = _put_together("lists")
CHARGE = _put_together("sends", "charge")
REFUND = _put_together("sends", "refund")
ARRIVALS = _put_together("sends", "arrivals")
FORGET = _put_together("forget")
PEEK = _put_together("guesses", "peek")
RESERVE = _put_together("guesses", "reserve")
EVALUATE = _put_together("rows", "evaluate")
SETTLE = _put_together("guesses", "settle")
FORGIVE = _put_together("guesses", "forgive")

ALL = (
    *(ADD, ATTEMPT, MAKE, LOOK, SWAP, DUE, LISTS, CHARGE, REFUND, ARRIVALS, FORGET),
    *(PEEK, RESERVE, EVALUATE, SETTLE, FORGIVE),
)
