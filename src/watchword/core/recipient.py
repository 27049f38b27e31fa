"""Recipients: an address as it is sent to, counted, shown and found again.

Four forms of one address (design section 2):

* *deliverable*: the local part as typed, the domain as lower-case A-labels (IDNA); mail goes here;
* *folded*: case folded, ``+tag`` dropped, nothing else guessed; only its keyed hash is kept, for limits and look-up;
* *masked*: ``j***@example.com``, for people and logs;
* *sealed*: the deliverable form under AES-256-GCM, bound to app and verification, at rest.

Not handled here: whether the domain takes mail (the relay finds out), phone numbers.
"""

from __future__ import annotations

import re
import unicodedata

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from watchword.core.keyring import INDEX_RECIPIENT, Keyring
from watchword.core.message import MAX_ADDRESS
from watchword.errors import InvalidInputError

# Ordinary ASCII addresses, 99 of 100, are settled here in a microsecond; email-validator takes 22. A property
# test holds that whatever this accepts, the library accepts and spells the same way.
_ORDINARY = re.compile(
    r"[A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,16}){0,2}"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\.){1,4}([a-z]{2,12})"
)
_SPECIAL = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1

_MASK = "***"


def _checked(typed: str) -> str:
    try:
        checked = validate_email(typed, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidInputError("This is not an email address.", field="to") from None
    local, domain = checked.local_part, checked.ascii_domain
    if any(unicodedata.category(character) in {"Cf", "Cc", "Zs", "Zl", "Zp"} for character in local):
        raise InvalidInputError("This is not an email address.", field="to")
    return f"{local}@{domain.lower()}"


def read_email(typed: str) -> str:
    """Check an address and return its deliverable form.

    Raises:
        InvalidInputError: not one plain mailbox (CR, LF, NUL, bidi marks, two addresses, a display name, too long).
    """
    if len(typed) > MAX_ADDRESS:
        raise InvalidInputError(f"An email address has at most {MAX_ADDRESS} characters.", field="to")
    ordinary = _ORDINARY.fullmatch(typed)
    if ordinary and ordinary[1] not in _SPECIAL and "--" not in typed:
        return typed
    address = _checked(typed)
    if len(address.encode()) > MAX_ADDRESS or len(address.rpartition("@")[0].encode()) > MAX_LOCAL:
        raise InvalidInputError(f"An email address has at most {MAX_ADDRESS} characters.", field="to")
    return address


def fold(address: str) -> str:
    """The form under which an address is counted. ``Ann+shop@Example.org`` and ``ann@example.org`` are one."""
    local, _, domain = address.rpartition("@")
    untagged = local.partition("+")[0] or local
    return f"{unicodedata.normalize('NFC', untagged.casefold())}@{domain.lower()}"


def mask(address: str) -> str:
    """Show just enough to recognise one's own address. A local part of one character shows none of it."""
    local, _, domain = address.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}{_MASK}@{domain}"


def lookup(keyring: Keyring, channel: str, address: str) -> bytes:
    """The keyed hash of the folded form: 16 bytes."""
    return keyring.lookup(INDEX_RECIPIENT, f"{channel}\0{fold(address)}".encode())
