"""Magic links, hosted code pages and the exchange over HTTP.

Not handled here: shapes (``wire_magic_link.py``), every rule about them (``flows/magic_link.py``), the pages
themselves (``pages.py``).

Rules: proofs come in bodies, never in an address; an unknown id, an id of something that has no such page and a
wrong proof get one and the same answer; ``open`` of a link answers everybody alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import UNSET

from watchword.core import binary, ids
from watchword.core.instant import rfc3339
from watchword.core.magic_link import PROOF_SIZE
from watchword.errors import InvalidInputError, UnauthenticatedError, UnknownError
from watchword.flows.magic_link import MagicLinks, PageSeen
from watchword.web import wire, wire_magic_link
from watchword.web.api.verification import UNKNOWN, read_action, show
from watchword.web.device_cookie import DeviceCookie
from watchword.web.exchange import JSON, Answer, Request

NOTHING = "There is nothing to open here. Is the address complete?"


class MagicLinkApi:
    """The endpoints of links, hosted pages and the exchange."""

    def __init__(self, magic_links: MagicLinks, public_url: str) -> None:
        self._flow = magic_links
        self._cookie = DeviceCookie(public_url)

    async def open(self, request: Request) -> Answer:
        """Give what the landing page shows, sealed under a key that follows from the link.

        Everybody is answered alike: without the link the answer cannot be told from that for an id that nobody made.
        """
        try:
            raw = ids.from_text(ids.VERIFICATION, request.key)
        except UnknownError:
            raw = None
        context = await self._flow.open(raw, request.client)
        return Answer(200, wire.encode(wire_magic_link.LinkContext(context)))

    async def proceed(self, request: Request) -> Answer:
        """Say where the browser goes on. Spends nothing: only the session that asked can do something with it."""
        asked: wire_magic_link.LinkProof = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            to = await self._flow.proceed(_id(request), proof, request.client)
        return Answer(200, wire.encode(wire_magic_link.Redirect(to)))

    async def confirm(self, request: Request) -> Answer:
        """Confirm from another device, with the first word, which the device that asked shows.

        Three wrong words close this way, and no other. This browser gets nothing: the session that asked collects.
        """
        asked: wire_magic_link.LinkWord = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            await self._flow.confirm(_id(request), proof, asked.word, request.client)
        return Answer(200, wire.encode(wire_magic_link.Confirmed()))

    async def look(self, request: Request) -> Answer:
        """Give what the hosted code page shows. Changes nothing."""
        asked: wire_magic_link.PageProof = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            seen = await self._flow.look(_id(request), proof, request.client)
        return Answer(200, wire.encode(_seen(seen)))

    async def check(self, request: Request) -> Answer:
        """Confirm with a right code, and say where the browser goes on.

        Wrong codes count in the same attempts and budgets as those that the app checks. A right one may be given again
        until the app has collected, so that a reload loses nothing. At the service's own page, a right code leaves the
        cookie `__Host-watchword-device`, which gives that recipient limits of their own in that browser.
        """
        asked: wire_magic_link.PageCode = request.payload
        proof, device = read_proof(asked.proof), self._cookie.read(request)
        with nothing_here():
            right = await self._flow.check(_id(request), proof, asked.code, request.client, device)
        headers = None if device is None else DeviceCookie.write(right.device)
        return Answer(200, wire.encode(wire_magic_link.CodeConfirmed(right.redirect_to)), JSON, headers)

    async def challenge(self, request: Request) -> Answer:
        """Give a piece of work, in ALTCHA's form, for the next time the message is sent.

        It counts once, for that send of that verification, for five minutes.
        """
        asked: wire_magic_link.PageProof = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            given = await self._flow.challenge(_id(request), proof, request.client)
        return Answer(200, wire.encode(given))

    async def resend(self, request: Request) -> Answer:
        """Send the message again, with the same code and link; or for the first time, where it was held for `work`."""
        asked: wire_magic_link.PageSend = request.payload
        proof = read_proof(asked.proof)
        with nothing_here():
            seen = await self._flow.resend(_id(request), proof, request.client, asked.work, self._cookie.read(request))
        return Answer(200, wire.encode(_seen(seen)))

    async def exchange(self, request: Request) -> Answer:
        """Approve, once, for the session that asked: its verifier, with a hand-off code or the id of what is confirmed.

        Everything else is a problem that says why, for your backend and not the person. A later exchange is `used`, so
        that a reload of your callback undoes nothing.
        """
        asked: wire_magic_link.Exchange = request.payload
        if request.app is None:
            raise UnauthenticatedError
        try:
            raw = None if asked.id is None else ids.from_text(ids.VERIFICATION, asked.id)
            shown = await self._flow.exchange(
                *(request.app, raw, asked.code, asked.code_verifier),
                purpose=asked.purpose,
                to=asked.to,
                action=read_action(asked.action),
            )
        except UnknownError:
            raise UnknownError(UNKNOWN) from None
        return Answer(200, wire.encode(show(ids.to_text(ids.VERIFICATION, shown.verification.id), shown)))


def read_proof(text: str) -> bytes:
    """A proof out of a body."""
    try:
        return binary.decode_exactly(text, PROOF_SIZE)
    except ValueError:
        raise InvalidInputError(f"This must be {PROOF_SIZE} bytes in unpadded base64url.", field="proof") from None


def _id(request: Request) -> bytes:
    return ids.from_text(ids.VERIFICATION, request.key)


@contextmanager
def nothing_here() -> Iterator[None]:
    """One answer for everything that is not there, or not for whoever asks."""
    try:
        yield
    except UnknownError:
        raise UnknownError(NOTHING) from None


def _seen(seen: PageSeen) -> wire_magic_link.PageShown:
    shown = seen.shown
    verification = shown.verification
    return wire_magic_link.PageShown(
        status=shown.status.value,
        app=seen.app,
        purpose=verification.purpose,
        channel=verification.channel,
        to=shown.to,
        watchword=shown.watchword,
        digits=verification.digits,
        created_at=rfc3339(verification.created_at),
        expires_at=rfc3339(verification.expires_at),
        resend_at=rfc3339(verification.resend_at),
        sends_remaining=verification.sends_remaining,
        attempts_remaining=verification.attempts_remaining,
        action=seen.action or UNSET,
        challenge=wire.PROOF_OF_WORK if verification.is_held else UNSET,
        redirect_to=seen.redirect_to or UNSET,
    )
