"""The shapes of authenticators and recovery codes in JSON. How bodies are read and written: ``wire.py``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from watchword.core import recovery, totp
from watchword.core.authenticator import LONGEST_PERIOD, Origin, Status
from watchword.core.passcode import MAX_TYPED
from watchword.flows.authenticator_seal import MOST_LABEL, MOST_SUBJECT
from watchword.web.wire import NewLink, Requester, Time

_LABEL: dict[str, Any] = {"maxLength": MOST_LABEL}

Subject = Annotated[
    str,
    Meta(description="Your own name for the person.", extra_json_schema={"minLength": 1, "maxLength": MOST_SUBJECT}),
]
Code = Annotated[
    str,
    Meta(
        description="As typed: blanks, dashes and full-width digits are fine.",
        extra_json_schema={"maxLength": MAX_TYPED},
    ),
]
StatusText = Annotated[str, Meta(extra_json_schema={"enum": [status.value for status in Status]})]
OriginText = Annotated[str, Meta(extra_json_schema={"enum": [origin.value for origin in Origin]})]
Approved = Annotated[str, Meta(extra_json_schema={"const": "approved"})]
RecoveryCode = Annotated[str, Meta(extra_json_schema={"maxLength": recovery.MAX_TYPED})]


class NewAuthenticator(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose authenticator it will be, and what the person's app shall show."""

    subject: Subject
    label: Annotated[str, Meta(description="What we list it as: `Phone`, say.", extra_json_schema=_LABEL)] = ""
    issuer: (
        Annotated[str, Meta(description="Shown by the person's app; your app's name.", extra_json_schema=_LABEL)] | None
    ) = None
    account: (
        Annotated[str, Meta(description="Shown by the person's app; the subject.", extra_json_schema=_LABEL)] | None
    ) = None
    algorithm: Annotated[
        str, Meta(description="Many apps silently take SHA1.", extra_json_schema={"enum": list(totp.ALGORITHMS)})
    ] = totp.DEFAULT_ALGORITHM
    digits: Annotated[int, Meta(extra_json_schema={"minimum": totp.MIN_DIGITS, "maximum": totp.MAX_DIGITS})] = (
        totp.DEFAULT_DIGITS
    )
    period: Annotated[
        int, Meta(description="Seconds.", extra_json_schema={"minimum": totp.MIN_PERIOD, "maximum": LONGEST_PERIOD})
    ] = totp.DEFAULT_PERIOD
    link: (
        Annotated[NewLink, Meta(description="To have it confirmed at the hosted page, and collect it by exchange.")]
        | None
    ) = None


