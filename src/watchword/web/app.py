"""All routes on one page. The same table serves requests and writes the OpenAPI document."""

from __future__ import annotations

from watchword.web import wire
from watchword.web.api.health import HealthApi
from watchword.web.api.verification import VerificationApi
from watchword.web.exchange import METRICS
from watchword.web.gate import Gate
from watchword.web.route import Auth, Refusal, Route, Table
from watchword.web.services import Services

_V = "/v1/verifications"

_UNKNOWN = Refusal(404, "no verification of that id in this app")
_STORE = Refusal(503, "a part of the service does not answer, or has all the work it may take; nothing was lost")
_LIMITED = Refusal(429, "too many of this kind; nothing was sent or counted")
_FIELD = Refusal(422, "a field does not hold what it must")
_POLICY = Refusal(403, "the policy does not allow it, or the recipient must be bound again")


def create_app(services: Services) -> Gate:
    """Put the web layer together."""
    return Gate(services, Table(routes(services)))


def routes(services: Services) -> list[Route]:
    """Every address there is."""
    verification = VerificationApi(services.verifications)
    health = HealthApi(services)
    shown = wire.VerificationShown
    return [
        Route(
            "POST", _V, verification.create, "Send a code", Auth.APP,
            takes=wire.NewVerification, gives=shown, status=201, idempotent=True,
            refusals=(_FIELD, _POLICY, _LIMITED, _STORE),
        ),
        Route(
            "GET", _V + "/{id}", verification.get, "Look at a verification and its deliveries", Auth.APP,
            gives=shown, refusals=(_UNKNOWN, _STORE),
        ),
        Route(
            "POST", _V + "/{id}/check", verification.check, "Check a code", Auth.APP,
            takes=wire.Check, gives=shown,
            refusals=(_FIELD, _UNKNOWN, _POLICY, _LIMITED, _STORE),
        ),
        Route("GET", "/healthz", health.healthz, gives=wire.Health, essential=True),
        Route("GET", "/metrics", health.metrics, gives=METRICS, essential=True),
    ]
