"""The shapes of secrets in JSON. How bodies are read and written: ``wire.py``.

Rule: binary values are unpadded base64url in their one canonical spelling; what is not is refused by field, and
never repeated.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from watchword.core.secret import (
    CLAIM_SIZE,
    KDFS,
    MOST_FILES,
    MOST_VIEWS,
    NONCE_SIZE,
    OUTCOMES,
    PROOF_SIZE,
    VOID,
    State,
)
from watchword.errors import InvalidInputError
from watchword.web.wire import Time


def _base64url(size: int) -> dict[str, Any]:
    return {"pattern": f"^[A-Za-z0-9_-]{{{-(-size * 4 // 3)}}}$", "contentEncoding": "base64url"}


Proof = Annotated[str, Meta(extra_json_schema=_base64url(PROOF_SIZE))]
Nonce = Annotated[str, Meta(extra_json_schema=_base64url(NONCE_SIZE))]
Claim = Annotated[
    str, Meta(description="Random, made by the reader, kept until the ack.", extra_json_schema=_base64url(CLAIM_SIZE))
]
Kdf = Annotated[str, Meta(description="How a passphrase was stretched.", extra_json_schema={"enum": list(KDFS)})]
StateText = Annotated[str, Meta(extra_json_schema={"enum": [state.value for state in State]})]


class Envelope(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sealed text: a compact JWE, and what beside it is needed to open it. To the server it is opaque."""

    v: Annotated[int, Meta(description="The version of the format.", extra_json_schema={"const": 1})]
    nonce: Nonce
    jwe: Annotated[str, Meta(description="`dir` with `A256GCM`, compact.")]
    kdf: Kdf | None = None


class BlobPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A sealed file that will be uploaded."""

    size: Annotated[int, Meta(description="Bytes, as uploaded.", extra_json_schema={"minimum": 1})]


class NewSecret(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sealed secret to be kept for somebody."""

    envelope: Envelope
    link_hash: Annotated[str, Meta(description="SHA-256 of the link proof.", extra_json_schema=_base64url(PROOF_SIZE))]
    auth_hash: (
        Annotated[
            str,
            Meta(description="SHA-256 of the passphrase proof, with `kdf`.", extra_json_schema=_base64url(PROOF_SIZE)),
        ]
        | None
    ) = None
    blobs: (
        Annotated[
            list[BlobPlan],
            Meta(description="Files to follow.", extra_json_schema={"maxItems": MOST_FILES}),
        ]
        | None
    ) = None
    expires_in: Annotated[int, Meta(description="Seconds, from 60; a day where it is left out.")] | None = None
    views: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MOST_VIEWS})] = 1


class SecretMade(Struct, frozen=True, omit_defaults=True):
    """A secret that is kept. The link is put together by its maker, who alone knows the rest of it."""

    id: Annotated[str, Meta(description="Names the secret. It opens, tells and locks nothing by itself.")]
    expires_at: Time
    views: int
    manage_token: Annotated[str, Meta(description="For status, burn and unlock. In this answer alone.")]
    blobs: Annotated[list[str], Meta(description="Where to PUT each file.")] | UnsetType = UNSET


class BlobArrived(Struct, frozen=True):
    """How much of a file is there."""

    received: int
    size: int
    complete: bool


class Link(Struct, frozen=True, forbid_unknown_fields=True):
    """The proof that somebody holds the link."""

    link: Proof


class SecretSeen(Struct, frozen=True, omit_defaults=True):
    """A secret as a holder of its link sees it before claiming. ``nonce`` and ``kdf`` are gone once it is erased."""

    state: StateText
    expires_at: Time
    views_remaining: int
    locked: Annotated[bool, Meta(description="Too many wrong passphrases: its maker must unlock it.")] = False
    nonce: str | UnsetType = UNSET
    kdf: str | UnsetType = UNSET
    opened_at: Time | UnsetType = UNSET
    ended_at: Time | UnsetType = UNSET
    handover: Annotated[bool, Meta(description="It is an authenticator, whose key this service knows.")] = False


class NewClaim(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One reader's claim on one view. Sent again, it is given the same until its lease ends."""

    link: Proof
    claim: Claim
    auth: (
        Annotated[str, Meta(description="The passphrase proof, with `kdf`.", extra_json_schema=_base64url(PROOF_SIZE))]
        | None
    ) = None


class BlobPlace(Struct, frozen=True):
    """Where a sealed file lies."""

    path: str
    size: int


class SecretGranted(Struct, frozen=True, omit_defaults=True):
    """The sealed text, for this claim."""

    envelope: Envelope
    lease_expires_at: Time
    views_remaining: int
    blobs: list[BlobPlace] | UnsetType = UNSET
    handover: Annotated[bool, Meta(description="It is an authenticator: its first right code ends it.")] = False


class NewCode(Struct, frozen=True, forbid_unknown_fields=True):
    """The first code of an authenticator that was handed over."""

    link: Proof
    claim: Claim
    code: Annotated[str, Meta(description="As typed: blanks, dashes and full-width digits are fine.")]


class Enrolled(Struct, frozen=True):
    """The authenticator is active, and the link is gone."""

    status: Annotated[str, Meta(extra_json_schema={"const": "enrolled"})]
    at: Time


class NewAck(Struct, frozen=True, forbid_unknown_fields=True):
    """The reader has it: `read`, or `enrolled` where an authenticator was set up and its code was right."""

    link: Proof
    claim: Claim
    outcome: Annotated[str, Meta(extra_json_schema={"enum": list(OUTCOMES)})]


class SecretStatus(Struct, frozen=True, omit_defaults=True):
    """A secret as its maker sees it."""

    id: str
    state: StateText
    created_at: Time
    expires_at: Time
    views: int
    views_remaining: int
    locked: bool = False
    wrong_passphrases: int = 0
    opened_at: Time | UnsetType = UNSET
    ended_at: Time | UnsetType = UNSET
    outcome: Annotated[str, Meta(extra_json_schema={"enum": [*OUTCOMES, VOID]})] | UnsetType = UNSET


def write_binary(raw: bytes) -> str:
    """Unpadded base64url."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_binary(text: str, size: int, field: str) -> bytes:
    """Read exactly ``size`` bytes.

    Raises:
        InvalidInputError: it is something else, or not in its one spelling.
    """
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:  # not ASCII, or not base64
        raw = b""
    if len(raw) != size or write_binary(raw) != text:
        raise InvalidInputError(f"This must be {size} bytes in unpadded base64url.", field=field)
    return raw
