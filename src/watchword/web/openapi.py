"""The OpenAPI 3.1 document, written from the route table and the wire types, and never by hand.

Not handled here: the routes themselves (``app.py``), the page that shows the document (``docs_page.py``).

Rule: every status that a route may answer is listed, also those that any request may meet at the gate, so that a
client generated from the document has no surprise.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from watchword.errors import IdempotencyReusedError
from watchword.flows.authenticator_seal import MOST_SUBJECT
from watchword.flows.idempotency import MAX_IDEMPOTENCY_KEY
from watchword.web import wire_authenticator, wire_enrolment, wire_magic_link, wire_notice
from watchword.web.exchange import JSON, OCTETS, PROBLEM, Kind
from watchword.web.problems import Problem
from watchword.web.route import Auth, Refusal, Route
from watchword.web.services import WebConfig

Document = dict[str, Any]

_REF = "#/components/schemas/{name}"
_EXAMPLE_ID = "vf_AaHuVl4AAWEQ5XgbzM6mlg"
_ABOUT = (
    "Sends one-time passcodes by email and checks them; keeps sealed secrets that it cannot open. "
    "A proof that is not accepted is never a 2xx: a client that looks only at the status fails closed. "
    "Errors are problems (RFC 9457); `code` is stable, `detail` is for people."
)

_ALWAYS = (
    Refusal(400, "the request cannot be read: a header that is absent, malformed or there twice, a key in the address"),
    Refusal(421, "in development mode, a host that is not the printed loopback address"),
    Refusal(500, "something broke that nobody expected"),
    Refusal(503, "the process has all the work it may take, or the answer was not ready in time"),
)
_WITH_BODY = (
    Refusal(408, "the body did not arrive in time"),
    Refusal(413, "the body is longer than a body may be"),
    Refusal(415, "the body is not declared as JSON"),
    Refusal(422, "a field does not hold what it must"),
)
_WITH_TOKEN = (Refusal(401, "no manage token, or not that of this secret; unknown ids are answered the same"),)
_WITH_KEY = (Refusal(401, "no API key, or not a valid one"),)

_SHOWN: Document = {
    "id": _EXAMPLE_ID,
    "status": "pending",
    "channel": "email",
    "to": "a***@example.com",
    "purpose": "login",
    "methods": ["code"],
    "watchword": "copper lantern",
    "expires_at": "2026-11-23T14:12:11.000Z",
    "created_at": "2026-11-23T14:02:11.000Z",
    "attempts_remaining": 5,
    "resend_at": "2026-11-23T14:02:41.000Z",
    "sends_remaining": 4,
}
_DELIVERY: Document = {
    "at": "2026-11-23T14:02:11.480Z",
    "channel": "email",
    "status": "sent",
    "transport": "T1",
    "tls": {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "certificate_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
}
_SECRET_ID = "sc_AAECAwQFBgcICQoLDA0ODw"  # noqa: S105 - an example
_PROOF = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
_CLAIM = "AAECAwQFBgcICQoLDA0ODw"
_ENVELOPE: Document = {
    "v": 1,
    "nonce": _CLAIM,
    "jwe": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAECAwQFBgcICQoL.c2VhbGVk.AAECAwQFBgcICQoLDA0ODw",
}
_SEEN_SECRET: Document = {
    "state": "waiting",
    "expires_at": "2026-11-24T14:02:11.000Z",
    "views_remaining": 1,
    "nonce": _CLAIM,
}
_OPENED: Document = {"opened_at": "2026-11-23T14:05:40.000Z", "ended_at": "2026-11-23T14:05:40.000Z"}
_SECRET_STATUS: Document = {
    "id": _SECRET_ID,
    "state": "waiting",
    "created_at": "2026-11-23T14:02:11.000Z",
    "expires_at": "2026-11-24T14:02:11.000Z",
    "views": 1,
    "views_remaining": 1,
}
# What an operation answers, where it is not what the shape's own example says.
_ANSWERS: dict[str, Document] = {
    "check_verification": _SHOWN | {"status": "approved"},
    "get_verification": _SHOWN | {"deliveries": [_DELIVERY]},
    "resend_verification": _SHOWN | {"resend_at": "2026-11-23T14:03:52.000Z", "sends_remaining": 3},
    "acknowledge_secret": {
        "state": "opened",
        "expires_at": "2026-11-24T14:02:11.000Z",
        "views_remaining": 0,
        **_OPENED,
    },
    "burn_secret": _SECRET_STATUS | {"state": "burnt", "ended_at": "2026-11-23T15:00:00.000Z"},
    "cancel_verification": _SHOWN | {"status": "canceled"},
    "exchange": _SHOWN | {"status": "approved", "methods": ["code", "link"]},
    **wire_authenticator.ANSWERS,
}
_EXAMPLES: dict[str, Document] = {
    "NewVerification": {"channel": "email", "to": "ann@example.com", "purpose": "login"},
    "Check": {"code": "271 828", "purpose": "login", "to": "ann@example.com"},
    "VerificationShown": _SHOWN,
    "Health": {"status": "ok"},
    "NewSecret": {"envelope": _ENVELOPE, "link_hash": _PROOF, "views": 1},
    "SecretMade": {"id": _SECRET_ID, "expires_at": "2026-11-24T14:02:11.000Z", "views": 1, "manage_token": _PROOF},
    "Link": {"link": _PROOF},
    "SecretSeen": _SEEN_SECRET,
    "NewClaim": {"link": _PROOF, "claim": _CLAIM},
    "SecretGranted": {
        "envelope": _ENVELOPE,
        "lease_expires_at": "2026-11-23T14:20:40.000Z",
        "views_remaining": 0,
    },
    "NewCode": {"link": _PROOF, "claim": _CLAIM, "code": "271 828"},
    "Enrolled": {"status": "enrolled", "at": "2026-11-23T14:02:40.000Z"},
    "NewAck": {"link": _PROOF, "claim": _CLAIM, "outcome": "read"},
    "SecretStatus": _SECRET_STATUS,
    "BlobArrived": {"received": 1024, "size": 1024, "complete": True},
    **wire_authenticator.EXAMPLES,
    **wire_enrolment.EXAMPLES,
    **wire_magic_link.EXAMPLES,
    **wire_notice.EXAMPLES,
}


_LIMITS: Document = {
    "RateLimit-Policy": {
        "description": "A recipient's limits: counts `q` in windows of `w` seconds. Not where none are set.",
        "schema": {"type": "string"},
        "example": '"sends";q=3;w=600, "sends1";q=10;w=86400',
    },
    "RateLimit": {
        "description": "What the tightest limit takes still, `r`, and in how many seconds it takes one more, `t`.",
        "schema": {"type": "string"},
        "example": '"sends";r=2;t=200',
    },
}
_SECURITY: dict[Auth, list[Document]] = {
    Auth.APP: [{"key": []}],
    Auth.OPTIONAL: [{}, {"key": []}],
    Auth.MAKER: [{"maker": []}],
}
_NAMES = {
    "verifications": "verification",
    "magic links": "verification",
    "hosted pages": "verification",
    "secrets": "secret",
    "authenticators": "authenticator",
    "enrolment pages": "authenticator",
}
_EXAMPLE_IDS = {"secrets": _SECRET_ID, "authenticators": wire_authenticator.EXAMPLE_ID}
_EXAMPLE_IDS["enrolment pages"] = wire_authenticator.EXAMPLE_ID


def openapi(routes: Sequence[Route], config: WebConfig) -> Document:
    """The document for a table of routes."""
    shown = [route for route in routes if not route.hidden]
    shapes = {shape for route in shown for shape in (route.takes, route.gives) if isinstance(shape, type)}
    _, schemas = msgspec.json.schema_components(
        sorted(shapes | {Problem}, key=lambda shape: shape.__name__), ref_template=_REF
    )
    paths: Document = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchword",
            "version": version("watchword"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": config.public_url}],
        "paths": paths,
        "components": {
            "schemas": {name: _trimmed(schema) for name, schema in schemas.items()},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An app's API key, `wk_` and 43 characters.",
                },
                "maker": {"type": "http", "scheme": "bearer", "description": "The manage token of one secret."},
            },
        },
    }


def _operation(route: Route) -> Document:
    operation: Document = {
        "operationId": route.name,
        "summary": route.summary,
        "description": inspect.getdoc(route.endpoint) or route.summary,
        "tags": [route.tag],
        "responses": {str(route.status): _success(route)} | _refusals(route),
    }
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if route.auth is not Auth.ANYBODY:
        operation["security"] = _SECURITY[route.auth]
    if route.takes is not None:
        name = route.takes.__name__
        content = {"schema": {"$ref": _REF.format(name=name)}}
        if name in _EXAMPLES:
            content["example"] = _EXAMPLES[name]
        operation["requestBody"] = {"required": not route.optional, "content": {JSON.media: content}}
    if route.streams:
        content = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {OCTETS.media: content}}
    return operation


def _parameters(route: Route) -> list[Document]:
    parameters: list[Document] = []
    if "{id}" in route.path:
        parameters.append(
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": f"What the 201 called the {_NAMES[route.tag]}. Any other text is simply unknown.",
                "schema": {"type": "string"},
                "example": _EXAMPLE_IDS.get(route.tag, _EXAMPLE_ID),
            }
        )
    if route.name in {"list_authenticators", "list_notice_addresses"}:
        about = "Your own name for the person, once and nothing else."
        text = {"type": "string", "minLength": 1, "maxLength": MOST_SUBJECT}
        parameters.append({"name": "subject", "in": "query", "required": True, "description": about, "schema": text})
    if "{n}" in route.path:
        about = "Which file, counted from 0."
        number = {"type": "integer", "minimum": 0}
        parameters.append({"name": "n", "in": "path", "required": True, "description": about, "schema": number})
        if route.method == "PUT":
            about, header = "Where the body belongs, to resume; `bytes */SIZE` asks how much arrived.", "Content-Range"
        else:
            about, header = "The claim that was granted.", "Watchword-Claim"
        text = {"type": "string"}
        parameters.append({"name": header, "in": "header", "required": False, "description": about, "schema": text})
    if route.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Sent again within 24 hours with the same request, it makes and sends nothing new. "
                f"With another request it is a 422 `{IdempotencyReusedError.code}`.",
                "schema": {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY},
            }
        )
    return parameters


def _success(route: Route) -> Document:
    gives = route.gives
    answer: Document = {"description": "Done."}
    if isinstance(gives, Kind):
        answer["content"] = {gives.media: {"schema": {"type": "string"}}}
    elif gives is not None:
        name = gives.__name__
        example = _ANSWERS.get(route.name) or _EXAMPLES[name]
        answer["content"] = {JSON.media: {"schema": {"$ref": _REF.format(name=name)}, "example": example}}
    headers = dict(_LIMITS) if route.limited else {}
    if route.idempotent:
        headers["Idempotency-Replayed"] = {
            "description": "There, and `true`, where an earlier request with this key had made it.",
            "schema": {"type": "string", "const": "true"},
        }
    return answer | {"headers": headers} if headers else answer


def _refusals(route: Route) -> Document:
    refusals = [*_ALWAYS, *route.refusals]
    if route.auth is Auth.APP:
        refusals += _WITH_KEY
    if route.auth is Auth.MAKER:
        refusals += _WITH_TOKEN
    if route.takes is not None:
        refusals += _WITH_BODY
    told: dict[int, list[str]] = {}
    for status, when in ((refusal.status, refusal.when) for refusal in refusals):
        told.setdefault(status, []).append(when)
    return {str(status): _problem(status, told[status], limited=route.limited) for status in sorted(told)}


def _problem(status: int, when: list[str], *, limited: bool) -> Document:
    text = "; or ".join(dict.fromkeys(when))
    problem: Document = {
        "description": text[0].upper() + text[1:] + ".",
        "content": {PROBLEM.media: {"schema": {"$ref": _REF.format(name="Problem")}}},
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = {"type": "integer", "minimum": 1}
        problem["headers"] = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": wait}}
        problem["headers"] |= _LIMITS if limited else {}
    if status == HTTPStatus.UNAUTHORIZED:
        challenge = {"type": "string"}
        problem["headers"] = {"WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": challenge}}
    return problem


def _trimmed(schema: Document) -> Document:
    """A schema without the titles that repeat its name."""
    return {key: value for key, value in schema.items() if key != "title"}
