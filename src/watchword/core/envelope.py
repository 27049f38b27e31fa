"""Envelopes: how a secret is sealed by the one who shares it and opened by the one who receives it.

Format: docs/spec/secret-link.md, sections 2 and 3. Runs in the command line and in the SDK's hands, never in the
service, which keeps envelopes without being able to read them; ``static/envelope.js`` does the same in the browser.

Not handled here: what a secret holds (``core/secret_document.py``), its address (``core/secret_link.py``), file
bodies (``core/records.py``), who may open when (the service).

Rules:

* random bytes are arguments and are used once: a link key, a nonce and an IV belong to one envelope;
* version, nonce and KDF are bound into the keys, and the KDF is one of a closed list, so that nobody on the way can
  make a passphrase cheap;
* the JWE's header is compared, never parsed: nothing in it can choose an algorithm;
* no key, proof, passphrase or text appears in a repr or an exception.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchword.core import binary, secret_document
from watchword.core.secret_document import Document
from watchword.errors import InvalidInputError, TamperedError

VERSION = 1
KEY_SIZE = 32
NONCE_SIZE = 16
IV_SIZE = 12
TAG_SIZE = 16
MAX_PASSPHRASE = 1024  # bytes after normalisation

LINK = b"watchword/v1/secret/link"
AUTH = b"watchword/v1/secret/auth"
CEK = b"watchword/v1/secret/cek"

PBKDF2 = "pbkdf2-sha256-600000"
KDFS: Mapping[str, int] = {PBKDF2: 600_000}  # id and rounds: the whole list
HEADER = binary.encode(b'{"alg":"dir","enc":"A256GCM"}')

_NO_KDF = "none"
_JWE_PARTS = 5


@dataclass(frozen=True)
class Envelope:
    """What is stored: ciphertext, and what is needed beside the link to open it."""

    nonce: bytes
    jwe: str = field(repr=False)
    kdf: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """The envelope as the API takes it."""
        kdf = {} if self.kdf is None else {"kdf": self.kdf}
        return {"v": VERSION, "nonce": binary.encode(self.nonce), **kdf, "jwe": self.jwe}


@dataclass(frozen=True)
class Keys:
    """Everything that follows from link and passphrase for one envelope. Deriving it once is slow enough."""

    nonce: bytes
    kdf: str | None
    link: bytes = field(repr=False)
    auth: bytes | None = field(repr=False)
    cek: bytes = field(repr=False)


@dataclass(frozen=True)
class Sealed:
    """A sealed secret as it is handed to the service: the envelope and the hashes of the proofs."""

    envelope: Envelope
    link_hash: bytes = field(repr=False)
    auth_hash: bytes | None = field(repr=False)

    def to_wire(self) -> dict[str, Any]:
        """The members of the request that creates the secret."""
        auth = {} if self.auth_hash is None else {"auth_hash": binary.encode(self.auth_hash)}
        return {"envelope": self.envelope.to_wire(), "link_hash": binary.encode(self.link_hash), **auth}


def seal(document: Document, link_key: bytes, *, nonce: bytes, iv: bytes, passphrase: str | None = None) -> Sealed:
    """Seal a document. ``link_key``, ``nonce`` and ``iv`` are 32, 16 and 12 fresh random bytes.

    Raises:
        InvalidInputError: the document or the passphrase is not one; TooLargeError if it is too long.
    """
    _expect_size(iv, IV_SIZE, "an IV")
    text = secret_document.write(document)
    keys = derive_keys(link_key, nonce, None if passphrase is None else PBKDF2, passphrase)
    sealed = AESGCM(keys.cek).encrypt(iv, text, HEADER.encode())
    parts = (iv, sealed[:-TAG_SIZE], sealed[-TAG_SIZE:])
    jwe = ".".join((HEADER, "", *(binary.encode(part) for part in parts)))
    auth_hash = None if keys.auth is None else hash_proof(keys.auth)
    return Sealed(Envelope(nonce, jwe, keys.kdf), hash_proof(keys.link), auth_hash)


def open_envelope(envelope: Envelope, link_key: bytes, passphrase: str | None = None) -> Document:
    """Open an envelope with the link, and the passphrase if it has one.

    Raises:
        InvalidInputError: envelope, passphrase or what was sealed does not have its form.
        TamperedError: altered, another link's, or another passphrase's.
    """
    return open_with(derive_keys(link_key, envelope.nonce, envelope.kdf, passphrase), envelope)


def open_with(keys: Keys, envelope: Envelope) -> Document:
    """Open an envelope with keys that were derived before, for its proofs.

    Raises:
        InvalidInputError, TamperedError: as ``open_envelope``.
    """
    # The proofs were made for the nonce and the KDF that `open` told; a claim that brings others is another secret.
    if (keys.nonce, keys.kdf) != (envelope.nonce, envelope.kdf):
        raise TamperedError
    iv, sealed = _read_jwe(envelope.jwe)
    try:
        text = AESGCM(keys.cek).decrypt(iv, sealed, HEADER.encode())
    except InvalidTag:
        raise TamperedError from None
    return secret_document.read(text)


def read_envelope(wire: object) -> Envelope:
    """Read an envelope as the API gives it.

    Raises:
        InvalidInputError: it does not have its form, or its version or KDF is not on our list.
    """
    if not isinstance(wire, dict) or not {"v", "nonce", "jwe"} <= wire.keys() <= {"v", "nonce", "kdf", "jwe"}:
        raise _refused()
    version, nonce, kdf, jwe = wire["v"], wire["nonce"], wire.get("kdf"), wire["jwe"]
    # type(), because True == 1; and a `kdf` of null is not the same as none.
    if type(version) is not int or version != VERSION or not isinstance(jwe, str) or not isinstance(nonce, str):
        raise _refused()
    if "kdf" in wire and not (isinstance(kdf, str) and kdf in KDFS):
        raise _refused()
    _read_jwe(jwe)
    try:
        return Envelope(binary.decode_exactly(nonce, NONCE_SIZE), jwe, kdf)
    except ValueError:
        raise _refused() from None


def derive_keys(link_key: bytes, nonce: bytes, kdf: str | None = None, passphrase: str | None = None) -> Keys:
    """Derive content key and proofs. With a passphrase this takes a good part of a second, on purpose.

    Raises:
        InvalidInputError: a KDF that is not on the list, or a passphrase that is not one, missing or too much.
    """
    _expect_size(link_key, KEY_SIZE, "a link key")
    _expect_size(nonce, NONCE_SIZE, "a nonce")
    if kdf is not None and kdf not in KDFS:
        raise _refused()
    if (kdf is None) != (passphrase is None):
        raise InvalidInputError(
            "This secret has no passphrase." if kdf is None else "This secret needs its passphrase.",
            field="passphrase",
        )
    ikm = link_key
    if kdf is not None and passphrase is not None:
        ikm += hashlib.pbkdf2_hmac("sha256", normalise(passphrase), link_key, KDFS[kdf], KEY_SIZE)
    params = bytes((VERSION,)) + (kdf or _NO_KDF).encode()
    auth = None if kdf is None else _hkdf(ikm, nonce, AUTH + params)
    return Keys(nonce, kdf, link_proof(link_key), auth, _hkdf(ikm, nonce, CEK + params))


def link_proof(link_key: bytes) -> bytes:
    """What proves to the service that one has the link."""
    return _hkdf(link_key, b"", LINK)


def hash_proof(proof: bytes) -> bytes:
    """What the service keeps of a proof. A proof is 256 bits of a PRF, so a plain hash cannot be searched."""
    return hashlib.sha256(proof).digest()


def is_proof_of(kept: bytes, proof: bytes) -> bool:
    """Whether a proof is the one of a kept hash, in constant time."""
    return hmac.compare_digest(kept, hash_proof(proof))


def normalise(passphrase: str) -> bytes:
    """The bytes of a passphrase that the KDF is given.

    Raises:
        InvalidInputError: empty, too long, or not well-formed Unicode.
    """
    try:
        raw = unicodedata.normalize("NFKC", passphrase).encode()
    except UnicodeEncodeError:
        raw = b""
    if not 1 <= len(raw) <= MAX_PASSPHRASE:
        raise InvalidInputError(f"A passphrase has 1 to {MAX_PASSPHRASE} bytes of text.", field="passphrase") from None
    return raw


def _hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=info).derive(ikm)


def _read_jwe(jwe: str) -> tuple[bytes, bytes]:
    """The IV, and ciphertext with tag, of a JWE that looks as ours do."""
    parts = jwe.split(".")
    if len(parts) != _JWE_PARTS or parts[:2] != [HEADER, ""]:
        raise _refused()
    try:
        iv, text, tag = (binary.decode(part) for part in parts[2:])
    except ValueError:
        raise _refused() from None
    if len(iv) != IV_SIZE or len(tag) != TAG_SIZE:
        raise _refused()
    return iv, text + tag


def _refused() -> InvalidInputError:
    return InvalidInputError("The envelope is damaged, or of a kind that this version does not know.", field="envelope")


def _expect_size(value: bytes, size: int, name: str) -> None:
    if len(value) != size:
        raise ValueError(f"{name} has {size} bytes")
