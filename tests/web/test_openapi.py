"""The document agrees with the table of routes, with the problems, and with what is really answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import jsonschema
import pytest

from tests.support.asgi import Reply
from tests.support.site import Site, a_request, an_unknown_id
from tests.support.world import wrong
from watchword.core.instant import SECOND
from watchword.web.app import routes
from watchword.web.route import Auth


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    """What the service publishes."""
    reply = site.call("GET", "/openapi.json")
    assert (200, "application/json") == (reply.status, reply.header("content-type"))
    return dict(reply.json)


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by method and path."""
    return {(method.upper(), path): told for path, each in document["paths"].items() for method, told in each.items()}


def test_it_holds_every_public_route_and_no_other(site: Site, document: dict[str, Any]) -> None:
    table = {(route.method, route.path) for route in routes(site.services) if not route.hidden}

    assert table == set(operations(document))


def test_it_is_of_the_promised_version(document: dict[str, Any]) -> None:
    assert "3.1.0" == document["openapi"]
    assert [{"url": "http://127.0.0.1:8000"}] == document["servers"]


def test_every_operation_has_its_own_id_and_words(document: dict[str, Any]) -> None:
    told = operations(document).values()

    assert len(told) == len({each["operationId"] for each in told})
    assert all(each["summary"] and each["description"] and each["tags"] for each in told)


def test_what_needs_a_key_says_so(site: Site, document: dict[str, Any]) -> None:
    for route in routes(site.services):
        if not route.hidden:
            told = operations(document)[route.method, route.path]
            needs_key = route.auth is not Auth.ANYBODY
            assert (needs_key, needs_key) == ("security" in told, "401" in told["responses"])


def test_whatever_is_no_2xx_is_a_problem(document: dict[str, Any]) -> None:
    for told in operations(document).values():
        for status, answer in told["responses"].items():
            assert HTTPStatus(int(status))
            if not status.startswith("2"):
                assert ["application/problem+json"] == list(answer["content"])


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the document's components within reach."""
    return {**schema, "components": document["components"]}


def test_every_example_is_of_its_own_shape(document: dict[str, Any]) -> None:
    checked = 0
    for told in operations(document).values():
        contents = [told.get("requestBody", {}), *told["responses"].values()]
        for content in (media for each in contents for media in each.get("content", {}).values()):
            if "example" in content:
                jsonschema.validate(content["example"], resolved(document, content["schema"]))
                checked += 1
    assert checked > 8


def agrees(document: dict[str, Any], method: str, path: str, reply: Reply) -> None:
    """Check an answer against the document."""
    told = operations(document)[method, path]["responses"][str(reply.status)]
    ((media, content),) = told["content"].items()
    assert media == reply.header("content-type")
    jsonschema.validate(reply.json, resolved(document, content["schema"]))


def test_real_answers_agree_with_the_document(site: Site, document: dict[str, Any]) -> None:
    create, one = "/v1/verifications", "/v1/verifications/{id}"
    address, code = site.sent()
    unknown = f"{create}/{an_unknown_id()}"

    agrees(document, "POST", create, site.create(to="bob@example.com"))
    agrees(document, "POST", create, site.create(digits=1))
    agrees(document, "POST", create, site.create(channel="sms"))
    agrees(document, "POST", create, site.call("POST", create, a_request()))
    agrees(document, "POST", create, site.post(create, b"{"))
    agrees(document, "POST", create, site.post(create, b"{", headers=[(b"content-type", b"application/json")]))
    agrees(document, "POST", create, site.post(create, b" " * 70_000))
    agrees(document, "GET", one, site.get(address))
    agrees(document, "GET", one, site.get(unknown))
    agrees(document, "POST", one + "/resend", site.post(f"{address}/resend"))
    site.world.clock.move(30 * SECOND)
    agrees(document, "POST", one + "/resend", site.post(f"{address}/resend"))
    agrees(document, "POST", one + "/check", site.post(f"{address}/check", {"code": wrong(code)}))
    agrees(document, "POST", one + "/check", site.post(f"{address}/check", {"code": code}))
    agrees(document, "POST", one + "/cancel", site.post(f"{address}/cancel"))
    agrees(document, "POST", one + "/cancel", site.post(f"{unknown}/cancel"))


def test_every_problem_code_is_on_the_page(site: Site) -> None:
    page = site.call("GET", "/docs").text

    for code in ("not_accepted", "rate_limited", "store_unavailable", "malformed", "idempotency_reused", "internal"):
        assert f"<code>{code}</code>" in page


def test_every_operation_has_a_section_with_a_command(site: Site, document: dict[str, Any]) -> None:
    page = site.call("GET", "/docs").text

    for (method, path), told in operations(document).items():
        assert f'id="{told["operationId"]}"' in page
        assert f"<code>{path}</code>" in page
        assert method in page
