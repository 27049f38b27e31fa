"""``RateLimit`` headers are read as the service writes them, and nothing else of them fails a call."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.client import Allowance, Rate
from watchword.client.allowance import read
from watchword.core.instant import DAY, MINUTE, SECOND
from watchword.core.limit import Allowance as Written
from watchword.core.limit import Left, told
from watchword.core.limit import Rate as Limit
from watchword.errors import RateLimitedError
from watchword.web import rate_limit
from watchword.web.exchange import Headers

RATES = (Limit(3, 10 * MINUTE), Limit(10, DAY))
POLICY = '"sends";q=3;w=600, "sends1";q=10;w=86400'
LEFT = '"sends";r=2;t=200'
SENDS = Allowance(policy="sends", rates=(Rate(3, 600), Rate(10, 86400)), remaining=2, one_more_in=200)


def both(headers: Headers | None) -> tuple[str | None, str | None]:
    """The two headers out of those of an answer, as they travel."""
    found = {name: value.decode() for name, value in headers or ()}
    return found.get(b"ratelimit"), found.get(b"ratelimit-policy")


def test_what_the_service_writes_with_an_answer_is_read() -> None:
    assert read(*both(rate_limit.of_answer(Written("sends", RATES, Left(2, 200 * SECOND))))) == SENDS


def test_what_the_service_writes_with_a_refusal_is_read() -> None:
    refused = RateLimitedError(retry_after=42)
    refused.policy = told("guesses", RATES)

    found = read(*both(rate_limit.of_refusal(refused)))

    assert found is not None
    assert ("guesses", 0, 42) == (found.policy, found.remaining, found.one_more_in)


def test_a_refusal_without_a_policy_tells_of_none() -> None:
    assert read(*both(rate_limit.of_refusal(RateLimitedError()))) is None


def test_what_a_gateway_adds_under_a_name_of_its_own_is_let_be() -> None:
    assert read(f'"gateway";r=7;t=1, {LEFT}', f'{POLICY}, "edge";q=9;w=1;pk=:c2VuZHM=:') == SENDS


@pytest.mark.parametrize(
    ("left", "policy"),
    [
        (None, None),
        (LEFT, None),
        (None, POLICY),
        ("", ""),
        ('"sends";r=2', POLICY),
        (LEFT, '"sends";q=3'),
        (LEFT, '"guesses";q=3;w=600'),
        ("sends;r=2;t=200", POLICY),
        ('"sends";r=-2;t=200', POLICY),
        ("limit=3, remaining=2, reset=200", "3;w=600"),
        ('"sends";r=1' + "0" * 20 + ";t=1", POLICY),
    ],
)
def test_what_is_of_another_form_is_as_if_it_were_not_there(left: str | None, policy: str | None) -> None:
    assert read(left, policy) is None


@given(left=st.text(), policy=st.text())
@example(left=LEFT * 1000, policy=POLICY * 1000)
def test_no_header_fails_an_answer(left: str, policy: str) -> None:
    assert read(left, policy) is None
