"""The tree of errors: codes are stable, facts are carried, and the drawing is the tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from watchword import errors
from watchword.errors import (
    DeliveryError,
    EndedError,
    InvalidInputError,
    MismatchError,
    NotAcceptedError,
    RateLimitedError,
    SettingsError,
    WatchwordError,
)


def family(root: type[WatchwordError]) -> Iterator[type[WatchwordError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from family(child)


ALL = list(family(WatchwordError))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = re.findall(r"[├└]─ (\w+Error)", errors.__doc__)
    assert {"WatchwordError", *drawn} == {each.__name__ for each in ALL}


def test_every_error_has_a_sentence_of_its_own_words() -> None:
    assert all(each.sentence.endswith(".") and each.__name__.endswith("Error") for each in ALL)


def test_only_the_reasons_of_a_refused_proof_share_a_code() -> None:
    codes = [each.code for each in ALL if not issubclass(each, NotAcceptedError)]
    assert len(codes) == len(set(codes))
    assert {each.code for each in family(NotAcceptedError)} == {"not_accepted"}


def test_every_reason_of_a_refused_proof_is_another() -> None:
    reasons = [each.reason for each in NotAcceptedError.__subclasses__()]
    known = {"canceled", "exhausted", "expired", "failed", "mismatch", "pending", "used"}
    assert {*known, "unknown_subject", "no_authenticator", "locked"} == set(reasons)
    assert len(reasons) == len(set(reasons))


@pytest.mark.parametrize(("asked", "told"), [(-5, 1), (0, 1), (1, 1), (30, 30)])
def test_a_wait_is_at_least_a_second(asked: int, told: int) -> None:
    assert told == RateLimitedError(retry_after=asked).retry_after


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidInputError("This is not an email address.", field="to"), "to: This is not an email address."),
        (SettingsError("Use https.", setting="base_url"), "base_url: Use https."),
        (SettingsError("limits.flooded is no word.", setting="limits.flooded"), "limits.flooded is no word."),
        (InvalidInputError("There is no such member."), "There is no such member."),
        (RateLimitedError("Too many.", retry_after=7), "Too many. (again in 7 s)"),
        (EndedError(status="canceled"), "This verification is over: it is canceled."),
    ],
)
def test_a_traceback_says_what_a_developer_looks_for_first(error: WatchwordError, told: str) -> None:
    assert str(error) == told


def test_errors_carry_their_facts() -> None:
    assert MismatchError(attempts_remaining=4).attempts_remaining == 4
    assert EndedError(status="approved").status == "approved"
    refused = DeliveryError(reason="refused", permanent=True)
    assert (refused.reason, refused.permanent, refused.uncertain) == ("refused", True, False)
    assert str(refused) == DeliveryError.sentence
