"""File bodies: RFC 8188 (``aes128gcm``) in records of 64 KiB, sealed and opened as a stream in constant memory.

Format: docs/spec/secret-link.md, section 6. ``static/records.js`` does the same in the browser.

Not handled here: where bytes come from and go to. Whoever writes what ``open_records`` yields must keep it from
view until the generator ends: a body that is cut short yields a true beginning first and raises then.

Rules: one key a file, one salt a body; the last record is filled up, so that a body tells the size of its file to
within a record; a record out of order, twice or missing does not open, because its number is in its nonce.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from watchword.errors import TamperedError

KEY_SIZE = 16
SALT_SIZE = 16
RECORD_SIZE = 65_536
RECORD_TEXT = RECORD_SIZE - 17  # without the tag and the delimiter
HEADER_SIZE = 21

_KEY_INFO = b"Content-Encoding: aes128gcm\0\x01"
_NONCE_INFO = b"Content-Encoding: nonce\0\x01"
_NONCE_SIZE = 12
_HEADER_TAIL = RECORD_SIZE.to_bytes(4, "big") + b"\0"  # record size, and no key id
_MORE, _LAST = b"\x01", b"\x02"


def body_size(size: int) -> int:
    """How long the body of a file of ``size`` bytes is."""
    return HEADER_SIZE + RECORD_SIZE * max(1, -(-size // RECORD_TEXT))


def seal_records(chunks: Iterable[bytes], key: bytes, *, salt: bytes) -> Iterator[bytes]:
    """Seal a file, given in chunks of any size. ``key`` is new for the file, ``salt`` for the body: 16 bytes each."""
    cipher = _Cipher(key, salt)
    yield salt + _HEADER_TAIL
    number = 0
    held: bytes | None = None
    for text in _regroup(chunks, RECORD_TEXT):
        # One record is held back, because only what follows tells whether it is the last.
        if held is not None:
            yield cipher.seal(number, held + _MORE)
            number += 1
        held = text
    yield cipher.seal(number, ((held or b"") + _LAST).ljust(RECORD_TEXT + 1, b"\0"))


def open_records(chunks: Iterable[bytes], key: bytes, *, size: int) -> Iterator[bytes]:
    """Open a body, given in chunks of any size; ``size`` is the file's, from the document.

    Raises:
        TamperedError: altered, cut short, reordered, repeated, of another file, or not of that size. What came
            before is a true beginning of the file and no more than that.
    """
    body = _Body(chunks)
    salt = body.header()
    cipher = _Cipher(key, salt)
    left, last = size, False
    for number, record in enumerate(body.records()):
        if last:
            raise TamperedError  # something follows the last record
        text, last = _unpad(cipher.open(number, record))
        left -= len(text)
        if left < 0 or (number and not text):  # only an empty file has an empty record
            raise TamperedError
        yield text
    if left or not last:
        raise TamperedError


class _Cipher:
    """The keys of one body."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        if len(key) != KEY_SIZE or len(salt) != SALT_SIZE:
            raise ValueError(f"a file's key has {KEY_SIZE} bytes, a salt {SALT_SIZE}")
        extracted = hmac.digest(salt, key, "sha256")
        self._seal = AESGCM(hmac.digest(extracted, _KEY_INFO, "sha256")[:KEY_SIZE])
        self._nonce = int.from_bytes(hmac.digest(extracted, _NONCE_INFO, "sha256")[:_NONCE_SIZE], "big")

    def seal(self, number: int, text: bytes) -> bytes:
        return self._seal.encrypt(self._nonce_of(number), text, None)

    def open(self, number: int, record: bytes) -> bytes:
        try:
            return self._seal.decrypt(self._nonce_of(number), record, None)
        except InvalidTag:
            raise TamperedError from None

    def _nonce_of(self, number: int) -> bytes:
        return (self._nonce ^ number).to_bytes(_NONCE_SIZE, "big")


class _Body:
    """A body in chunks of any size, taken apart into its header and its records."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def header(self) -> bytes:
        """The salt."""
        while len(self._rest) < HEADER_SIZE:
            try:
                self._rest += next(self._chunks)
            except StopIteration:
                raise TamperedError from None
        header, self._rest = self._rest[:HEADER_SIZE], self._rest[HEADER_SIZE:]
        if header[SALT_SIZE:] != _HEADER_TAIL:
            raise TamperedError
        return header[:SALT_SIZE]

    def records(self) -> Iterator[bytes]:
        """The records, every one of them whole."""
        for record in _regroup(self._chunks, RECORD_SIZE, self._rest):
            if len(record) != RECORD_SIZE:
                raise TamperedError
            yield record


def _regroup(chunks: Iterable[bytes], size: int, before: bytes = b"") -> Iterator[bytes]:
    """The same bytes in pieces of ``size``, the last of which may be shorter, and none of which is empty."""
    held = bytearray(before)
    for chunk in chunks:
        held += chunk
        whole = len(held) - len(held) % size
        for start in range(0, whole, size):
            yield bytes(held[start : start + size])
        del held[:whole]
    if held:
        # What came before the first chunk may be longer than one piece, where no chunk followed.
        for start in range(0, len(held), size):
            yield bytes(held[start : start + size])


def _unpad(text: bytes) -> tuple[bytes, bool]:
    """What a record holds, and whether it says that it is the last."""
    held = text.rstrip(b"\0")
    if held.endswith(_LAST):
        return held[:-1], True
    # Zeros in any other record would be bytes that nobody counts.
    if text.endswith(_MORE):
        return text[:-1], False
    raise TamperedError
