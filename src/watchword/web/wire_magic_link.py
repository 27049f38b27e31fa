"""JSON in and out of magic links, hosted code pages and the exchange.

Not handled here: what a request for a verification says of them (``wire.py``), whether a value makes sense.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from watchword.core.envelope import HEADER
from watchword.core.passcode import MAX_TYPED
from watchword.core.verification import Status
from watchword.core.work import COST, WorkDone
from watchword.web import wire

Proof = Annotated[
    str,
    Meta(
        description="Derived from what stands behind # in the address: 32 bytes, base64url.",
        extra_json_schema={"minLength": 43, "maxLength": 43},
    ),
]
State = Annotated[str, Meta(extra_json_schema={"enum": [each.value for each in Status]})]


class LinkContext(Struct, frozen=True):
    """What the landing page shows, for whoever has the link: a JWE, `dir` and `A256GCM`. For others it is noise."""

    context: str


class LinkProof(Struct, frozen=True, forbid_unknown_fields=True):
    """That one has the link."""

    proof: Proof


class LinkWord(Struct, frozen=True, forbid_unknown_fields=True):
    """That one has the link, and sees the device that asked."""

    proof: Proof
    word: Annotated[str, Meta(description="The first of both words.", max_length=64)]


class PageProof(Struct, frozen=True, forbid_unknown_fields=True):
    """That one has the page's address."""

    proof: Proof


class PageSend(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """That one has the page's address, and the work that was done, where it was asked for."""

    proof: Proof
    work: WorkDone | None = None


class PageCode(Struct, frozen=True, forbid_unknown_fields=True):
    """That one has the page's address, and what the person typed."""

    proof: Proof
    code: Annotated[str, Meta(description="As typed.", extra_json_schema={"maxLength": MAX_TYPED})]


class Redirect(Struct, frozen=True):
    """Where the browser goes: the app's registered address, with a hand-off code and its state."""

    redirect_to: str


class Confirmed(Struct, frozen=True):
    """It is confirmed, and the session that asked may collect it."""

    status: Annotated[str, Meta(extra_json_schema={"const": "confirmed"})] = "confirmed"


class CodeConfirmed(Struct, frozen=True):
    """It is confirmed; the browser goes on to the app."""

    redirect_to: str
    status: Annotated[str, Meta(extra_json_schema={"const": "confirmed"})] = "confirmed"


class PageShown(Struct, frozen=True):
    """A verification as its hosted page shows it."""

    status: State
    app: Annotated[str, Meta(description="The app's name.")]
    purpose: wire.Purpose
    channel: wire.Channel
    to: Annotated[str, Meta(description="The address, masked.")]
    watchword: Annotated[str, Meta(description="Both words.")]
    digits: int
    created_at: wire.Time
    expires_at: wire.Time
    resend_at: wire.Time
    sends_remaining: int
    attempts_remaining: int
    action: Annotated[str, Meta(description="What is approved, in our words.")] | UnsetType = UNSET
    challenge: wire.Challenge | UnsetType = UNSET
    redirect_to: (
        Annotated[str, Meta(description="Once it is `confirmed`: where the browser goes on, as after a right code.")]
        | UnsetType
    ) = UNSET


class Exchange(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The verifier of the session that asked, with the hand-off code it came back with, or the id it has kept.

    Give `purpose` and `to`, too, as for a check.
    """

    code_verifier: Annotated[str, Meta(extra_json_schema={"minLength": 43, "maxLength": 128})]
    code: Annotated[str, Meta(description="The hand-off code.")] | None = None
    id: Annotated[str, Meta(description="The verification, once it is `confirmed`.")] | None = None
    purpose: wire.Purpose | None = None
    to: Annotated[str, Meta(min_length=1, description="The address that was asked for.")] | None = None
    action: wire.NewAction | None = None


_PROOF = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
_HANDOFF = "AQ" + "A" * 68
_REDIRECT = f"https://shop.example/signed-in?code={_HANDOFF}&state=5f2a"
_WORK: dict[str, Any] = {
    "parameters": {
        "algorithm": "PBKDF2/SHA-256",
        "cost": COST,
        "keyLength": 32,
        "keyPrefix": "00",
        "nonce": "000102030405060708090a0b0c0d0e0f",
        "salt": "101112131415161718191a1b1c1d1e1f",
        "data": {"until": 1795000300000},
    },
    "signature": "ab" * 32,
}
_FOUND = {"counter": 213, "derivedKey": "00" + "cd" * 31}
EXAMPLES: dict[str, dict[str, Any]] = {
    "LinkContext": {"context": f"{HEADER}..AAECAwQFBgcICQoL.c2VhbGVk.AAECAwQFBgcICQoLDA0ODw"},
    "LinkProof": {"proof": _PROOF},
    "LinkWord": {"proof": _PROOF, "word": "copper"},
    "PageProof": {"proof": _PROOF},
    "PageSend": {"proof": _PROOF},
    "WorkParameters": _WORK["parameters"],
    "WorkSet": _WORK,
    "WorkFound": _FOUND,
    "WorkDone": {"challenge": _WORK, "solution": _FOUND},
    "PageCode": {"proof": _PROOF, "code": "271 828"},
    "Redirect": {"redirect_to": _REDIRECT},
    "Confirmed": {"status": "confirmed"},
    "CodeConfirmed": {"status": "confirmed", "redirect_to": _REDIRECT},
    "PageShown": {
        "status": "pending",
        "app": "Shop",
        "purpose": "login",
        "channel": "email",
        "to": "a***@example.com",
        "watchword": "copper lantern",
        "digits": 6,
        "created_at": "2026-11-23T14:02:11.000Z",
        "expires_at": "2026-11-23T14:12:11.000Z",
        "resend_at": "2026-11-23T14:02:41.000Z",
        "sends_remaining": 4,
        "attempts_remaining": 5,
    },
    "Exchange": {"code": _HANDOFF, "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
}
