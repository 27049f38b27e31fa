"""Recipients: an address as it is sent to, counted, shown and found again.

Four forms of one address (design section 2):

* *deliverable*: the local part as typed, the domain as lower-case A-labels (IDNA); mail goes here;
* *folded*: case folded, ``+tag`` dropped, nothing else guessed; only its keyed hash is kept, for limits and look-up;
* *masked*: ``j***@example.com``, for people and logs;
* *sealed*: the deliverable form under AES-256-GCM, bound to app and verification, at rest.

A telephone number has the same forms; its deliverable form is E.164, and folding leaves it as it is.

Not handled here: whether the domain takes mail (the relay finds out), reading numbers (``core/number.py``).
"""

from __future__ import annotations

import re
import unicodedata

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from watchword.core.keyring import INDEX_ADDRESS, INDEX_RECIPIENT, Keyring
from watchword.core.message import MAX_ADDRESS
from watchword.core.number import is_number, mask_number, read_number
from watchword.errors import InvalidInputError

# Ordinary ASCII addresses, 99 of 100, are settled here in a microsecond; email-validator takes 30. A property
# test holds that whatever this accepts, the library accepts and spells the same way. No part takes the character that
# ends it, so that nothing is read twice. Written without possessive repeats (``{1,30}+``), with which Python 3.11.2,
# the one of Debian 12, matches nothing, and every address went to the library.
_ORDINARY = re.compile(
    r"[A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,16}){0,2}"
    r"@(?:[a-z0-9][a-z0-9-]{0,31}(?<!-)\.){1,4}([a-z]{2,12})"
)
_SPECIAL = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1

# Told by what they are not. What is left is ``atext`` (RFC 5322, section 3.2.3), or the letters of hosts, and all that
# is beyond ASCII (RFC 6531). As ranges up to the last character they took a twentieth of a process's start to compile.
_ATOM = r'[^\x00-\x20"(),.:;<>@\[\\\]\x7f]+'
_LABEL = r"[^\x00-,./:-@\[-`{-\x7f]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_MASK = "***"


def _checked(typed: str) -> str:
    try:
        checked = validate_email(typed, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidInputError("This is not an email address.", field="to") from None
    return f"{checked.local_part}@{checked.ascii_domain.lower()}"


def is_sendable(address: str) -> bool:
    """Tell whether a header and an SMTP command can carry this, and every parser reads it as this one address.

    Quoted local parts, comments, groups and domain literals are out. So are the marks of an encoded word: some
    parsers decode one even inside an address, which turns one recipient into another.
    """
    if not address.isprintable() or len(address.encode()) > MAX_ADDRESS or "=?" in address or "?=" in address:
        return False
    return _ADDRESS.fullmatch(address) is not None


def read_email(typed: str) -> str:
    """Check an address and return its deliverable form. What is accepted here can be sent to; blanks around it are not.

    Raises:
        InvalidInputError: not one plain mailbox (CR, LF, NUL, bidi marks, two addresses, a display name, too long),
            or one that no mail can be addressed to (``is_sendable``).
    """
    if len(typed) > MAX_ADDRESS:
        raise InvalidInputError(f"An email address has at most {MAX_ADDRESS} characters.", field="to")
    ordinary = _ORDINARY.fullmatch(typed)
    if ordinary and ordinary[1] not in _SPECIAL and "--" not in typed:
        return typed
    typed = typed.strip(" ")  # phones put one behind what they complete, and mail is never addressed to one
    if len(typed.rpartition("@")[0].encode(errors="replace")) > MAX_LOCAL:
        raise InvalidInputError(f"The part before the @ has at most {MAX_LOCAL} octets.", field="to")
    address = _checked(typed)
    if len(address.encode()) > MAX_ADDRESS or len(address.rpartition("@")[0].encode()) > MAX_LOCAL:
        raise InvalidInputError(f"An email address has at most {MAX_ADDRESS} characters.", field="to")
    if not is_sendable(address):
        raise InvalidInputError("This is not an email address that mail can be sent to.", field="to")
    return address


def read(typed: str) -> str:
    """Read an address or a number, whichever it looks like, as ``read_email`` or ``read_number`` does."""
    return read_number(typed).e164 if is_number(typed.lstrip(" ")) else read_email(typed)


def channel_of(address: str) -> str:
    """The channel that reaches an address."""
    return "sms" if is_number(address) else "email"


def fold(address: str) -> str:
    """The form under which an address is counted. ``Ann+shop@Example.org`` and ``ann@example.org`` are one."""
    if is_number(address):
        return address
    local, _, domain = address.rpartition("@")
    untagged = local.partition("+")[0] or local
    return f"{unicodedata.normalize('NFC', untagged.casefold())}@{domain.lower()}"


def mask(address: str) -> str:
    """Show just enough to recognise one's own address. A local part of one character shows none of it."""
    if is_number(address):
        return mask_number(address)
    local, _, domain = address.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}{_MASK}@{domain}"


def identify(keyring: Keyring, channel: str, address: str) -> bytes:
    """The keyed hash that tells whether two addresses are the same mailbox: 16 bytes.

    Only the case of ASCII letters is folded. What is one bucket for limits may be two mailboxes: not every provider
    reads ``+`` as a tag, and a long s (U+017F) folds to ``s``.
    """
    return keyring.lookup(INDEX_ADDRESS, f"{channel}\0{_ascii_lower(address)}".encode())


def _ascii_lower(address: str) -> str:
    return address.lower() if address.isascii() else address.translate(_ASCII_LOWER)


def lookup(keyring: Keyring, channel: str, address: str) -> bytes:
    """The keyed hash of the folded form, under which limits count: 16 bytes."""
    return keyring.lookup(INDEX_RECIPIENT, f"{channel}\0{fold(address)}".encode())
