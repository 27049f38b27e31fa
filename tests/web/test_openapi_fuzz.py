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

# Limits would turn nearly every creation into the same 429; they have tests of their own.
_SITE = Site(rules=Rules(limits=Limits((), (), (), (), ())))
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]

schema = schemathesis.openapi.from_dict(_SITE.call("GET", "/openapi.json").json)
schema.app = _SITE.app


@pytest.fixture(scope="module", autouse=True)
def _site() -> Iterator[None]:
    yield
    _SITE.__exit__(None, None, None)


@schema.parametrize()
@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_gets_an_answer_that_the_document_does_not_know(case: Any) -> None:
    known = _SITE.create().json["id"]
    if case.path_parameters and len(str(case.path_parameters.get("id"))) % 2:
        case.path_parameters["id"] = known

    case.call_and_validate(headers={"Authorization": f"Bearer {_SITE.world.key}"}, checks=_CHECKS)


def test_zz():
    from collections import Counter
    print(Counter((l["method"],l["route"],l["status"]) for l in _SITE.log()))
