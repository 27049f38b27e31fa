"""A small shop with a login: code or link by email, on this device or another one, and a step-up.

Not handled here: starting everything (`__main__.py`). Sessions live in memory, so that a restart signs everybody out.

Rules that every login with links needs:

* only what the service approved counts, for the address and the purpose that this browser's cookie says;
* a callback that comes twice, or in another browser, changes nothing and signs nobody out;
* a callback always redirects, so that no hand-off code stays in a history;
* a form is taken from our own pages alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader

import watchword.web
from examples.login.cookies import read_cookie, set_cookie
from watchword.client import AsyncClient, BrowserSession
from watchword.errors import (
    InvalidInputError,
    MismatchError,
    NotAcceptedError,
    NotConfirmedError,
    UnavailableError,
    UnknownError,
    WatchwordError,
)

HERE = Path(__file__).parent
ELEMENT = Path(watchword.web.__path__[0]) / "static" / "watchword-code.js"

Action = dict[str, Any]


@dataclass
class Session:
    """Somebody who is signed in, and what they have yet to approve."""

    email: str
    wants: Action | None = None
    done: list[str] = field(default_factory=list)


class Shop:
    """The pages."""

    def __init__(self, client: AsyncClient, origin: str) -> None:
        self.client = client
        self.redirect_uri = f"{origin}/callback"
        self.sessions: dict[str, Session] = {}
        loader = FileSystemLoader(HERE / "templates")
        self.templates = Environment(loader=loader, autoescape=True, trim_blocks=True)

    def page(self, template: str, title: str, **facts: Any) -> HTMLResponse:
        facts = {"problem": "", "session": None} | facts
        return HTMLResponse(self.templates.get_template(template).render(title=title, **facts))

    def session_of(self, request: Request) -> Session | None:
        return self.sessions.get(read_cookie(request, "session") or "")

    async def home(self, request: Request) -> Response:
        return self.page("home.html", "Harbour Shop", session=self.session_of(request))

    async def sign_in(
        self, request: Request, email: Annotated[str, Form()], hosted: Annotated[str, Form()] = ""
    ) -> Response:
        return await self._ask(request, email, hosted=bool(hosted))

    async def send(self, request: Request, amount: Annotated[str, Form()], payee: Annotated[str, Form()]) -> Response:
        session = self.session_of(request)
        if session is None:
            return to("/")
        session.wants = {"template": "send_money", "params": {"amount": f"EUR {amount}", "payee": payee}}
        return await self._ask(request, session.email, action=session.wants, hosted=True)

    async def _ask(self, request: Request, email: str, *, action: Action | None = None, hosted: bool) -> Response:
        """Send code and link, and bring the browser to where the code is typed."""
        browser = BrowserSession.begin(self.redirect_uri)
        try:
            made = await self.client.create(
                to=email,
                purpose="step_up" if action else "login",
                link=browser,
                action=action,
                requester_ip=request.client.host if request.client else None,
                user_agent=request.headers.get("user-agent"),
            )
        except WatchwordError as error:
            return self.page("home.html", "Harbour Shop", session=self.session_of(request), problem=error.detail)
        page_url = made.page_url or ""
        response = to(page_url if hosted else "/waiting")
        set_cookie(response, request, **browser.of(made.id, email).cookie())
        set_cookie(response, request, "__Host-page", page_url)
        return response

    async def waiting(self, request: Request) -> Response:
        return self.page("waiting.html", "Check your mail", page_url=read_cookie(request, "page") or "")

    async def callback(self, request: Request, code: str = "", state: str = "") -> Response:
        """Where a link and the page for the code lead back to."""
        return await self._collect(request, code=code, state=state)

    async def collect(self, request: Request) -> Response:
        """Confirmed on another device: this browser asked, so it collects, and brings no code."""
        return await self._collect(request)

    async def _collect(self, request: Request, **brought: str) -> Response:
        session = self.session_of(request)
        wants = session.wants if session else None
        try:
            browser = BrowserSession.read(read_cookie(request, "watchword"))
            purpose = "step_up" if wants else "login"
            await self.client.exchange(browser, purpose=purpose, action=wants, **brought)
        except NotConfirmedError:
            return to("/waiting")
        except (InvalidInputError, MismatchError):  # not what this browser asked for: a reload, or another browser
            return to("/" if session else "/elsewhere")
        except UnavailableError as error:  # treat it as not approved; what binds the browser is kept, to try again
            return self.page("home.html", "That did not work", session=session, problem=error.detail)
        except (NotAcceptedError, UnknownError):
            response = to("/over")
        else:
            response = self._approve(request, session, browser.to)
        set_cookie(response, request, **BrowserSession.forget())
        return response

    def _approve(self, request: Request, session: Session | None, email: str) -> Response:
        response = to("/")
        if session is not None and session.wants is not None:
            session.done.append("Sent {amount} to {payee}.".format_map(session.wants["params"]))
            session.wants = None
        else:
            token = token_urlsafe(32)
            self.sessions[token] = Session(email)
            set_cookie(response, request, "__Host-session", token)
        return response

    async def elsewhere(self, _: Request) -> Response:
        return self.page("elsewhere.html", "You asked somewhere else")

    async def over(self, request: Request) -> Response:
        session = self.session_of(request)
        if session is not None and session.wants is None:  # the other one of two callbacks has done it
            return to("/")
        problem = "It is over. Ask again."
        return self.page("home.html", "That did not work", session=session, problem=problem)

    async def sign_out(self, request: Request) -> Response:
        self.sessions.pop(read_cookie(request, "session") or "", None)
        return to("/")


def to(address: str) -> Response:
    """Go there, whatever this was. 303: a form is not sent on."""
    return RedirectResponse(address, 303)


def create_app(client: AsyncClient, service: str, origin: str) -> FastAPI:
    """The shop, for a service and the address that browsers know it by."""
    app, shop = FastAPI(openapi_url=None), Shop(client, origin)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src {service}; "
        f"form-action 'self' {service}; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    )

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method == "POST" and request.headers.get("sec-fetch-site") != "same-origin":
            return Response("This form came from somewhere else.", 403)
        response = await go_on(request)
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        response.headers.update(headers)
        return response

    for path in ("/sign-in", "/sign-out", "/send", "/collect"):
        app.post(path)(getattr(shop, path[1:].replace("-", "_")))
    for path in ("/waiting", "/callback", "/elsewhere", "/over"):
        app.get(path)(getattr(shop, path[1:]))
    app.get("/")(shop.home)
    # A copy of the service's file, from our own origin: nobody else's scripts run in our pages.
    app.get("/static/watchword-code.js")(lambda: FileResponse(ELEMENT, media_type="text/javascript"))
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    return app
