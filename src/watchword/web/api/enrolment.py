"""Hosted enrolment pages and their exchange over HTTP.

Not handled here: shapes (``wire_enrolment.py``), every rule about them (``flows/enrolment.py``), the page itself
(``link_pages.py``).

Rules: proofs come in bodies, never in an address; an unknown id, an authenticator without a page and a wrong proof get
one and the same answer.
"""

from __future__ import annotations

from msgspec import UNSET

from watchword.core import base32, ids
from watchword.core.instant import rfc3339
from watchword.core.otpauth import AuthenticatorKey, write_key_uri
from watchword.errors import UnknownError
from watchword.flows.enrolment import Enrolments
from watchword.web import wire, wire_enrolment
from watchword.web.api.authenticator import UNKNOWN, app_of, shown_of
from watchword.web.api.magic_link import nothing_here, read_proof
from watchword.web.exchange import Answer, Request


class EnrolmentApi:
    """The endpoints of the hosted enrolment page."""

    def __init__(self, enrolments: Enrolments) -> None:
        self._flow = enrolments

    async def look(self, request: Request) -> Answer:
        """Give what the hosted enrolment page shows: the key while it is pending, then where the browser goes on."""
        asked: wire_enrolment.EnrolmentProof = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            seen = await self._flow.look(_id(request), proof, request.client)
        answer = wire_enrolment.EnrolmentShown(
            status=seen.status.value,
            app=seen.app,
            expires_at=rfc3339(seen.expires_at) if seen.expires_at else UNSET,
            key=UNSET if seen.key is None else _key(seen.key),
            redirect_to=seen.redirect_to or UNSET,
        )
        return Answer(200, wire.encode(answer))

    async def confirm(self, request: Request) -> Answer:
        """Confirm with a code of the person's app. The authenticator stays without effect until its app collects it.

        The first one of a subject brings ten recovery codes, in this one answer. They count once it is active.
        """
        asked: wire_enrolment.EnrolmentCode = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            proven = await self._flow.confirm(_id(request), proof, asked.code, request.client)
        codes = list(proven.codes) if proven.codes else UNSET
        return Answer(200, wire.encode(wire_enrolment.EnrolmentConfirmed(proven.redirect_to, codes)))

    async def exchange(self, request: Request) -> Answer:
        """Make active what was confirmed at the hosted page, once, for the session that asked.

        Give the subject that is signed in now: another than the one it was begun for is refused.
        """
        asked: wire_enrolment.EnrolmentExchange = request.payload
        try:
            shown = await self._flow.exchange(app_of(request), asked.code, asked.code_verifier, asked.subject)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(shown_of(shown)))


def _id(request: Request) -> bytes:
    return ids.from_text(ids.AUTHENTICATOR, request.key)


def _key(key: AuthenticatorKey) -> wire_enrolment.EnrolmentKey:
    return wire_enrolment.EnrolmentKey(
        *(base32.write(key.secret), write_key_uri(key), key.issuer, key.account, key.algorithm, key.digits, key.period)
    )
