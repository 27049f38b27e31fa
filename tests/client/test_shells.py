"""Both shells, each test for the two, with a service that answers as told."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from tests.client.answers import ID, KEY, body, problem
from tests.client.both import BOTH, Shell
from watchword.client import Allowance, AsyncClient, Rate
from watchword.errors import MismatchError, RateLimitedError, UnavailableError

HERE = "http://127.0.0.1:8000/codes"
CHECKED = {"purpose": "login", "to": "maria@example.org"}

both = pytest.mark.parametrize("shell", BOTH)


class Service:
    """Answers as told, the last answer for ever, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)


@both
def test_a_call_goes_to_its_address_with_the_key(shell: Shell) -> None:
    service = Service(httpx.Response(201, content=body()))

    found = shell(HERE, service).call("create", to="maria@example.org", purpose="login")

    (asked,) = service.asked
    assert found.id == ID
    assert str(asked.url) == "http://127.0.0.1:8000/codes/v1/verifications"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.headers["Content-Type"] == "application/json"


@both
def test_a_client_that_was_closed_says_so_and_sends_nothing(shell: Shell) -> None:
    service = Service(httpx.Response(201, content=body()))
    client = shell(HERE, service)
    client.call("create", to="maria@example.org", purpose="login")

    with pytest.raises(UnavailableError, match="was closed"):
        client.call("check", ID, "123456", **CHECKED)
    assert 1 == len(service.asked)


def test_on_a_second_event_loop_the_awaiting_client_says_that_it_needs_one_of_its_own() -> None:
    loops: list[object] = []

    def answer(_: httpx.Request) -> httpx.Response:
        loops.append(asyncio.get_running_loop())
        if loops[-1] is not loops[0]:
            raise RuntimeError("Event loop is closed")  # as a connection of asyncio's does that the first one opened
        return httpx.Response(201, content=body())

    client = AsyncClient(HERE, KEY, unsafe_transport=httpx.MockTransport(answer))

    assert ID == asyncio.run(client.create(to="maria@example.org", purpose="login")).id
    with pytest.raises(UnavailableError, match="another event loop"):
        asyncio.run(client.create(to="maria@example.org", purpose="login"))


def test_what_breaks_on_its_own_event_loop_is_passed_on_as_it_is() -> None:
    def breaks(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("broken")

    client = AsyncClient(HERE, KEY, unsafe_transport=httpx.MockTransport(breaks))

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(client.create(to="maria@example.org", purpose="login"))


@both
def test_create_makes_an_idempotency_key_of_its_own_for_each_call(shell: Shell) -> None:
    service = Service(httpx.Response(201, content=body()))

    for _ in range(2):
        shell(HERE, service).call("create", to="maria@example.org", purpose="login")

    keys = [UUID(asked.headers["Idempotency-Key"]) for asked in service.asked]
    assert len(set(keys)) == 2
    assert [key.version for key in keys] == [4, 4]


@both
def test_create_is_asked_again_with_the_same_key_after_a_pause(shell: Shell) -> None:
    service = Service(httpx.ConnectError("down"), httpx.Response(503), httpx.Response(201, content=body()))
    client = shell(HERE, service)

    found = client.call("create", to="maria@example.org", purpose="login")

    assert found.id == ID
    assert len(service.asked) == 3
    assert len({asked.headers["Idempotency-Key"] for asked in service.asked}) == 1
    assert len({asked.content for asked in service.asked}) == 1
    assert [0.25 <= client.slept[0] <= 0.5, 0.5 <= client.slept[1] <= 1.0] == [True, True]


@both
def test_the_idempotency_key_of_the_caller_is_the_one_that_is_sent(shell: Shell) -> None:
    service = Service(httpx.Response(201, content=body()))

    shell(HERE, service).call("create", to="maria@example.org", purpose="login", idempotency_key="order-7")

    assert service.asked[0].headers["Idempotency-Key"] == "order-7"


@both
@pytest.mark.parametrize(
    "trouble",
    [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.ReadTimeout("x"), httpx.Response(503)],
)
def test_a_check_is_never_asked_twice(shell: Shell, trouble: httpx.Response | Exception) -> None:
    service = Service(trouble)
    client = shell(HERE, service)

    with pytest.raises(UnavailableError):
        client.call("check", ID, "123456", **CHECKED)

    assert len(service.asked) == 1
    assert client.slept == []


@both
@pytest.mark.parametrize("verb", ["resend", "cancel", "get"])
def test_the_other_verbs_are_asked_once(shell: Shell, verb: str) -> None:
    service = Service(httpx.Response(503))

    with pytest.raises(UnavailableError):
        shell(HERE, service).call(verb, ID)

    assert len(service.asked) == 1


@both
def test_a_wrong_code_raises_with_what_is_left(shell: Shell) -> None:
    service = Service(httpx.Response(422, content=problem("not_accepted", reason="mismatch", attempts_remaining=2)))

    with pytest.raises(MismatchError) as caught:
        shell(HERE, service).call("check", ID, "123456", **CHECKED)

    assert caught.value.attempts_remaining == 2


@both
def test_too_many_requests_say_when_to_come_back(shell: Shell) -> None:
    service = Service(httpx.Response(429, content=problem("rate_limited"), headers={"Retry-After": "42"}))

    with pytest.raises(RateLimitedError) as caught:
        shell(HERE, service).call("resend", ID)

    assert caught.value.retry_after == 42
    assert len(service.asked) == 1


@both
def test_an_answer_says_what_the_limits_take_still(shell: Shell) -> None:
    headers = {"RateLimit-Policy": '"sends";q=3;w=600', "RateLimit": '"sends";r=2;t=200'}
    service = Service(httpx.Response(201, content=body(), headers=headers))

    found = shell(HERE, service).call("create", to="maria@example.org", purpose="login")

    assert found.allowance == Allowance(policy="sends", rates=(Rate(3, 600),), remaining=2, one_more_in=200)


@both
def test_a_refusal_says_which_limits_there_are(shell: Shell) -> None:
    headers = {"Retry-After": "42", "RateLimit-Policy": '"sends";q=3;w=600', "RateLimit": '"sends";r=0;t=42'}
    service = Service(httpx.Response(429, content=problem("rate_limited"), headers=headers))

    with pytest.raises(RateLimitedError) as caught:
        shell(HERE, service).call("resend", ID)

    assert caught.value.policy == ("sends", ((3, 600),))


@both
def test_neither_key_nor_code_nor_address_is_in_an_exception_or_a_log(
    shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service = Service(httpx.ReadError("boom"))

    with pytest.raises(UnavailableError) as caught:
        shell(HERE, service).call("check", ID, "314159", **CHECKED)

    written = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert caught.value.__context__ is None
    for secret in (KEY, "314159", "maria@example.org"):
        assert secret not in written.replace('"314159"', "")  # the line of this test itself


@both
def test_settings_of_the_environment_do_not_come_between(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, closed_port: Callable[[], str]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    client = shell(closed_port())

    assert not client._client._http._mounts
