"""Apps: the tenants that ask for verifications, and their API keys.

Rules: a key is shown once and kept as SHA-256 (32 random bytes need no slow hash, standards B6); names appear
in messages, so they are short and plain.
"""

from __future__ import annotations

import unicodedata
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec

from watchword.core.instant import Instant
from watchword.core.message import MAX_APP_NAME
from watchword.errors import InvalidInputError

KEY_PREFIX = "wk_"
KEY_RANDOM = 32  # bytes

_KEY_TEXT = len(KEY_PREFIX) + 43
_MAX_URI = 2048
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class App(msgspec.Struct, frozen=True):
    """A tenant. ``redirect_uris`` are matched exactly."""

    id: bytes
    name: str
    created_at: Instant
    redirect_uris: tuple[str, ...] = ()


class ApiKey(msgspec.Struct, frozen=True):
    """What is kept of an API key: its hash, and enough of it to tell keys apart."""

    hash: bytes
    app: bytes
    hint: str
    created_at: Instant


def write_key(random: bytes) -> str:
    """Write an API key: ``wk_`` and 43 characters. ``random`` is 32 bytes."""
    if len(random) != KEY_RANDOM:
        raise ValueError(f"an API key takes {KEY_RANDOM} random bytes")
    return KEY_PREFIX + urlsafe_b64encode(random)[:-1].decode()


def hint(key: str) -> str:
    """The part of a key that may be shown: prefix and four characters (24 of 256 bits)."""
    return key[: len(KEY_PREFIX) + 4]


def hash_key(key: str | bytes) -> bytes:
    """The form in which a key is stored and looked up."""
    return sha256(key.encode() if isinstance(key, str) else key).digest()


_KEY_START = KEY_PREFIX.encode()


def is_key_shaped(key: bytes) -> bool:
    """Whether something can be an API key at all; what cannot is refused without asking the store."""
    return len(key) == _KEY_TEXT and key.startswith(_KEY_START)


def read_name(name: str) -> str:
    """Check an app's name: 1 to 40 characters, nothing invisible.

    Raises:
        InvalidInputError: it is not.
    """
    stripped = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(stripped) <= MAX_APP_NAME:
        raise InvalidInputError(f"An app's name has 1 to {MAX_APP_NAME} characters.", field="name")
    if any(unicodedata.category(character)[0] == "C" for character in stripped):
        raise InvalidInputError("An app's name has no control or invisible characters.", field="name")
    return stripped


def read_redirect_uri(uri: str) -> str:
    """Check a redirect URI: absolute, https (http only on loopback), no fragment, no credentials (RFC 9700, 2.1).

    Raises:
        InvalidInputError: it is not.
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    secure = parts is not None and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))
    plain = len(uri) <= _MAX_URI and uri.isascii() and uri.isprintable() and " " not in uri
    if parts is None or not host or not secure or not plain or "#" in uri or parts.username is not None:
        raise InvalidInputError(
            "A redirect URI is an absolute https address, or http on this machine, without fragment and credentials.",
            field="redirect_uri",
        )
    return uri
