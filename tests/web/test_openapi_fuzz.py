"""Schemathesis reads our document and tries to catch us: no 5xx, no answer that the document does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.support.site import Site
from watchword.core.policy import Limits, Rules

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]


def published() -> dict[str, Any]:
    """The document, which decides what tests there are."""
    with Site() as site:
        return dict(site.call("GET", "/openapi.json").json)


served: list[Site] = []


async def front(scope: Any, receive: Any, send: Any) -> None:
    """What Schemathesis calls: it wants an application while tests are still being collected."""
    await served[-1].app(scope, receive, send)


schema = schemathesis.openapi.from_dict(published())
schema.app = front


@pytest.fixture(scope="module")
def unlimited() -> Iterator[Site]:
    """A service whose limits, which have tests of their own, do not turn every answer into the same 429."""
    with Site(rules=Rules(limits=Limits((), (), (), (), ()))) as site:
        served.append(site)
        yield site


@schema.parametrize()
@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_gets_an_answer_that_the_document_does_not_know(case: Any, unlimited: Site) -> None:
    if len(str((case.path_parameters or {}).get("id", ""))) % 2:
        # An id cannot be guessed: every other one is made to be known.
        case.path_parameters["id"] = unlimited.create().json["id"]

    case.call_and_validate(headers={"Authorization": f"Bearer {unlimited.world.key}"}, checks=CHECKS)


def test_there_was_something_to_try() -> None:
    assert len(published()["paths"]) >= 7
