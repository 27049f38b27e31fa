"""Authenticators and recovery codes over HTTP, for an app's backend.

Not handled here: keys, sizes, shapes (``gate.py``, ``wire_authenticator.py``), every rule about authenticators
(``flows/authenticator.py``, ``flows/recovery.py``).

Rules: a seed is in the answer to its enrolment and in no other; whatever was not accepted leaves as an error, the same
to an outsider whatever the reason, so that a 2xx is always a yes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from msgspec import UNSET

from watchword.core import base32, ids, qr
from watchword.core.app import App
from watchword.core.instant import rfc3339
from watchword.core.magic_link import enrolment_url
from watchword.core.otpauth import write_key_uri
from watchword.errors import InvalidInputError, UnauthenticatedError, UnknownError
from watchword.flows.authenticator import Authenticators, Shown
from watchword.flows.authenticator import NewAuthenticator as Asked
from watchword.flows.recovery import RecoveryCodes
from watchword.web import wire, wire_authenticator
from watchword.web.exchange import Answer, Request

Verb = Callable[[App, bytes], Awaitable[Shown]]

UNKNOWN = "No authenticator of that id in this app."
_ONE_SUBJECT = "The address needs one subject: ?subject=…"


class AuthenticatorApi:
    """The endpoints of authenticators and recovery codes."""

    def __init__(self, authenticators: Authenticators, codes: RecoveryCodes, public_url: str) -> None:
        self._flow = authenticators
        self._codes = codes
        self._public_url = public_url

    async def enrol(self, request: Request) -> Answer:
        """Make a pending authenticator. Show its QR code or key to the person, and confirm with the code they type.

        The key is in this answer and in no other. Until it is confirmed, within ten minutes, it gates and satisfies
        nothing. Ask for this only after the person has signed in as strongly as they can. With `link`, send the browser
        to `page_url` instead, and collect with the exchange.
        """
        new: wire_authenticator.NewAuthenticator = request.payload
        enrolled = await self._flow.enrol(
            app_of(request),
            Asked(new.subject, new.label, new.issuer, new.account, new.algorithm, new.digits, new.period, new.link),
        )
        ticket = enrolled.ticket
        shown, uri = shown_of(enrolled.shown), write_key_uri(enrolled.key)
        answer = wire_authenticator.AuthenticatorEnrolled(
            id=shown.id,
            status=shown.status,
            subject=shown.subject,
            label=shown.label,
            created_at=shown.created_at,
            expires_at=rfc3339(enrolled.shown.authenticator.expires_at or 0),
            secret=base32.write(enrolled.key.secret),
            otpauth_uri=uri,
            qr_svg=qr.svg(uri),
            page_url=UNSET if ticket is None else enrolment_url(self._public_url, shown.id, ticket),
        )
        return Answer(201, wire.encode(answer))

    async def confirm(self, request: Request) -> Answer:
        """Make a pending authenticator active with a code it shows.

        The first one of a subject brings ten recovery codes, in this one answer. Tell the person, by every address
        you have confirmed, that an authenticator was added.
        """
        typed: wire_authenticator.CodeTyped = request.payload
        raw = self._named(request)
        try:
            confirmed = await self._flow.confirm(app_of(request), raw, typed.code)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(shown_of(confirmed.shown, confirmed.codes)))

    async def check(self, request: Request) -> Answer:
        """Accept a code of any of a subject's active authenticators, each time step once.

        Meant to be called after a first factor. `reason` is for your backend: to whoever typed the code, all answers
        but this one should look alike. With `requester.known_device` a device that proved itself before has budgets
        of its own, so that strangers who guess cannot lock its owner out.
        """
        asked: wire_authenticator.SubjectCheck = request.payload
        known = asked.requester.known_device if asked.requester else False
        shown = await self._flow.check(app_of(request), asked.subject, asked.code, known_device=known)
        return Answer(200, wire.encode(wire_authenticator.AuthenticatorApproved("approved", shown_of(shown))))

    async def get(self, request: Request) -> Answer:
        """Show an authenticator, without its key."""
        return await self._simple(self._flow.get, request)

    async def of_subject(self, request: Request) -> Answer:
        """Show all authenticators of a subject, and how many recovery codes are left."""
        app, subject = app_of(request), subject_of(request.query)
        listed = [shown_of(each) for each in await self._flow.of_subject(app, subject)]
        remaining = await self._codes.remaining(app, subject)
        return Answer(200, wire.encode(wire_authenticator.AuthenticatorList(listed, remaining)))

    async def rename(self, request: Request) -> Answer:
        """Give an authenticator another label."""
        label: wire_authenticator.NewLabel = request.payload
        return await self._simple(lambda app, raw: self._flow.rename(app, raw, label.label), request)

    async def revoke(self, request: Request) -> Answer:
        """Remove an authenticator for good, with its seed. Afterwards it is unknown; the subject's others stay."""
        return await self._simple(self._flow.revoke, request)

    async def renew_codes(self, request: Request) -> Answer:
        """Make ten new recovery codes, in this one answer. All earlier ones of the subject stop counting."""
        asked: wire_authenticator.SubjectNamed = request.payload
        made = await self._codes.renew(app_of(request), asked.subject)
        return Answer(201, wire.encode(wire_authenticator.RecoverySet(made.subject, list(made.codes))))

    async def check_code(self, request: Request) -> Answer:
        """Accept a recovery code, once. No budget of authenticators stands before it.

        Afterwards have the person enrol again, and tell them by every address you have confirmed.
        """
        asked: wire_authenticator.RecoveryCheck = request.payload
        remaining = await self._codes.check(app_of(request), asked.subject, asked.code)
        return Answer(200, wire.encode(wire_authenticator.RecoveryUsed("approved", asked.subject, remaining)))

    async def _simple(self, verb: Verb, request: Request) -> Answer:
        raw = self._named(request)
        try:
            shown = await verb(app_of(request), raw)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(shown_of(shown)))

    def _named(self, request: Request) -> bytes:
        try:
            return ids.from_text(ids.AUTHENTICATOR, request.key)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None


def app_of(request: Request) -> App:
    """The app that asks. The gate has found it; a route without a guard must fail, not fall open."""
    if request.app is None:
        raise UnauthenticatedError
    return request.app


def subject_of(query: bytes) -> str:
    """The one subject that an address names."""
    try:
        members = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise InvalidInputError(_ONE_SUBJECT, field="subject") from None
    if len(members) != 1 or members[0][0] != "subject":
        raise InvalidInputError(_ONE_SUBJECT, field="subject")
    return members[0][1]


def shown_of(shown: Shown, codes: tuple[str, ...] = ()) -> wire_authenticator.AuthenticatorShown:
    """An authenticator in the shape of its app."""
    row = shown.authenticator
    return wire_authenticator.AuthenticatorShown(
        id=ids.to_text(ids.AUTHENTICATOR, row.id),
        status=shown.status.value,
        subject=shown.names.subject,
        label=shown.names.label,
        origin=row.origin,
        created_at=rfc3339(row.created_at),
        expires_at=UNSET if row.expires_at is None else rfc3339(row.expires_at),
        confirmed_at=UNSET if row.confirmed_at is None else rfc3339(row.confirmed_at),
        used_at=UNSET if row.used_at is None else rfc3339(row.used_at),
        shared=row.is_shared,
        rotate_by=UNSET if row.rotate_by is None else rfc3339(row.rotate_by),
        recovery_codes=list(codes) if codes else UNSET,
    )
