"""References: how a provider names the delivery that it reports about.

A reference is ``app ‖ id ‖ number ‖ MAC`` in base64url, where the MAC is a keyed hash of the rest. It goes into the
address that a provider calls later, and lets its holder say that this one message arrived or did not, nothing else.

Not handled here: a provider's own signature (``adapters/sms_twilio.py``), what a report changes (``core/delivery.py``).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NamedTuple

from watchword.core import ids
from watchword.core.binary import decode_exactly, encode
from watchword.core.keyring import INDEX_REPORT, Keyring
from watchword.errors import UnknownError

_MAC = 16
_SIZE = 2 * ids.SIZE + 1 + _MAC


class Reported(NamedTuple):
    """The delivery that a reference names."""

    app: bytes
    verification: bytes
    number: int


def write_reference(ring: Keyring, app: bytes, verification: bytes, number: int) -> str:
    """Name a delivery for its provider."""
    named = app + verification + bytes((number,))
    return encode(named + ring.lookup(INDEX_REPORT, named))


def read_reference(ring: Keyring, text: str) -> Reported:
    """Read a reference.

    Raises:
        UnknownError: we did not write it.
    """
    try:
        raw = decode_exactly(text, _SIZE)
    except ValueError:
        raise UnknownError from None
    named, mac = raw[:-_MAC], raw[-_MAC:]
    if not compare_digest(mac, ring.lookup(INDEX_REPORT, named)):
        raise UnknownError
    return Reported(named[: ids.SIZE], named[ids.SIZE : -1], named[-1])
