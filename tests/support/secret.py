"""Secrets as their two ends see them: proofs, claims and bodies, without real ciphertext."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from tests.support.world import World
from watchword.core.secret import KDFS
from watchword.flows.secret import NewSecret, Shared

LINK = b"L" * 32
AUTH = b"A" * 32
WRONG = b"W" * 32
JWE = b"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..bm9uY2U.c2VhbGVk.dGFn"


def text(raw: bytes) -> str:
    """Unpadded base64url."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def nonce(number: int) -> bytes:
    """The claim of one reader."""
    return number.to_bytes(16, "big")


async def share(world: World, *, passphrase: bool = False, **more: Any) -> Shared:
    """Share a secret, with a passphrase or without."""
    with_it: dict[str, Any] = {"kdf": KDFS[0], "auth_hash": sha256(AUTH).digest()} if passphrase else {}
    return await world.secrets.create(
        NewSecret(jwe=JWE, nonce=bytes(16), link_hash=sha256(LINK).digest(), **with_it, **more)
    )


def a_secret(*, passphrase: bool = False, link: bytes = LINK, **more: Any) -> dict[str, Any]:
    """The body that shares a secret over HTTP."""
    envelope = {"v": 1, "nonce": text(bytes(16)), "jwe": JWE.decode()}
    body: dict[str, Any] = {"envelope": envelope, "link_hash": text(sha256(link).digest())}
    if passphrase:
        envelope["kdf"] = KDFS[0]
        body["auth_hash"] = text(sha256(AUTH).digest())
    return body | more


def a_claim(number: int = 1, *, link: bytes = LINK, auth: bytes | None = None) -> dict[str, Any]:
    """The body that claims."""
    body = {"link": text(link), "claim": text(nonce(number))}
    return body if auth is None else body | {"auth": text(auth)}
