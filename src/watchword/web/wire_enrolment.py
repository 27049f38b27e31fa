"""The shapes of hosted enrolment pages and their exchange in JSON. How bodies are read and written: ``wire.py``."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from watchword.web import wire_authenticator, wire_magic_link
from watchword.web.wire import Time
from watchword.web.wire_authenticator import Code, StatusText, Subject
from watchword.web.wire_magic_link import Proof


class EnrolmentProof(Struct, frozen=True, forbid_unknown_fields=True):
    """That one has the page's address."""

    proof: Proof


class EnrolmentCode(Struct, frozen=True, forbid_unknown_fields=True):
    """That one has the page's address, and what the person's app shows now."""

    proof: Proof
    code: Code


class EnrolmentKey(Struct, frozen=True):
    """The key, for the person's app."""

    secret: Annotated[str, Meta(description="Base32, for people who cannot scan.")]
    otpauth_uri: str
    issuer: str
    account: str
    algorithm: str
    digits: int
    period: int


class EnrolmentShown(Struct, frozen=True):
    """An enrolment as its page shows it."""

    status: StatusText
    app: Annotated[str, Meta(description="The app's name.")]
    expires_at: Time | UnsetType = UNSET
    key: Annotated[EnrolmentKey, Meta(description="While it is `pending`, and never afterwards.")] | UnsetType = UNSET
    redirect_to: Annotated[str, Meta(description="Once it is `confirmed`; good for a minute.")] | UnsetType = UNSET


class EnrolmentConfirmed(Struct, frozen=True):
    """The code was right. It is not active yet: the app that asked has to collect it."""

    redirect_to: Annotated[str, Meta(description="Good for a minute; `open` gives another.")]
    recovery_codes: (
        Annotated[list[str], Meta(description="The subject's first ones, in this one answer.")] | UnsetType
    ) = UNSET
    status: Annotated[str, Meta(extra_json_schema={"const": "confirmed"})] = "confirmed"


class EnrolmentExchange(Struct, frozen=True, forbid_unknown_fields=True):
    """What the page gave the browser, what the session kept, and whose authenticator it shall be."""

    subject: Subject
    code: Annotated[str, Meta(description="The hand-off code.", max_length=256)]
    code_verifier: Annotated[str, Meta(description="Of the session that asked.", max_length=128)]


_PROOF: str = wire_magic_link.EXAMPLES["PageProof"]["proof"]
_REDIRECT: str = wire_magic_link.EXAMPLES["Redirect"]["redirect_to"]
_PENDING = wire_authenticator.EXAMPLES["AuthenticatorEnrolled"]
EXAMPLES: dict[str, dict[str, Any]] = {
    "EnrolmentProof": {"proof": _PROOF},
    "EnrolmentCode": {"proof": _PROOF, "code": "271 828"},
    "EnrolmentShown": {
        "status": "pending",
        "app": "ACME",
        "expires_at": _PENDING["expires_at"],
        "key": {
            "secret": _PENDING["secret"],
            "otpauth_uri": _PENDING["otpauth_uri"],
            "issuer": "ACME",
            "account": "ann@example.com",
            "algorithm": "SHA1",
            "digits": 6,
            "period": 30,
        },
    },
    "EnrolmentConfirmed": {
        "status": "confirmed",
        "redirect_to": _REDIRECT,
        "recovery_codes": wire_authenticator.EXAMPLES["RecoverySet"]["codes"],
    },
    "EnrolmentExchange": {
        "subject": "user-4711",
        **{name: wire_magic_link.EXAMPLES["Exchange"][name] for name in ("code", "code_verifier")},
    },
}
