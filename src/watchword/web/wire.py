"""JSON in and out: the shapes of the API, reading bodies into them and writing them.

Not handled here: whether a value makes sense (flows and core), the bytes of a body arriving (``body.py``).

Rules:

* types are strict and unknown fields are refused, so a misspelled ``purpsoe`` is never silently ignored;
* a member may come once: of two, two readers would take two different ones;
* a message about a field names the field and never repeats its value.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from watchword.core.magic_link import MAX_STATE, LinkWanted
from watchword.core.passcode import MAX_DIGITS, MAX_TYPED, MIN_DIGITS
from watchword.core.pkce import METHOD
from watchword.core.policy import CHANNELS, PURPOSES
from watchword.core.verification import Status
from watchword.errors import InvalidInputError
from watchword.web.problems import MalformedError

MAX_USER_AGENT = 4_096  # hostile clients send long ones; the app that passes them on must not break

# What the flow decides stays plain to the decoder and is told in the schema only, so that the flow's own message,
# which says what would be allowed, reaches the caller.
Channel = Annotated[str, Meta(description="How the code travels.", extra_json_schema={"enum": list(CHANNELS)})]
Purpose = Annotated[str, Meta(description="What it is for.", extra_json_schema={"enum": list(PURPOSES)})]
Method = Annotated[str, Meta(extra_json_schema={"enum": ["code", "link"]})]
Challenge = Annotated[
    str,
    Meta(
        description="Nothing is sent before the browser has worked for it, at the hosted page.",
        extra_json_schema={"const": "proof_of_work"},
    ),
]
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Requester(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The person's device, as the app sees it. Of the user agent a link's page is told "Firefox on Windows" at most."""

    ip: Annotated[str, Meta(description="Its IPv4 or IPv6 address; limits count by it.")] | None = None
    user_agent: Annotated[str, Meta(max_length=MAX_USER_AGENT)] | None = None
    known_device: Annotated[bool, Meta(description="It proved itself before: budgets of its own.")] = False


