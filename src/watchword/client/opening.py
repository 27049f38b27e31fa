"""Opening what somebody shared, on this machine: from a link to what is in it.

Not handled here: sealing (``client/sealing.py``), requests (``client/secret.py``), ciphers (``core/envelope.py``,
``core/records.py``), the order of things (the shells, and ``watchword reveal``).

Rules:

* a link leads to the service that the client talks to, or it is refused before anything is sent;
* what was not opened as a whole, every file of it included, is handed to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from watchword.client import given
from watchword.client.secret import GrantedSecret, SeenSecret
from watchword.core import binary, envelope, ids, records, secret_content, secret_link
from watchword.core.envelope import Keys
from watchword.core.instant import rfc3339_of
from watchword.core.secret_content import Content, File
from watchword.core.secret_document import Document
from watchword.core.secret_link import SharedLink
from watchword.errors import (
    BurntError,
    InvalidInputError,
    LapsedError,
    OpenedError,
    OverError,
    TamperedError,
    UnavailableError,
)

CLAIM_SIZE = 16

_ENDS: dict[str, type[OverError]] = {"opened": OpenedError, "expired": LapsedError, "burnt": BurntError}


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealedSecret:
    """A secret that was opened. ``acknowledged`` tells whether the service heard that it was."""

    content: Content = field(repr=False)
    label: str | None = field(repr=False)
    note: str | None = field(repr=False)
    views_remaining: int
    acknowledged: bool


def read_link(address: str, text: str) -> tuple[str, SharedLink]:
    """The id and the rest of a link to the service at ``address``.

    Raises:
        InvalidInputError: it is damaged, incomplete, or another service's.
    """
    link = secret_link.read_link(given.text("link", text))
    # A proof, once at another service, could open the secret where it is kept.
    if link.public_url.lower() != address.lower():
        detail = f"This link belongs to another service than {address}, which this client talks to. Nothing was sent."
        raise InvalidInputError(detail, field="link")
    return ids.to_text(ids.SECRET, link.id), link


def nonce_of(seen: SeenSecret, *, begun: bool) -> bytes:
    """The nonce that the proofs are made with, unless it is over for whoever has not ``begun`` a claim.

    Raises:
        OverError: one of its children says how it ended.
        UnavailableError: the answer makes no sense.
    """
    end = _ENDS.get(seen.state)
    if end is not None and (seen.nonce is None or not begun):
        at = seen.opened_at if end is OpenedError else seen.ended_at
        told = "" if at is None else f" ({at:%d %b %Y, %H:%M} UTC)"
        raise end(f"{end.sentence}{told}", at="" if at is None else rfc3339_of(at))
    try:
        return binary.decode_exactly(seen.nonce or "", envelope.NONCE_SIZE)
    except ValueError:
        pass
    raise UnavailableError("The answer is not one that this client understands.")


def derive(link: SharedLink, seen: SeenSecret, passphrase: str | None, *, begun: bool) -> Keys:
    """Derive the keys. With a passphrase this takes a good part of a second, on purpose.

    Raises:
        OverError, UnavailableError: as ``nonce_of``.
        InvalidInputError: the passphrase is missing, too much, or not one.
    """
    return envelope.derive_keys(link.key, nonce_of(seen, begun=begun), seen.kdf, passphrase)


def open_granted(keys: Keys, granted: GrantedSecret) -> Document:
    """Open what a claim brought.

    Raises:
        TamperedError: it is not what was sealed for this link.
    """
    try:
        return envelope.open_with(keys, envelope.read_envelope(granted.envelope))
    except (InvalidInputError, TamperedError):
        raise TamperedError("The service gave something that is not what was sealed for this link.") from None


def outside(document: Document) -> Iterator[tuple[int, int]]:
    """Number and sealed size of each file that is not in the document itself."""
    entries = document["files"] if document["type"] == "file" else ()
    return ((entry["blob"], records.body_size(entry["size"])) for entry in entries if "blob" in entry)


def read_content(document: Document, bodies: Mapping[int, bytes]) -> Content:
    """What a document holds, with the sealed files that are not in it.

    Raises:
        TamperedError: a file was altered.
        UnusableKeyError: an authenticator's key is none.
    """
    if document["type"] != "file":
        return secret_content.of_document(document)
    files = []
    for entry in document["files"]:
        if "content" in entry:
            content = binary.decode(entry["content"])
        else:
            body, key = bodies[entry["blob"]], binary.decode(entry["key"])
            content = b"".join(records.open_records([body], key, size=entry["size"]))
        files.append(File(entry["name"], content, entry.get("media_type")))
    return files


def revealed(document: Document, content: Content, granted: GrantedSecret, *, acknowledged: bool) -> RevealedSecret:
    """Everything that a reader is told."""
    return RevealedSecret(
        content=content,
        label=document.get("label"),
        note=document.get("note"),
        views_remaining=granted.views_remaining,
        acknowledged=acknowledged,
    )
