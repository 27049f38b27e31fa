"""References: how a provider names the delivery that it reports about.

A reference is ``app ‖ id ‖ number ‖ MAC`` in base64url, where the MAC is a keyed hash of the rest. Each provider has
one of its own, whose MAC follows from that one and the provider's name. It goes into the address that the provider
calls later, and lets its holder say that this one message arrived or did not, nothing else. It counts at that
provider's address alone, so that the signature of one that signs is not got round by way of one that does not.

Not handled here: a provider's own signature (``adapters/sms_twilio.py``), what a report changes (``core/delivery.py``).
"""

from __future__ import annotations

from hmac import compare_digest, digest
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
    """Name a delivery, for ``of_provider``."""
    named = app + verification + bytes((number,))
    return encode(named + ring.lookup(INDEX_REPORT, named))


def of_provider(reference: str, provider: str) -> str:
    """The reference that a provider is given."""
    raw = decode_exactly(reference, _SIZE)
    return encode(raw[:-_MAC] + _mac_of(raw[-_MAC:], provider))


def _mac_of(mac: bytes, provider: str) -> bytes:
    return digest(mac, provider.encode(), "sha256")[:_MAC]


def read_reference(ring: Keyring, text: str, provider: str) -> Reported:
    """Read a provider's reference.

    Raises:
        UnknownError: we did not write it, or for another.
    """
    try:
        raw = decode_exactly(text, _SIZE)
    except ValueError:
        raise UnknownError from None
    named, mac = raw[:-_MAC], raw[-_MAC:]
    if not compare_digest(mac, _mac_of(ring.lookup(INDEX_REPORT, named), provider)):
        raise UnknownError
    return Reported(named[: ids.SIZE], named[ids.SIZE : -1], named[-1])
