"""The conversation without a network: what is asked again, what never, and what counts as a success."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.client.answers import problem
from watchword.client.protocol import Ask, Break, Failure, Outcome, Pause, Reply, Steps, once, persistently
from watchword.errors import MismatchError, OverloadedError, UnavailableError

ASK = Ask("POST", "/there", b'{"code":"123456"}', {"Idempotency-Key": "once"})
OK = Reply(200, b"yes")
GONE = Reply(503, problem("overloaded"))


def said(reply: Reply) -> str:
    return reply.body.decode()


def walk(steps: Steps[str], outcomes: Sequence[Outcome]) -> tuple[str | None, list[Ask | Pause]]:
    """Take the steps with these outcomes of the asks; what is returned is None where they ask for more."""
    taken: list[Ask | Pause] = []
    left = list(outcomes)
    outcome: Outcome = None
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as end:
            return str(end.value), taken
        taken.append(step)
        if isinstance(step, Ask) and not left:
            return None, taken
        outcome = left.pop(0) if isinstance(step, Ask) else None


def test_a_good_answer_is_read() -> None:
    assert walk(once(ASK, said), [OK]) == ("yes", [ASK])


@pytest.mark.parametrize("outcome", [*map(Break, Failure), GONE])
def test_once_asks_once_whatever_comes_of_it(outcome: Outcome) -> None:
    with pytest.raises(UnavailableError):
        walk(once(ASK, said), [outcome, OK])


@pytest.mark.parametrize("outcome", [Break(Failure.UNREACHED), Break(Failure.UNSECURED), Break(Failure.LOST), GONE])
def test_a_service_that_was_not_there_is_asked_again_with_the_very_same_request(outcome: Outcome) -> None:
    found, taken = walk(persistently(ASK, said, lambda: 0.0), [outcome, outcome, OK])

    assert found == "yes"
    assert taken == [ASK, Pause(0.25), ASK, Pause(0.5), ASK]


def test_jitter_spreads_a_wait_over_half_of_itself() -> None:
    _, taken = walk(persistently(ASK, said, lambda: 1.0), [GONE, GONE, OK])

    assert [Pause(0.5), Pause(1.0)] == [step for step in taken if isinstance(step, Pause)]


def test_the_third_failure_is_the_last() -> None:
    with pytest.raises(OverloadedError):
        walk(persistently(ASK, said, lambda: 0.0), [GONE, Break(Failure.LOST), GONE, OK])


@pytest.mark.parametrize(
    "outcome", [Break(Failure.LATE), Break(Failure.DISTRUSTED), Reply(500, b""), Reply(502, b"<html>")]
)
def test_what_another_try_cannot_help_is_not_tried_again(outcome: Outcome) -> None:
    with pytest.raises(UnavailableError):
        walk(persistently(ASK, said, lambda: 0.0), [outcome, OK])


def test_a_refusal_is_not_tried_again() -> None:
    refusal = Reply(422, problem("not_accepted", reason="mismatch"))

    with pytest.raises(MismatchError):
        walk(persistently(ASK, said, lambda: 0.0), [refusal, OK])


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 399])
def test_only_a_2xx_is_read_as_a_success(status: int) -> None:
    with pytest.raises(UnavailableError):
        walk(once(ASK, said), [Reply(status, b"yes")])


def test_an_error_carries_no_other_exception_along() -> None:
    with pytest.raises(UnavailableError) as caught:
        walk(once(ASK, said), [Break(Failure.LOST)])

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_error_says_what_the_network_said() -> None:
    with pytest.raises(UnavailableError, match=r"Nothing was sent\. \(https://codes\.example, refused\)$") as caught:
        walk(once(ASK, said), [Break(Failure.UNREACHED, "https://codes.example, refused")])

    assert Failure.UNREACHED.value == caught.value.detail  # an app may show that to people


def test_what_goes_over_the_wire_is_in_no_repr() -> None:
    assert "123456" not in repr(ASK)
    assert "once" not in repr(ASK)
    assert "yes" not in repr(OK)
