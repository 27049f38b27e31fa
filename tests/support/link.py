"""Magic links as their holders have them: what a browser does with a link or a page's address, written once more."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

REDIRECT = "https://shop.example/signed-in"
STATE = "5f2a-state"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
OTHER_VERIFIER = "x" * 43


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def un64(text: str) -> bytes:
    """The bytes of base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(ikm: bytes, info: str) -> bytes:
    """HKDF-SHA-256 of 32 bytes with an empty salt, from RFC 5869."""
    prk = hmac.digest(bytes(32), ikm, "sha256")
    return hmac.digest(prk, info.encode() + b"\x01", "sha256")


@dataclass(frozen=True)
class Holder:
    """Whoever has an address with something behind its ``#``: a link (``/l/``) or a hosted page (``/v/``, ``/a/``)."""

    url: str = field(repr=False)

    @property
    def id(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def key(self) -> bytes:
        return un64(urlsplit(self.url).fragment)

    @property
    def proof(self) -> str:
        kind = "link" if "/l/" in self.url else "page"
        return b64(hkdf(self.key, f"watchword/v1/{kind}/proof"))

    @property
    def address(self) -> str:
        """Where its routes are."""
        kinds = {"l": "links", "v": "pages", "a": "enrolments"}
        return f"/v1/{kinds[urlsplit(self.url).path.split('/')[1]]}/{self.id}"

    def read(self, context: str) -> dict[str, Any]:
        """Open a sealed context, as the landing page does."""
        header, encrypted, iv, text, tag = context.split(".")
        assert "" == encrypted
        assert {"alg": "dir", "enc": "A256GCM"} == json.loads(un64(header))
        key = hkdf(self.key, "watchword/v1/link/context")
        plain: dict[str, Any] = json.loads(AESGCM(key).decrypt(un64(iv), un64(text) + un64(tag), header.encode()))
        assert {"0"} == set(plain.pop("pad"))
        return plain


def a_link(**changes: Any) -> dict[str, Any]:
    """What an app says of the session that asks."""
    usual = {
        "redirect_uri": REDIRECT,
        "state": STATE,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def handed_off(redirect: str) -> str:
    """The hand-off code of a redirect, which leads to the app and carries its state."""
    address, _, query = redirect.partition("?")
    found = parse_qs(query, strict_parsing=True)
    assert (REDIRECT, [STATE]) == (address, found["state"])
    (code,) = found["code"]
    return code


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier, RFC 7636 section 4.2."""
    return b64(hashlib.sha256(verifier.encode()).digest())
