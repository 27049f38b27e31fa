"""Confirmed addresses of a subject, sealed and opened.

Format: docs/spec/notices.md, section 2.

Not handled here: cryptography (``core/keyring.py``), rows (the stores).

Rule: the seal is bound to app and subject, so that an address which is moved to another person's row does not open:
nobody who can write to the database can have somebody's notices sent elsewhere.
"""

from __future__ import annotations

from watchword.core.app import App
from watchword.core.keyring import NONCE_SIZE, Keyring
from watchword.core.notice import Address
from watchword.flows.authenticator_seal import subject_key
from watchword.ports import Entropy

_ADDRESS = b"watchword/v1/notice/address"


def seal_contact(ring: Keyring, app: bytes, subject: bytes, address: str, nonce: bytes) -> bytes:
    """Seal an address for a subject. ``nonce`` is 12 random bytes."""
    return ring.seal(address.encode(), bound_to=_ADDRESS + app + subject, nonce=nonce)


def named(
    ring: Keyring, app: App, subject: str | None, channel: str, address: str, entropy: Entropy
) -> tuple[bytes | None, bytes | None]:
    """What a verification keeps of the subject it names: the keyed hash, and the address sealed for notices.

    Notices go by mail alone: a number that is approved is told of nothing.

    Raises:
        InvalidInputError: the subject cannot be one.
    """
    if subject is None:
        return None, None
    who = subject_key(ring, app, subject)
    by_mail = channel == "email"
    return who, seal_contact(ring, app.id, who, address, entropy.draw(NONCE_SIZE)) if by_mail else None


def open_contact(ring: Keyring, app: bytes, subject: bytes, sealed: bytes) -> str:
    """The address.

    Raises:
        TamperedError: it was altered, cut short or moved here from another subject.
        KeyringError: sealed under a key that is not here.
    """
    return ring.open(sealed, bound_to=_ADDRESS + app + subject).decode()


def open_address(ring: Keyring, row: Address) -> str:
    """The address of a row. Raises: ``open_contact``."""
    return open_contact(ring, row.app, row.subject, row.sealed)
