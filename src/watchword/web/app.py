"""All routes on one page. The same table serves requests and writes the OpenAPI document.

Not handled here: what a route does (``api/*.py``, ``pages.py``, ``docs_page.py``, ``mailbox.py``), what happens
around each of them (``gate.py``).
"""

from __future__ import annotations

from watchword.web import wire
from watchword.web.api.health import HealthApi
from watchword.web.api.verification import VerificationApi
from watchword.web.docs_page import DocsPages
from watchword.web.exchange import METRICS
from watchword.web.gate import Gate
from watchword.web.mailbox import MailboxPages, Session
from watchword.web.pages import Assets, Pages
from watchword.web.route import Auth, Refusal, Route, Table
from watchword.web.services import Services

_V = "/v1/verifications"

_FIELD = Refusal(422, "a field does not hold what it must")
_REUSED = Refusal(422, "the idempotency key came with another request before")
_NOT_ACCEPTED = Refusal(422, "the code was not accepted: `reason` and `attempts_remaining` tell more")
_POLICY = Refusal(403, "the policy does not allow it, or the recipient must be bound again")
_CLOSED = Refusal(403, "too many wrong codes in a row: the recipient must be bound again")
_UNKNOWN = Refusal(404, "no verification of that id in this app")
_ENDED = Refusal(409, "it is over, or has no sends left")
_OVER = Refusal(409, "it ended in another way before")
_LIMITED = Refusal(429, "too many of this kind; nothing was sent or counted")
_STORE = Refusal(503, "a part of the service does not answer; nothing was lost")


def create_app(services: Services) -> Gate:
    """Put the web layer together."""
    return Gate(services, Table(routes(services)))


def routes(services: Services) -> list[Route]:
    """Every address there is. The hot ones come first."""
    api = [*verification_routes(services), *health_routes(services)]
    return [*api, *page_routes(services, api), *mailbox_routes(services)]


def verification_routes(services: Services) -> list[Route]:
    """Verifications."""
    api, tag, key = VerificationApi(services.verifications), "verifications", Auth.APP
    new, check, nothing, shown = wire.NewVerification, wire.Check, wire.Nothing, wire.VerificationShown
    # fmt: off
    return [
        Route("POST", _V, api.create, "create_verification", "Send a code", tag, key, takes=new, gives=shown,
              status=201, idempotent=True, refusals=(_FIELD, _REUSED, _POLICY, _LIMITED, _STORE)),
        Route("POST", _V + "/{id}/check", api.check, "check_verification", "Check a code", tag, key, takes=check,
              gives=shown, refusals=(_FIELD, _NOT_ACCEPTED, _CLOSED, _UNKNOWN, _LIMITED, _STORE)),
        Route("GET", _V + "/{id}", api.get, "get_verification", "Look at a verification", tag, key, gives=shown,
              refusals=(_UNKNOWN, _STORE)),
        Route("POST", _V + "/{id}/resend", api.resend, "resend_verification", "Send the same code again", tag, key,
              takes=nothing, optional=True, gives=shown, refusals=(_UNKNOWN, _ENDED, _LIMITED, _STORE)),
        Route("POST", _V + "/{id}/cancel", api.cancel, "cancel_verification", "Withdraw a verification", tag, key,
              takes=nothing, optional=True, gives=shown, refusals=(_UNKNOWN, _OVER, _STORE)),
    ]
    # fmt: on


def health_routes(services: Services) -> list[Route]:
    """What an operator's machinery asks."""
    api, tag, anybody = HealthApi(services), "operation", Auth.ANYBODY
    # fmt: off
    return [
        Route("GET", "/healthz", api.healthz, "healthz", "Is this process alive?", tag, anybody, gives=wire.Health,
              essential=True),
        Route("GET", "/readyz", api.readyz, "readyz", "Can the service do its work?", tag, anybody, gives=wire.Health,
              refusals=(_STORE,), essential=True),
        Route("GET", "/metrics", api.metrics, "metrics", "Figures for Prometheus", tag, anybody, gives=METRICS,
              essential=True),
    ]
    # fmt: on


def page_routes(services: Services, api: list[Route]) -> list[Route]:
    """Pages for people, and the document behind one of them."""
    pages, assets = Pages(services.config), Assets()
    docs = DocsPages(api, services.config, pages)
    return [
        Route("GET", "/", pages.landing, hidden=True),
        Route("GET", "/docs", docs.page, hidden=True),
        Route("GET", "/openapi.json", docs.document, hidden=True),
        Route("GET", "/static/{name}", assets.asset, hidden=True),
        Route("GET", "/static/vendor/qr/{name}", assets.vendored, hidden=True),
    ]


def mailbox_routes(services: Services) -> list[Route]:
    """The development mailbox. Anywhere else these addresses do not exist."""
    config, view = services.config, services.mailbox
    if view is None or config.mailbox_token is None:
        return []
    mailbox = MailboxPages(view, config, Pages(config))
    return [
        Route("GET", "/mailbox", mailbox.page, hidden=True),
        Route("POST", "/mailbox/session", mailbox.session, takes=Session, hidden=True),
        Route("GET", "/mailbox/mails", mailbox.mails, hidden=True),
        Route("GET", "/mailbox/latest.txt", mailbox.latest, hidden=True),
        Route("GET", "/mailbox/mails/{key}", mailbox.mail, hidden=True),
        Route("GET", "/mailbox/mails/{key}/html", mailbox.html, hidden=True),
    ]