class NewLink(LinkWanted, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The session that asks, where it collects by exchange: needed for a link, and for the hosted code page."""

    redirect_uri: Annotated[str, Meta(description="One that is registered for the app, character by character.")]
    code_challenge: Annotated[str, Meta(description="SHA-256 of the verifier, base64url, 43 characters.")]
    code_challenge_method: Annotated[str, Meta(extra_json_schema={"const": METHOD})]
    state: (
        Annotated[str, Meta(description="Comes back with the redirect.", extra_json_schema={"maxLength": MAX_STATE})]
        | None
    ) = None


class NewAction(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a step-up approves: one of the actions that the operator set up for the app, and its values."""

    template: Annotated[str, Meta(description="Its name.")]
    params: Annotated[dict[str, str | int], Meta(description="A value for each of its parameters.")] = {}


class NewVerification(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to send to whom, and for what."""

    channel: Channel
    to: Annotated[str, Meta(description="One email address, or for SMS a number as +4915123456789.")]
    purpose: Purpose
    methods: list[Method] | None = None
    locale: Annotated[str, Meta(description="A language tag such as `de` or `de-AT`.")] | None = None
    expires_in: Annotated[int, Meta(description="Seconds, 60 to what the policy allows for the purpose.")] | None = None
    digits: Annotated[int, Meta(description=f"Length of the code, {MIN_DIGITS} to {MAX_DIGITS}.")] | None = None
    requester: Requester | None = None
    link: NewLink | None = None
    action: NewAction | None = None
    notice_acknowledged: Annotated[str, Meta(description="SMS: the version of the notice the person saw.")] | None = (
        None
    )
    # No default to say again, or reading a body that says false would take longer than one that says true: see Reader.
    decoy: (
        Annotated[bool, Meta(description="For accounts that do not exist: sends nothing, never matches.")] | UnsetType
    ) = UNSET
    subject: (
        Annotated[str, Meta(description="Your own name for the person: once approved, notices go to this address.")]
        | None
    ) = None


class Check(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the person typed. Give ``purpose`` and ``to`` too: a code for something else is then not accepted."""

    code: Annotated[
        str,
        Meta(
            description="As typed: blanks, dashes and full-width digits are fine.",
            extra_json_schema={"maxLength": MAX_TYPED},
        ),
    ]
    purpose: Purpose | None = None
    to: Annotated[str, Meta(min_length=1, description="The address that was asked for.")] | None = None
    action: NewAction | None = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No fields. The body may be left out."""


class Tls(Struct, frozen=True):
    """What the relay proved."""

    version: str
    cipher: str
    certificate_sha256: str


class DeliveryShown(Struct, frozen=True):
    """What became of one send. ``transport`` is the level that was proven: T0 no network, T1 verified TLS."""

    at: Time
    channel: Channel
    status: Annotated[
        str, Meta(extra_json_schema={"enum": ["queued", "sent", "delivered", "failed", "dropped", "superseded"]})
    ]
    transport: str | None
    reason: str | UnsetType = UNSET
    tls: Tls | UnsetType = UNSET


class VerificationShown(Struct, frozen=True):
    """A verification as its app sees it."""

    id: Annotated[str, Meta(description="Names the verification. It opens and approves nothing by itself.")]
    status: Annotated[str, Meta(extra_json_schema={"enum": [each.value for each in Status]})]
    channel: Channel
    to: Annotated[str, Meta(description="The address, masked.")]
    purpose: Purpose
    methods: list[Method]
    watchword: Annotated[str, Meta(description="Show both words; the mail carries the second.")]
    expires_at: Time
    created_at: Time
    attempts_remaining: int
    resend_at: Time
    sends_remaining: int
    page_url: Annotated[str, Meta(description="Its hosted code page, in this answer alone.")] | UnsetType = UNSET
    deliveries: list[DeliveryShown] | UnsetType = UNSET
    challenge: Challenge | UnsetType = UNSET


class Health(Struct, frozen=True):
    """The process, or all of the service, is well."""

    status: Annotated[str, Meta(extra_json_schema={"const": "ok"})] = "ok"


Shape = TypeVar("Shape", bound=Struct)

encode = msgspec.json.Encoder().encode

PROOF_OF_WORK = "proof_of_work"


class Reader(Generic[Shape]):
    """Reads bodies of one shape."""

    __slots__ = ("_decode",)

    def __init__(self, shape: type[Shape]) -> None:
        self._decode = msgspec.json.Decoder(shape).decode

    def read(self, body: bytes) -> Shape:
        """Read a body.

        Raises:
            MalformedError: it is not JSON, or has a member twice.
            InvalidInputError: a field is missing, unknown or of the wrong type.
        """
        try:
            payload = self._decode(body)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except msgspec.DecodeError as error:
            at = _BYTE.search(str(error))
            raise MalformedError(f"The body is not JSON{at[0] if at else ''}.", field="body") from None
        except (UnicodeDecodeError, RecursionError):
            raise MalformedError("The body is not JSON.", field="body") from None
        # A body without escapes has the colons of its members and those in its texts, and so has the payload written
        # again. Only a body with more (a member twice, or one that says what holds anyway) is read a second time.
        if body.find(b"\\") >= 0 or body.count(b":") != encode(payload).count(b":"):
            _demand_single_members(body)
        return payload


def _demand_single_members(body: bytes) -> None:
    def once(members: list[tuple[str, object]]) -> None:
        if len({name for name, _ in members}) != len(members):
            raise MalformedError("A member may be given once.", field="body")

    json.loads(body, object_pairs_hook=once)


_BYTE = re.compile(r" \(byte \d+\)")
_AT = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `([A-Za-z_][A-Za-z0-9_]{0,39})`")
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_EXPECTED = re.compile(r"Expected `([a-z0-9 |]+)`((?: of length)? [<>]=? \d+)?(?:, got `[a-z]+`)?")
_WORDS = {"str": "text", "int": "a whole number", "bool": "true or false", "array": "a list", "object": "an object"}


def _invalid(complaint: str) -> InvalidInputError:
    """Turn msgspec's complaint into ours. Whatever is not on the list of known forms is not passed on."""
    located = _AT.fullmatch(complaint)
    said, path = (located[1], located[2]) if located else (complaint, "")
    whole = path or "body"
    if unknown := _UNKNOWN.fullmatch(said):
        return InvalidInputError("There is no such field.", field=_join(path, unknown[1]))
    if said.startswith("Object contains unknown field"):
        return InvalidInputError("There is a field here that is not known.", field=whole)
    if missing := _MISSING.fullmatch(said):
        return InvalidInputError("This field is needed.", field=_join(path, missing[1]))
    if expected := _EXPECTED.fullmatch(said):
        kinds = " or ".join(_WORDS.get(kind, kind) for kind in expected[1].removesuffix(" | null").split(" | "))
        return InvalidInputError(f"This must be {kinds}{expected[2] or ''}.", field=whole)
    return InvalidInputError(field=whole)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def canonical(payload: Struct) -> bytes:
    """The bytes of a decoded body without its accidents: blanks and the order of members make no other request."""
    return msgspec.json.encode(payload, order="deterministic")
