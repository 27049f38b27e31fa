"""Who is told what about limits: backends with a key the policy and when, anybody else only when."""

from __future__ import annotations

import re

from tests.flows.journeys import generous
from tests.support.asgi import Reply
from tests.support.site import Site, a_request, an_unknown_id
from tests.support.world import wrong
from watchword.core.instant import DAY, MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules

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


def test_an_answer_tells_what_is_left_and_when_there_is_one_more(site: Site) -> None:
    left = [told(site.create())["ratelimit"] for _ in range(3)]

    assert left == ['"sends";r=2;t=200', '"sends";r=1;t=200', '"sends";r=0;t=200']
    assert '"sends";q=3;w=600, "sends1";q=10;w=86400' == told(site.create(to="bob@example.com"))["ratelimit-policy"]


def test_what_is_left_is_of_the_tightest_limit_that_was_met_whichever_it_is(site: Site) -> None:
    for number in range(18):
        site.create(to=f"user{number}@example.com", requester={"ip": "192.0.2.1"})

    assert '"sends";r=1;t=30' == told(site.create(requester={"ip": "192.0.2.1"}))["ratelimit"]
    assert '"sends";r=1;t=200' == told(site.create(requester={"ip": "192.0.2.2"}))["ratelimit"]


def test_a_decoy_is_told_of_the_limits_like_any_other(site: Site) -> None:
    known, decoy = (told(site.create(to=f"{name}@example.com", decoy=name == "eve")) for name in ("ann", "eve"))
    for name in ("ratelimit", "ratelimit-policy"):
        assert known[name] == decoy[name]


def test_beyond_a_recipients_day_an_answer_is_as_any_other(site: Site) -> None:
    site.world.verifications.rules = Rules(limits=Limits(recipient_sends=(Rate(100, MINUTE), Rate(5, DAY))))
    replies = [site.create() for _ in range(8)]
    site.run(site.world.courier.drain())

    assert 5 == len(site.world.outbox.mails)
    assert {201} == {reply.status for reply in replies}
    assert 1 == len({tuple(sorted(told(reply))) for reply in replies})
    assert [f'"sends";r={99 - number};t=1' for number in range(8)] == [told(reply)["ratelimit"] for reply in replies]
    assert 1 == len({tuple(reply.json) for reply in replies})


def test_a_resend_tells_what_is_left(site: Site) -> None:
    made = site.create().json
    site.world.clock.move(30 * SECOND)

    assert '"sends";r=1;t=170' == told(site.post(f"/v1/verifications/{made['id']}/resend"))["ratelimit"]


def test_an_accepted_code_tells_how_many_wrong_ones_are_left(site: Site) -> None:
    address, code = site.sent()
    for _ in range(2):
        site.post(f"{address}/check", {"code": wrong(code)})
    headers = told(site.post(f"{address}/check", {"code": code}))

    assert '"guesses";r=8;t=3600' == headers["ratelimit"]
    assert '"guesses";q=10;w=3600, "guesses1";q=50;w=86400' == headers["ratelimit-policy"]


def test_where_no_limit_applied_none_is_told_of(site: Site) -> None:
    key = [(b"idempotency-key", b"once")]
    made = site.post("/v1/verifications", a_request(), headers=key).json

    for reply in (
        site.post("/v1/verifications", a_request(), headers=key),
        site.get(f"/v1/verifications/{made['id']}"),
        site.post(f"/v1/verifications/{made['id']}/cancel"),
    ):
        assert reply.status < 300
        assert not {"ratelimit", "ratelimit-policy"} & set(told(reply))


def test_limits_that_are_off_are_not_told_of() -> None:
    with Site(rules=generous()) as site:
        assert "ratelimit" not in told(site.create())


def test_strangers_who_are_limited_are_told_when_and_nothing_else(site: Site) -> None:
    site.services.magic_links.limit.rates = (Rate(1, MINUTE),)
    path = f"/v1/links/{an_unknown_id()}/open"
    replies = [site.call("POST", path, {}) for _ in range(3)]

    assert 429 == replies[-1].status
    assert "retry-after" in told(replies[-1])
    assert not {"ratelimit", "ratelimit-policy"} & set(told(replies[-1]))
