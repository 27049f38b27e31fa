"""Sealing what is shared, on this machine: from what a person or a program has to what the service keeps.

Not handled here: opening (``client/opening.py``), requests (``client/secret.py``), ciphers (``core/envelope.py``,
``core/records.py``), the order of things (the shells, and ``watchword share``).

Rule: every key, nonce, salt and IV is drawn anew for each secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from watchword.client.secret import MadeSecret
from watchword.core import binary, envelope, ids, records, secret_content, secret_link
from watchword.core.envelope import Sealed
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.secret_content import Content, File, Login
from watchword.core.secret_document import Document
from watchword.errors import InvalidInputError

INLINE = 32 * 1024  # bytes of files that travel inside the document

_RECORDS = 16  # of 64 KiB each, in one request

Draw = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSecret:
    """A secret that is kept. ``link`` opens it, for whoever has it; ``manage_token`` is for its maker alone."""

    link: str = field(repr=False)
    id: str
    manage_token: str = field(repr=False)
    expires_at: datetime
    views: int


@dataclass(frozen=True)
class Body:
    """A file that is sealed by itself: its bytes, how many they are, and its entry in the document."""

    chunks: Iterable[bytes] = field(repr=False)
    size: int
    entry: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class SealedBody:
    """A sealed file on its way: as it is uploaded, piece by piece."""

    pieces: Iterator[bytes] = field(repr=False)
    size: int


@dataclass(frozen=True)
class Parcel:
    """A sealed secret, ready to be sent, and the key of its link."""

    sealed: Sealed
    link_key: bytes = field(repr=False)
    bodies: Sequence[SealedBody] = field(repr=False)

    @property
    def sizes(self) -> list[int]:
        """The sizes of its sealed files."""
        return [body.size for body in self.bodies]


def pack(document: Document, bodies: Sequence[Body], *, passphrase: str | None, draw: Draw) -> Parcel:
    """Seal a document. The files outside of it are sealed while they are sent.

    Raises:
        InvalidInputError, TooLargeError: the document or the passphrase cannot be sealed.
    """
    link_key, nonce, iv = draw(envelope.KEY_SIZE), draw(envelope.NONCE_SIZE), draw(envelope.IV_SIZE)
    keys = [draw(records.KEY_SIZE) for _ in bodies]
    for number, (body, key) in enumerate(zip(bodies, keys, strict=True)):
        body.entry.update(blob=number, key=binary.encode(key))
    sealed = envelope.seal(document, link_key, nonce=nonce, iv=iv, passphrase=passphrase)
    return Parcel(sealed, link_key, [_sealed(body, key, draw) for body, key in zip(bodies, keys, strict=True)])


def _sealed(body: Body, key: bytes, draw: Draw) -> SealedBody:
    pieces = records.seal_records(body.chunks, key, salt=draw(records.SALT_SIZE))
    return SealedBody(_grouped(pieces), records.body_size(body.size))


def _grouped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    source = iter(pieces)
    while group := b"".join(islice(source, _RECORDS)):
        yield group


def pack_content(
    content: Content, *, label: str | None, note: str | None, passphrase: str | None, draw: Draw
) -> Parcel:
    """Seal what a program shares.

    Raises:
        InvalidInputError, TooLargeError.
    """
    bodies: Sequence[Body] = ()
    if content in ("", [], ()):  # most likely a variable that was not set, and its reader would lose a link to nothing
        raise InvalidInputError("There is nothing to share.", field="content")
    if isinstance(content, str | AuthenticatorKey | Login):
        document = secret_content.to_document(content)
    else:
        document, bodies = _of_files(_files(content))
    document |= {name: text for name, text in (("label", label), ("note", note)) if text is not None}
    return pack(document, bodies, passphrase=passphrase, draw=draw)


def _files(content: object) -> Sequence[File]:
    files = [file for file in content if isinstance(file, File)] if isinstance(content, Sequence) else []
    # Bytes are a sequence, too; and what is no file must not be left out in silence.
    if not isinstance(content, Sequence) or len(files) != len(content):
        raise InvalidInputError("What is shared is a text, a Login, a list of Files, or a key.", field="content")
    return files


def _of_files(files: Sequence[File]) -> tuple[Document, Sequence[Body]]:
    bodies = [Body([file.content], len(file.content), _entry(file)) for file in files]
    document: Document = {"type": "file", "files": [body.entry for body in bodies]}
    if sum(body.size for body in bodies) > INLINE:
        return document, bodies
    for file, body in zip(files, bodies, strict=True):
        body.entry["content"] = binary.encode(file.content)
    return document, ()


def _entry(file: File) -> dict[str, object]:
    entry: dict[str, object] = {"name": file.name, "size": len(file.content)}
    return entry if file.media_type is None else entry | {"media_type": file.media_type}


def shared(address: str, made: MadeSecret, link_key: bytes) -> SharedSecret:
    """Put the link together."""
    return SharedSecret(
        link=secret_link.share_url(address, ids.from_text(ids.SECRET, made.id), link_key),
        id=made.id,
        manage_token=made.manage_token,
        expires_at=made.expires_at,
        views=made.views,
    )