class NewHandover(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose authenticator it will be, what their app shall show, and how the link is kept."""

    subject: Subject
    label: Annotated[str, Meta(description="What we list it as: `Front desk`, say.", extra_json_schema=_LABEL)] = ""
    issuer: Annotated[str, Meta(description="As in an enrolment.", extra_json_schema=_LABEL)] | None = None
    account: Annotated[str, Meta(description="As in an enrolment.", extra_json_schema=_LABEL)] | None = None
    algorithm: Annotated[str, Meta(extra_json_schema={"enum": list(totp.ALGORITHMS)})] = totp.DEFAULT_ALGORITHM
    digits: Annotated[int, Meta(extra_json_schema={"minimum": totp.MIN_DIGITS, "maximum": totp.MAX_DIGITS})] = (
        totp.DEFAULT_DIGITS
    )
    period: Annotated[
        int, Meta(description="Seconds.", extra_json_schema={"minimum": totp.MIN_PERIOD, "maximum": LONGEST_PERIOD})
    ] = totp.DEFAULT_PERIOD
    expires_in: (
        Annotated[int, Meta(description="Seconds that the link lives, 60 to what the operator allows.")] | None
    ) = None
    passphrase: (
        Annotated[str, Meta(description="Needed to open the link; tell it in another way.", min_length=1)] | None
    ) = None
    rotate_by: (
        Annotated[datetime, Meta(tz=True, description="When you mean to make a new key, because people come and go.")]
        | None
    ) = None


class CodeTyped(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person's app shows now."""

    code: Code


class NewLabel(Struct, frozen=True, forbid_unknown_fields=True):
    """Another name for it."""

    label: Annotated[str, Meta(extra_json_schema=_LABEL)]


class SubjectCheck(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A code, and whose it should be."""

    subject: Subject
    code: Code
    requester: Requester | None = None


class SubjectNamed(Struct, frozen=True, forbid_unknown_fields=True):
    """For whom."""

    subject: Subject


class RecoveryCheck(Struct, frozen=True, forbid_unknown_fields=True):
    """A recovery code, and whose it should be."""

    subject: Subject
    code: RecoveryCode


class AuthenticatorShown(Struct, frozen=True, omit_defaults=True):
    """An authenticator as its app sees it. The seed is never in it."""

    id: str
    status: StatusText
    subject: str
    label: str
    origin: OriginText
    created_at: Time
    expires_at: Time | UnsetType = UNSET
    confirmed_at: Time | UnsetType = UNSET
    used_at: Time | UnsetType = UNSET
    shared: Annotated[bool, Meta(description="Its key went to somebody by a link.")] = False
    rotate_by: Time | UnsetType = UNSET
    recovery_codes: (
        Annotated[list[str], Meta(description="The subject's first ones, in the answer to a confirmation alone.")]
        | UnsetType
    ) = UNSET


class AuthenticatorEnrolled(Struct, frozen=True):
    """A pending authenticator with its key, which is in no other answer."""

    id: str
    status: StatusText
    subject: str
    label: str
    created_at: Time
    expires_at: Time
    secret: Annotated[str, Meta(description="Base32, for people who cannot scan.")]
    otpauth_uri: str
    qr_svg: Annotated[str, Meta(description="The same URI as a QR code.")]
    page_url: (
        Annotated[str, Meta(description="Its hosted page, where `link` was given, in this answer alone.")] | UnsetType
    ) = UNSET


class AuthenticatorHandedOver(Struct, frozen=True):
    """A pending authenticator whose key is behind a link. The link is in this one answer."""

    id: str
    status: StatusText
    subject: str
    label: str
    created_at: Time
    expires_at: Time
    url: Annotated[str, Meta(description="For the recipient, who confirms it there with the first code.")]
    secret_id: Annotated[str, Meta(description="Names the secret behind the link.")]
    manage_token: Annotated[str, Meta(description="For you: how it stands, and to take it back.")]
    status_url: Annotated[str, Meta(description="For you: a page with how it stands.")]


class AuthenticatorApproved(Struct, frozen=True):
    """The code was accepted, once."""

    status: Approved
    authenticator: AuthenticatorShown


class AuthenticatorList(Struct, frozen=True):
    """All of a subject."""

    authenticators: list[AuthenticatorShown]
    recovery_codes_remaining: int


class RecoverySet(Struct, frozen=True):
    """Fresh recovery codes, in this one answer."""

    subject: str
    codes: list[str]


class RecoveryUsed(Struct, frozen=True):
    """The recovery code was accepted, once."""

    status: Approved
    subject: str
    remaining: int


EXAMPLE_ID = "au_AaHuVl4AEBESExQVFhcYGQ"
_CODES = ["7K3M-9PQR-2VWX-4ZAB-6CDE-8FGH", "1JKM-3NPQ-5RST-7VWX-9YZA-0BCD"]
_SHOWN: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "status": "active",
    "subject": "user-4711",
    "label": "Phone",
    "origin": "enrolled",
    "created_at": "2026-11-23T14:02:11.000Z",
    "confirmed_at": "2026-11-23T14:02:40.000Z",
}
_PENDING: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "status": "pending",
    "subject": "user-4711",
    "label": "Phone",
    "created_at": "2026-11-23T14:02:11.000Z",
    "expires_at": "2026-11-23T14:12:11.000Z",
}
_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # noqa: S105 - that of RFC 6238
EXAMPLES: dict[str, dict[str, Any]] = {
    "NewAuthenticator": {"subject": "user-4711", "label": "Phone", "account": "ann@example.com"},
    "AuthenticatorEnrolled": _PENDING
    | {
        "secret": _SECRET,
        "otpauth_uri": f"otpauth://totp/ACME:ann@example.com?secret={_SECRET}&issuer=ACME",
        "qr_svg": "<svg>…</svg>",
    },
    "NewHandover": {
        "subject": "front-desk",
        "label": "Front desk",
        "issuer": "ACME",
        "account": "desk@example.com",
        "rotate_by": "2027-05-31T00:00:00Z",
    },
    "AuthenticatorHandedOver": _PENDING
    | {
        "subject": "front-desk",
        "label": "Front desk",
        "expires_at": "2026-11-24T14:02:11.000Z",
        "url": "https://codes.example.org/s/sc_AAECAwQFBgcICQoLDA0ODw#…",
        "secret_id": "sc_AAECAwQFBgcICQoLDA0ODw",
        "manage_token": "…",
        "status_url": "https://codes.example.org/s/sc_AAECAwQFBgcICQoLDA0ODw/status#…",
    },
    "CodeTyped": {"code": "271 828"},
    "NewLabel": {"label": "Old phone"},
    "SubjectCheck": {"subject": "user-4711", "code": "271 828"},
    "SubjectNamed": {"subject": "user-4711"},
    "RecoveryCheck": {"subject": "user-4711", "code": _CODES[0]},
    "AuthenticatorShown": _SHOWN,
    "AuthenticatorApproved": {"status": "approved", "authenticator": _SHOWN | {"used_at": "2026-11-23T14:05:40.000Z"}},
    "AuthenticatorList": {"authenticators": [_SHOWN], "recovery_codes_remaining": 10},
    "RecoverySet": {"subject": "user-4711", "codes": _CODES},
    "RecoveryUsed": {"status": "approved", "subject": "user-4711", "remaining": 9},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "confirm_authenticator": _SHOWN | {"recovery_codes": _CODES},
    "revoke_authenticator": _SHOWN | {"status": "revoked"},
}
