"""Problem documents become the errors they were, and anything else becomes ``UnavailableError``."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.answers import problem
from watchword import errors
from watchword.client import problems
from watchword.web import problems as written

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WatchwordError)]
REASONS = [kind for kind in CLASSES if issubclass(kind, errors.NotAcceptedError) and "reason" in vars(kind)]


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if "code" in vars(kind)], ids=lambda kind: kind.__name__)
def test_every_code_is_read_as_its_class(kind: type[errors.WatchwordError]) -> None:
    expected = errors.UnavailableError if kind is errors.WatchwordError else kind

    assert type(problems.read(400, problem(kind.code), None)) is expected


@pytest.mark.parametrize("kind", REASONS[1:], ids=lambda kind: kind.__name__)
def test_every_reason_of_a_proof_that_was_not_accepted_is_read_as_its_class(
    kind: type[errors.NotAcceptedError],
) -> None:
    found = problems.read(422, problem("not_accepted", reason=kind.reason, attempts_remaining=3), None)

    assert type(found) is kind
    assert isinstance(found, errors.NotAcceptedError)
    assert found.attempts_remaining == 3


def an_error(kind: type[errors.WatchwordError]) -> errors.WatchwordError:
    return errors.DeliveryError(reason="refused") if kind is errors.DeliveryError else kind()


@pytest.mark.parametrize("kind", written.TABLE, ids=lambda kind: kind.__name__)
def test_what_the_service_writes_is_read_as_the_same_class(kind: type[errors.WatchwordError]) -> None:
    answer = written.answer(an_error(kind))

    # What is the service's own fault is told to nobody outside, and what HTTP refuses is no class of errors.py.
    hidden = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR or issubclass(kind, written.HttpError)
    # Of the parent itself the service says that the code does not match, which has a class.
    precise = errors.MismatchError if kind is errors.NotAcceptedError else kind
    assert type(problems.read(answer.status, answer.body, None)) is (errors.UnavailableError if hidden else precise)


def test_facts_survive_the_way_through_a_problem_document() -> None:
    for error in (errors.MismatchError(attempts_remaining=0), errors.InvalidInputError("No.", field="requester.ip")):
        answer = written.answer(error)

        assert vars(problems.read(answer.status, answer.body, None)) == vars(error)


def test_a_reason_that_is_not_known_is_still_not_accepted() -> None:
    found = problems.read(422, problem("not_accepted", reason="tides"), None)

    assert type(found) is errors.NotAcceptedError
    assert found.attempts_remaining is None


def test_a_reason_decides_only_under_not_accepted() -> None:
    assert type(problems.read(403, problem("forbidden", reason="expired"), None)) is errors.ForbiddenError


def test_the_detail_is_what_the_caller_reads() -> None:
    assert str(problems.read(404, problem("unknown", detail="Nothing here."), None)) == "Nothing here."


def test_a_class_has_its_own_sentence_where_there_is_no_detail() -> None:
    assert str(problems.read(404, problem("unknown"), None)) == errors.UnknownError.sentence


@pytest.mark.parametrize(
    ("header", "expected"),
    [("17", 17), (" 30 ", 30), ("0", 1), (None, 1), ("", 1), ("-5", 1), ("soon", 1), ("²", 1), ("9" * 5000, 1)],
)
def test_retry_after_is_whole_seconds_and_at_least_one(header: str | None, expected: int) -> None:
    found = problems.read(429, problem("rate_limited"), header)

    assert isinstance(found, errors.RateLimitedError)
    assert found.retry_after == expected


def test_a_refused_input_names_its_first_field() -> None:
    fields = [{"field": "to", "message": "No."}, {"field": "digits", "message": "No."}]

    found = problems.read(422, problem("invalid", errors=fields), None)

    assert isinstance(found, errors.InvalidInputError)
    assert found.field == "to"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"null",
        b"[]",
        b'"not_accepted"',
        b"{}",
        b'{"code": null}',
        b'{"code": 5}',
        b'{"code": "tides"}',
        b'{"code": "approved"}',
        b'{"code": "not_accepted", "attempts_remaining": "many"}',
        b'{"code": "unknown", "detail": "\xff"}',
        b"[" * 100_000,
        b'{"code": "unknown", "extra": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_problem_of_the_service_means_that_it_is_unavailable(body: bytes) -> None:
    assert type(problems.read(500, body, None)) is errors.UnavailableError


def test_a_problem_of_the_service_that_has_no_class_keeps_its_sentence() -> None:
    body = problem("timed_out", type="urn:watchword:problem:timed_out", detail="It was not ready in time.")

    found = problems.read(503, body, None)

    assert type(found) is errors.UnavailableError
    assert str(found) == "It was not ready in time."


def test_a_redirect_is_named_as_what_it_is() -> None:
    assert "redirect" in str(problems.read(307, b"", None))


@given(status=st.integers(100, 599), body=st.binary(), header=st.none() | st.text())
def test_any_answer_at_all_is_some_error_of_ours(status: int, body: bytes, header: str | None) -> None:
    assert isinstance(problems.read(status, body, header), errors.WatchwordError)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    code=st.sampled_from(CLASSES).map(lambda kind: kind.code),
    members=st.dictionaries(
        st.sampled_from(["detail", "reason", "attempts_remaining", "errors", "status", "type"]), _JSON
    ),
)
def test_a_known_code_with_any_members_is_some_error_of_ours(code: str, members: dict[str, object]) -> None:
    body = json.dumps({"code": code} | members).encode()

    assert isinstance(problems.read(422, body, None), errors.WatchwordError)
