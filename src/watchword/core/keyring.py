"""The keyring: numbered root keys, one of them current, and what is derived and sealed under them.

Format: docs/spec/passcode.md, section 2. Sub-keys are HKDF-SHA-256 (RFC 5869) of a root key with an empty salt
and a purpose label, so no two purposes share a key.

Not handled here: where the keys lie (``adapters/key_file.py``) and when the file is read again (``flows/keys.py``).

Rules:

* no two purposes share a key, but for watchword and page ticket, which are one MAC (docs/adr/0050);
* an id or a sealed value names its key by number; old keys stay until nothing names them;
* look-up hashes use the separate *index* key, which rotation leaves alone;
* key bytes appear in no repr and no exception.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from watchword.errors import KeyringError, TamperedError

KEY_SIZE = 32
NONCE_SIZE = 12
MAX_NUMBER = 255

CODE = b"watchword/v1/code"
WORD = b"watchword/v1/word"
SEAL = b"watchword/v1/seal"
LINK = b"watchword/v1/link"
HANDOFF = b"watchword/v1/handoff"
WORK = b"watchword/v1/work"
DEVICE = b"watchword/v1/device"

INDEX_RECIPIENT = b"watchword/v1/index/recipient"
INDEX_ADDRESS = b"watchword/v1/index/address"
INDEX_SOURCE = b"watchword/v1/index/source"
INDEX_IDEMPOTENCY = b"watchword/v1/index/idempotency"
INDEX_SECRET = b"watchword/v1/index/secret"
INDEX_SUBJECT = b"watchword/v1/index/subject"
INDEX_SEED = b"watchword/v1/index/seed"
INDEX_BLOCK = b"watchword/v1/index/block"
INDEX_REPORT = b"watchword/v1/index/report"
INDEX_ACTION = b"watchword/v1/index/action"
INDEX_MARK = b"watchword/v1/index/mark"
_INDEX_LABELS = (
    *(INDEX_RECIPIENT, INDEX_ADDRESS, INDEX_SOURCE, INDEX_IDEMPOTENCY),
    *(INDEX_SECRET, INDEX_SUBJECT, INDEX_SEED, INDEX_ACTION, INDEX_BLOCK, INDEX_REPORT, INDEX_MARK),
)

_NO_SALT = bytes(32)
_LOOKUP_SIZE = 16  # bytes of a look-up hash that are kept


def derive(key: bytes, label: bytes) -> bytes:
    """Derive the 32-byte sub-key of a purpose: HKDF-SHA-256, whose one block is two one-shots (RFC 5869, section 2).

    A proof is derived for each press of a link, and the library's objects take three times as long.
    """
    return hmac.digest(hmac.digest(_NO_SALT, key, "sha256"), label + b"\x01", "sha256")


class Mac:
    """HMAC-SHA-256 (RFC 2104) under a key that is kept: both padded blocks are hashed once, at the start.

    A request derives four of these, and the library's one-shot sets itself up anew each time, for twice the time of
    the hashing.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > sha256().block_size:
            raise ValueError("a key is no longer than a block of the hash")
        block = key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in block))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in block))

    def digest(self, message: bytes) -> bytes:
        """The 32 bytes for a message."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


class RootKey:
    """One numbered key with its sub-keys derived once."""

    def __init__(self, number: int, secret: bytes) -> None:
        self.number = number
        self.code = Mac(derive(secret, CODE))
        self.word = Mac(derive(secret, WORD))
        self.seal = AESGCM(derive(secret, SEAL))
        self.link = Mac(derive(secret, LINK))
        self.work = Mac(derive(secret, WORK))
        self.device = Mac(derive(secret, DEVICE))
        self.handoff = AESGCM(derive(secret, HANDOFF))

    def __repr__(self) -> str:
        return f"RootKey({self.number})"


class Keyring:
    """An immutable set of root keys and the index key. Changing keys means building another keyring."""

    def __init__(self, keys: Mapping[int, bytes], *, current: int, index: bytes) -> None:
        if current not in keys:
            raise ValueError("the current key is not among the keys")
        if any(not 1 <= number <= MAX_NUMBER for number in keys):
            raise ValueError(f"key numbers run from 1 to {MAX_NUMBER}")
        if any(len(secret) != KEY_SIZE for secret in (*keys.values(), index)):
            raise ValueError(f"every key has {KEY_SIZE} bytes")
        self._roots = {number: RootKey(number, secret) for number, secret in keys.items()}
        self._index_keys = {label: Mac(derive(index, label)) for label in _INDEX_LABELS}
        self.current = current

    def __repr__(self) -> str:
        return f"Keyring(keys={self.numbers}, current={self.current})"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the keys held, ascending."""
        return tuple(sorted(self._roots))

    @property
    def mark(self) -> bytes:
        """By what a database knows the key file again that it was written with: a keyed hash of nothing.

        Of the index key, which no rotation changes.
        """
        return self.lookup(INDEX_MARK, b"")

    def root(self, number: int) -> RootKey:
        """The key of that number.

        Raises:
            KeyringError: this keyring does not hold it. Whoever catches this reads the key file again, once.
        """
        try:
            return self._roots[number]
        except KeyError:
            raise KeyringError(f"key {number} is not in the key file") from None

    def seal(self, plaintext: bytes, *, bound_to: bytes, nonce: bytes) -> bytes:
        """Seal under the current key: key number, nonce, ciphertext and tag (AES-256-GCM, 12-byte random nonce).

        ``bound_to`` is the associated data: the row the value belongs to, so that it opens in no other.
        """
        if len(nonce) != NONCE_SIZE:
            raise ValueError(f"a nonce has {NONCE_SIZE} bytes")
        return bytes((self.current,)) + nonce + self._roots[self.current].seal.encrypt(nonce, plaintext, bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """Open what ``seal`` made.

        Raises:
            TamperedError: altered, cut short, or moved to another row.
            KeyringError: sealed under a key that is not here.
        """
        if len(sealed) <= 1 + NONCE_SIZE:
            raise TamperedError
        try:
            return self.root(sealed[0]).seal.decrypt(sealed[1 : 1 + NONCE_SIZE], sealed[1 + NONCE_SIZE :], bound_to)
        except InvalidTag:
            raise TamperedError from None

    def contradicts(self, other: Keyring) -> bool:
        """Whether the two hold different keys where they should hold the same: under one number, or as index key.

        What was made under the one would neither open nor compare under the other, and nothing would say so.
        """
        shared = self._roots.keys() & other._roots.keys()
        numbered = any(
            self._roots[number].code.digest(b"") != other._roots[number].code.digest(b"") for number in shared
        )
        return numbered or self.lookup(INDEX_ADDRESS, b"") != other.lookup(INDEX_ADDRESS, b"")

    def lookup(self, label: bytes, value: bytes) -> bytes:
        """The 16-byte keyed hash under which a value is found again, and from which it cannot be guessed back."""
        return self._index_keys[label].digest(value)[:_LOOKUP_SIZE]

    def lookups(self, label: bytes, value: bytes) -> tuple[bytes, bytes]:
        """``lookup``, and 16 bytes more of the value that do not follow from it."""
        digest = self._index_keys[label].digest(value)
        return digest[:_LOOKUP_SIZE], digest[_LOOKUP_SIZE:]
