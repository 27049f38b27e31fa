"""The development mailbox: a page like a webmail inbox, and its few answers.

Not handled here: what the mails are (``flows/mailbox.py``), rendering them (``adapters/letter.py``).

Rules:

* none of these addresses exists unless a token was minted, which happens in development mode only;
* they answer for the loopback host alone (the gate sees to it), to this machine alone and not through any proxy;
* whoever has the token, or the cookie that was given for it, may read; the page itself holds nothing, and takes
  the token out of its own address before anything else.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from http.cookies import CookieError, SimpleCookie

import msgspec

from watchword.core.instant import rfc3339
from watchword.errors import UnauthenticatedError, UnknownError
from watchword.web import wire
from watchword.web.exchange import JSON, MAIL, PAGE, TEXT, Answer, Request
from watchword.web.guards import bearer, is_forwarded, is_from_here
from watchword.web.pages import Pages
from watchword.web.problems import NoSuchPathError
from watchword.web.services import MailboxView, RenderedMail, WebConfig

PATIENCE = 5.0  # seconds that the newest mail is waited for
LOOK = 0.05  # seconds between two looks
COOKIE_LIFETIME = 86_400  # seconds; the token dies with the server anyway

Wait = Callable[[float], Awaitable[None]]


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page trades for a cookie."""

    token: str


class Listed(msgspec.Struct, frozen=True):
    """A mail in the list."""

    key: str
    to: str
    at: str
    subject: str


class Opened(msgspec.Struct, frozen=True):
    """A mail that is read. Its HTML has an address of its own, for a frame that may do nothing."""

    key: str
    to: str
    at: str
    subject: str
    text: str
    source: str


class MailboxPages:
    """The endpoints of the mailbox."""

    def __init__(self, view: MailboxView, config: WebConfig, pages: Pages, wait: Wait = asyncio.sleep) -> None:
        token = (config.mailbox_token or "").encode()
        if not token:
            raise ValueError("a mailbox without a token would be open to everybody")
        self._view = view
        self._token = token
        # The cookie must not be worth the token: cookies of 127.0.0.1 go to whatever listens on its other ports.
        self._ticket = hmac.digest(token, b"watchword mailbox cookie", "sha256").hex()
        self._cookie = f"watchword_mailbox_{config.loopback_host.rpartition(':')[2]}"
        self._page = pages.render("mailbox.html.jinja", origin=f"http://{config.loopback_host}")
        self._wait = wait

    async def page(self, request: Request) -> Answer:
        """The page. It holds no mail, so it needs no token."""
        _refuse_others(request)
        return Answer(200, self._page, PAGE)

    async def session(self, request: Request) -> Answer:
        """Trade the token for a cookie that scripts cannot read."""
        _refuse_others(request)
        session: Session = request.payload
        if not hmac.compare_digest(session.token.encode(), self._token):
            raise UnauthenticatedError("This is not the token that was printed last.")
        cookie = f"{self._cookie}={self._ticket}; Path=/mailbox; Max-Age={COOKIE_LIFETIME}; HttpOnly; SameSite=Strict"
        return Answer(200, wire.encode(wire.Health()), JSON, [(b"set-cookie", cookie.encode())])

    async def mails(self, request: Request) -> Answer:
        """The list, newest first."""
        self._admit(request)
        listed = [Listed(mail.key, mail.to, rfc3339(mail.at), mail.subject) for mail in await self._view.mails()]
        return Answer(200, wire.encode(listed))

    async def mail(self, request: Request) -> Answer:
        """One mail: its text and its source."""
        mail = await self._find(request)
        opened = Opened(mail.key, mail.to, rfc3339(mail.at), mail.subject, mail.text, mail.source)
        return Answer(200, wire.encode(opened))

    async def html(self, request: Request) -> Answer:
        """The HTML part of one mail, for the page's frame: no script, nothing remote."""
        mail = await self._find(request)
        return Answer(200, mail.html.encode(), MAIL)

    async def latest(self, request: Request) -> Answer:
        """The text of the newest mail, so that a command line can read its code: of one that is on its way, too."""
        self._admit(request)
        mails = await self._wait_for_mail()
        if not mails:
            raise UnknownError("There is no mail yet. Ask for a code first.")
        return Answer(200, mails[0].text.encode(), TEXT)

    async def _wait_for_mail(self) -> Sequence[RenderedMail]:
        for _ in range(int(PATIENCE / LOOK)):
            if not await self._view.awaits_more() and (mails := await self._view.mails()):
                return mails
            await self._wait(LOOK)
        return await self._view.mails()

    async def _find(self, request: Request) -> RenderedMail:
        self._admit(request)
        for mail in await self._view.mails():
            if mail.key == request.key:
                return mail
        raise UnknownError("This mail is not in the mailbox any more.")

    def _admit(self, request: Request) -> None:
        _refuse_others(request)
        if b"authorization" in request.headers:
            admitted = hmac.compare_digest(bearer(request), self._token)
        else:
            admitted = hmac.compare_digest(self._ticket_of(request).encode(), self._ticket.encode())
        if not admitted:
            raise UnauthenticatedError("The mailbox needs the token that was printed at the start.")

    def _ticket_of(self, request: Request) -> str:
        try:
            cookies = SimpleCookie(request.headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return ""
        morsel = cookies.get(self._cookie)
        return morsel.value if morsel else ""


def _refuse_others(request: Request) -> None:
    """A mailbox that a proxy or a network publishes would be everybody's: for them there is none."""
    if is_forwarded(request) or not is_from_here(request):
        raise NoSuchPathError
