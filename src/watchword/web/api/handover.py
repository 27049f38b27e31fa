"""Hand-overs over HTTP: made by an app's backend, confirmed by whoever holds the link.

Not handled here: keys, sizes, shapes (``gate.py``, ``wire_authenticator.py``, ``wire_secret.py``), every rule about
hand-overs (``flows/handover.py``).

Rules: the link is in the answer to its making and in no other; an unknown id, a wrong link, a dead claim and a secret
that hands nothing over get one and the same answer.
"""

from __future__ import annotations

from watchword.core import ids
from watchword.core.instant import SECOND, rfc3339
from watchword.core.secret import CLAIM_SIZE, PROOF_SIZE
from watchword.errors import UnknownError
from watchword.flows.authenticator import NewAuthenticator
from watchword.flows.handover import Handovers, NewHandover
from watchword.web import wire, wire_authenticator, wire_secret
from watchword.web.api.authenticator import app_of, shown_of
from watchword.web.api.secret import UNKNOWN
from watchword.web.exchange import Answer, Request
from watchword.web.wire_secret import read_binary, write_binary


class HandoverApi:
    """The endpoints of hand-overs."""

    def __init__(self, handovers: Handovers, public_url: str) -> None:
        self._flow = handovers
        self._public_url = public_url

    async def create(self, request: Request) -> Answer:
        """Make an authenticator for a colleague, whose key travels behind a secret link instead of past you.

        The recipient opens the link, sets up their app and types its first code. Then the authenticator is active and
        the link is gone; five wrong codes make it void. Until then it is pending as long as the link lives, and gates
        and satisfies nothing. No recovery codes come of it: ask for a set where the account's owner is.
        """
        asked: wire_authenticator.NewHandover = request.payload
        rotate_by = None if asked.rotate_by is None else round(asked.rotate_by.timestamp() * SECOND)
        new = NewAuthenticator(
            asked.subject, asked.label, asked.issuer, asked.account, asked.algorithm, asked.digits, asked.period
        )
        made = await self._flow.create(app_of(request), NewHandover(new, asked.expires_in, asked.passphrase, rotate_by))
        shown, secret = shown_of(made.shown), made.shared.secret
        name, token = ids.to_text(ids.SECRET, secret.id), write_binary(made.shared.token)
        answer = wire_authenticator.AuthenticatorHandedOver(
            id=shown.id,
            status=shown.status,
            subject=shown.subject,
            label=shown.label,
            created_at=shown.created_at,
            expires_at=rfc3339(secret.expires_at),
            url=made.url,
            secret_id=name,
            manage_token=token,
            status_url=f"{self._public_url.rstrip('/')}/s/{name}/status#{token}",
        )
        return Answer(201, wire.encode(answer))

    async def confirm(self, request: Request) -> Answer:
        """Confirm an authenticator that was handed over, with the first code of the recipient's app.

        Five tries; the last wrong one makes it void. A right one makes it active and erases the link. The same again,
        where the answer was lost, is answered the same.
        """
        asked: wire_secret.NewCode = request.payload
        link = read_binary(asked.link, PROOF_SIZE, "link")
        claim = read_binary(asked.claim, CLAIM_SIZE, "claim")
        try:
            bound = await self._flow.confirm(ids.from_text(ids.SECRET, request.key), link, claim, asked.code)
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(wire_secret.Enrolled("enrolled", rfc3339(bound.confirmed_at or 0))))
