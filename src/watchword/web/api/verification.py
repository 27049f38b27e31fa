"""Verifications over HTTP: create, check, resend, cancel, get.

Not handled here: keys, sizes, shapes (``gate.py``), every rule about verifications (``flows/verification.py``).

Rules: no answer holds a code; whatever was not accepted leaves as an error, so that a 2xx is always a yes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from watchword.core import ids
from watchword.core.action import Action
from watchword.core.app import App
from watchword.core.delivery import Delivery
from watchword.core.instant import rfc3339
from watchword.core.magic_link import page_url, write_methods
from watchword.errors import UnauthenticatedError, UnknownError
from watchword.flows.verification import Request as Asked
from watchword.flows.verification import Shown, Verifications
from watchword.web import rate_limit, wire
from watchword.web.exchange import JSON, Answer, Request

Verb = Callable[[App, bytes], Awaitable[Shown]]

UNKNOWN = "No verification of that id in this app."
_REPLAYED = [(b"idempotency-replayed", b"true")]


class VerificationApi:
    """The endpoints of verifications."""

    def __init__(self, verifications: Verifications, public_url: str) -> None:
        self._flow = verifications
        self._public_url = public_url

    async def create(self, request: Request) -> Answer:
        """Make a verification and send its code. The message is queued in the same step, so it survives a crash.

        The code is in no answer. Show both words of the watchword on your page: the mail carries the second.
        """
        new: wire.NewVerification = request.payload
        shown = await self._flow.create(_app(request), _asked(new, request.headers.get(b"idempotency-key")))
        name = ids.to_text(ids.VERIFICATION, shown.verification.id)
        page = UNSET if shown.ticket is None else page_url(self._public_url, name, shown.ticket)
        headers = _REPLAYED if shown.replayed else rate_limit.of_answer(shown.left)
        return Answer(201, wire.encode(show(name, shown, page=page)), JSON, headers)

    async def check(self, request: Request) -> Answer:
        """Accept a right code, once. Everything else is a problem that says why, for your backend and not the person.

        Give `purpose` and `to`: a code that was sent for something else, or to somebody else, is then not accepted.
        What was made with an `action` must be given the same one again.
        """
        check: wire.Check = request.payload
        try:
            raw = ids.from_text(ids.VERIFICATION, request.key)
            shown = await self._flow.check(
                *(_app(request), raw, check.code),
                purpose=check.purpose,
                to=check.to,
                action=read_action(check.action),
            )
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(show(request.key, shown)), JSON, rate_limit.of_answer(shown.left))

    async def resend(self, request: Request) -> Answer:
        """Send the message again, with the same code, so that a mail that is still on its way stays valid."""
        return await self._simple(self._flow.resend, request)

    async def cancel(self, request: Request) -> Answer:
        """Withdraw a verification for good. What still waits to be sent is not sent; cancelling twice is no error."""
        return await self._simple(self._flow.cancel, request)

    async def get(self, request: Request) -> Answer:
        """Show a verification, and what became of each time its message was sent."""
        shown = await self._found(self._flow.get, request)
        return Answer(200, wire.encode(show(request.key, shown, with_deliveries=True)))

    async def _simple(self, verb: Verb, request: Request) -> Answer:
        shown = await self._found(verb, request)
        return Answer(200, wire.encode(show(request.key, shown)), JSON, rate_limit.of_answer(shown.left))

    async def _found(self, verb: Verb, request: Request) -> Shown:
        try:
            return await verb(_app(request), ids.from_text(ids.VERIFICATION, request.key))
        except UnknownError:
            raise UnknownError(UNKNOWN) from None


def _app(request: Request) -> App:
    """The app that asks. The gate has found it; a route without a guard must fail, not fall open."""
    if request.app is None:
        raise UnauthenticatedError
    return request.app


def read_action(action: wire.NewAction | None) -> Action | None:
    """An action as it came in."""
    return None if action is None else Action(action.template, action.params)


def _asked(new: wire.NewVerification, idempotency_key: bytes | None) -> Asked:
    requester = new.requester
    return Asked(
        channel=new.channel,
        to=new.to,
        purpose=new.purpose,
        methods=new.methods,
        locale=new.locale,
        expires_in=new.expires_in,
        digits=new.digits,
        source=requester.ip if requester else None,
        user_agent=requester.user_agent if requester else None,
        known_device=requester.known_device if requester else False,
        link=new.link,
        action=read_action(new.action),
        decoy=new.decoy is True,
        notice_acknowledged=new.notice_acknowledged,
        subject=new.subject,
        idempotency_key=None if idempotency_key is None else idempotency_key.decode("latin-1"),
        fingerprint=b"" if idempotency_key is None else wire.canonical(new if new.decoy else replace(new, decoy=UNSET)),
    )


def show(
    name: str, shown: Shown, *, with_deliveries: bool = False, page: str | UnsetType = UNSET
) -> wire.VerificationShown:
    """A verification as the API has it."""
    verification = shown.verification
    return wire.VerificationShown(
        name,
        shown.status.value,
        verification.channel,
        shown.to,
        verification.purpose,
        write_methods(verification.methods),
        shown.watchword,
        rfc3339(verification.expires_at),
        rfc3339(verification.created_at),
        verification.attempts_remaining,
        rfc3339(verification.resend_at),
        verification.sends_remaining,
        page,
        [_delivery(verification.channel, each) for each in shown.deliveries] if with_deliveries else UNSET,
        wire.PROOF_OF_WORK if verification.is_held else UNSET,
    )


def _delivery(channel: str, delivery: Delivery) -> wire.DeliveryShown:
    tls = delivery.tls
    return wire.DeliveryShown(
        at=rfc3339(delivery.at),
        channel=channel,
        status=delivery.status.value,
        transport=delivery.transport or None,
        reason=delivery.reason or UNSET,
        tls=wire.Tls(tls.version, tls.cipher, tls.fingerprint) if tls else UNSET,
    )
