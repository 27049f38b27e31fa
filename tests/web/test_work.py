"""Work at hosted pages over HTTP: what a backend is told, what a page gets and gives, and what tells nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.asgi import Reply
from tests.support.link import Holder, a_link
from tests.support.site import Site
from tests.support.work import STRANGER, block_the_country, solve, working
from watchword.core.work import WorkSet


@pytest.fixture(autouse=True)
def _blocked(site: Site) -> None:
    site.world.verifications.rules = working()
    site.run(block_the_country(site.world))


def held(site: Site, to: str = STRANGER) -> tuple[Reply, Holder]:
    reply = site.create(channel="sms", to=to, link=a_link(), methods=["code"])
    assert 201 == reply.status, reply.text
    return reply, Holder(reply.json["page_url"])


def call(site: Site, page: Holder, verb: str, **more: Any) -> Reply:
    return site.call("POST", f"{page.address}/{verb}", {"proof": page.proof, **more})


def worked(site: Site, page: Holder) -> dict[str, Any]:
    given = call(site, page, "challenge")
    assert 200 == given.status
    done: dict[str, Any] = msgspec.to_builtins(solve(msgspec.convert(given.json, WorkSet)))
    return done


def test_a_backend_is_told_that_nothing_was_sent_yet(site: Site) -> None:
    reply, page = held(site)
    assert "proof_of_work" == reply.json["challenge"]
    assert ("pending", 5) == (reply.json["status"], reply.json["sends_remaining"])
    assert "proof_of_work" == call(site, page, "open").json["challenge"]


def test_what_the_page_worked_for_is_sent_and_told_to_both(site: Site) -> None:
    reply, page = held(site)
    sent = call(site, page, "resend", work=worked(site, page))
    assert (200, False) == (sent.status, "challenge" in sent.json)
    assert "challenge" not in site.get(f"/v1/verifications/{reply.json['id']}").json
    assert 1 == site.run(site.world.courier.drain())


def test_without_work_a_page_is_told_to_do_some(site: Site) -> None:
    _, page = held(site)
    refused = call(site, page, "resend")
    assert (403, "challenge_required") == (refused.status, refused.json["code"])
    assert "country" not in refused.text


def test_a_solution_that_is_played_again_is_refused(site: Site) -> None:
    _, page = held(site)
    done = worked(site, page)
    assert 200 == call(site, page, "resend", work=done).status
    assert 403 == call(site, page, "resend", work=done).status


@pytest.mark.parametrize(
    "work",
    [
        {},
        [],
        "e30=",
        {"challenge": {}, "solution": {}},
        {"challenge": None, "solution": {"counter": 1, "derivedKey": ""}},
    ],
    ids=str,
)
def test_what_is_no_work_is_an_invalid_field(site: Site, work: object) -> None:
    _, page = held(site)
    assert 422 == call(site, page, "resend", work=work).status


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "x"},
        {"salt": ""},
        {"cost": 10**30},
        {"keyLength": -1},
        {"keyPrefix": "zz"},
        {"algorithm": "ARGON2ID"},
        {"data": {"until": 2**53, "__proto__": 1}},
        {"data": {}},
    ],
    ids=str,
)
def test_parameters_that_nobody_signed_end_in_the_same_refusal(site: Site, change: dict[str, object]) -> None:
    _, page = held(site)
    done = worked(site, page)
    done["challenge"]["parameters"] |= change
    refused = call(site, page, "resend", work=done)
    assert refused.status in {403, 422}
    assert 0 == site.run(site.world.courier.drain())


def test_a_challenge_is_given_whether_one_is_needed_or_not(site: Site) -> None:
    mail = site.create(to="ann@example.com", link=a_link())
    _, page = held(site)
    plain, wanted = (call(site, each, "challenge") for each in (Holder(mail.json["page_url"]), page))
    assert (plain.status, plain.json.keys()) == (wanted.status, wanted.json.keys())
    assert [name for name, _ in plain.headers] == [name for name, _ in wanted.headers]


def test_no_challenge_is_given_to_who_has_no_ticket(site: Site) -> None:
    _, page = held(site)
    answers = [
        site.call("POST", f"{page.address}/challenge", {"proof": "A" * 43}),
        site.call("POST", f"/v1/pages/vf_{'A' * 22}/challenge", {"proof": page.proof}),
    ]
    assert [404, 404] == [each.status for each in answers]
    assert answers[0].body == answers[1].body
