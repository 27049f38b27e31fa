"""The table of problems is complete, and a problem says the right amount."""

from __future__ import annotations

import inspect
from http import HTTPStatus

import msgspec
import pytest

from watchword import errors
from watchword.errors import NotAcceptedError, RateLimitedError, StoreError, TamperedError, WatchwordError
from watchword.web import problems

KINDS = [
    kind
    for module in (errors, problems)
    for kind in vars(module).values()
    if inspect.isclass(kind) and issubclass(kind, WatchwordError) and kind is not problems.HttpError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_row(kind: type[WatchwordError]) -> None:
    status, title = problems.TABLE[kind]

    assert 400 <= HTTPStatus(status) < 600
    assert title


def test_a_proof_that_is_not_accepted_is_always_a_422() -> None:
    failed = {kind for kind in KINDS if issubclass(kind, NotAcceptedError)}

    assert 11 == len(failed)
    assert {422} == {problems.TABLE[kind].status for kind in failed}


def test_refusals_are_4xx_and_failures_of_ours_5xx() -> None:
    for kind in KINDS:
        ours = problems.TABLE[kind].status >= 500
        refused = issubclass(kind, errors.RefusedError)
        assert not (ours and refused), kind


def test_a_type_is_a_name_that_needs_no_host() -> None:
    assert "urn:watchword:problem:store_unavailable" == problems.problem(StoreError()).type


def test_a_failure_of_ours_keeps_its_detail_to_itself() -> None:
    told = problems.answer(StoreError("disk /var/lib/watchword is full")).body

    assert b"/var/lib" not in told
    assert msgspec.json.decode(told)["detail"] == errors.UnavailableError.sentence


def test_an_operator_reads_why() -> None:
    told = problems.answer(StoreError("the disk is full"), reveal=True).body

    assert "the disk is full" == msgspec.json.decode(told)["detail"]


def test_tampering_looks_like_any_internal_error() -> None:
    assert problems.internal().body == problems.answer(TamperedError("row 7")).body


def test_a_limit_says_when_to_come_back() -> None:
    answer = problems.answer(RateLimitedError(retry_after=42))

    assert answer.headers == [(b"retry-after", b"42")]
