"""Who is told what about limits: backends with a key the policy and when, anybody else only when."""

from __future__ import annotations

import re

from tests.support.asgi import Reply
from tests.support.site import Site, an_unknown_id
from watchword.core.instant import MINUTE
from watchword.core.limit import Rate

ITEM = re.compile(r'"[a-z0-9]+"(;[a-z]=\d+)+')  # RFC 9651: a string with integer parameters


def told(reply: Reply) -> dict[str, str]:
    """The headers of a reply, by name."""
    return {name.decode(): value.decode() for name, value in reply.headers}


def test_a_backend_is_told_the_policy_of_sends_and_when(site: Site) -> None:
    for _ in range(3):
        assert 201 == site.create().status
    reply = site.create()
    headers = told(reply)

    assert 429 == reply.status
    assert '"sends";q=3;w=600, "sends1";q=10;w=86400' == headers["ratelimit-policy"]
    assert f'"sends";r=0;t={headers["retry-after"]}' == headers["ratelimit"]
    for name in ("ratelimit", "ratelimit-policy"):
        assert all(ITEM.fullmatch(item) for item in headers[name].split(", "))


def test_a_backend_is_told_the_policy_of_guesses(site: Site) -> None:
    replies = []
    for _ in range(3):
        made = site.create().json
        replies += [site.post(f"/v1/verifications/{made['id']}/check", {"code": "0000000"}) for _ in range(5)]

    assert 429 == replies[-1].status
    assert '"guesses";q=10;w=3600, "guesses1";q=50;w=86400' == told(replies[-1])["ratelimit-policy"]


def test_an_answer_that_is_no_refusal_has_none_of_it(site: Site) -> None:
    assert "ratelimit" not in told(site.create())


def test_strangers_who_are_limited_are_told_when_and_nothing_else(site: Site) -> None:
    site.services.magic_links.limit.rates = (Rate(1, MINUTE),)
    path = f"/v1/links/{an_unknown_id()}/open"
    replies = [site.call("POST", path, {}) for _ in range(3)]

    assert 429 == replies[-1].status
    assert "retry-after" in told(replies[-1])
    assert not {"ratelimit", "ratelimit-policy"} & set(told(replies[-1]))
