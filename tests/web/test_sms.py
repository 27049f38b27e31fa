"""Texts over HTTP: what a backend is told, and that a person at a hosted page cannot tell why nothing comes."""

from __future__ import annotations

import json

import pytest

from tests.support.asgi import Reply
from tests.support.link import REDIRECT, Holder, a_link
from tests.support.site import Site
from tests.support.sms import ANN, with_sms
from watchword.core import breaker
from watchword.core.instant import SECOND


@pytest.fixture(autouse=True)
def _sms(site: Site) -> None:
    site.world.verifications.rules = with_sms()
    site.run(site.world.apps.update(site.world.app, redirect_uris=[REDIRECT]))


def text(site: Site, to: str = ANN, **more: object) -> Reply:
    return site.create(channel="sms", to=to, **more)


def mobile(number: int) -> str:
    return f"+49151234{number:05d}"


def test_a_text_is_asked_for_like_a_mail(site: Site) -> None:
    reply = text(site, purpose="binding", notice_acknowledged="2026-11")

    assert 201 == reply.status
    assert ("sms", "+49***89", ["code"]) == tuple(reply.json[name] for name in ("channel", "to", "methods"))


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"to": "+33612345678"}, 403, "country_forbidden"),
        ({"purpose": "binding"}, 403, "notice_required"),
        ({"to": "+49301234567"}, 422, "invalid"),
        ({"to": "ann@example.com"}, 422, "invalid"),
        ({"methods": ["link"]}, 422, "invalid"),
        ({"notice_acknowledged": "2025-01"}, 422, "invalid"),
        ({"expires_in": 601}, 422, "invalid"),
    ],
)
def test_what_is_refused_says_why_and_sends_nothing(
    site: Site, fields: dict[str, object], status: int, code: str
) -> None:
    reply = text(site, **{"to": ANN, **fields})  # type: ignore[arg-type]

    assert (status, code) == (reply.status, reply.json["code"])
    assert site.run(site.world.courier.drain()) == 0


def test_a_backend_is_told_that_it_is_blocked_and_not_why(site: Site) -> None:
    for number in range(breaker.NEIGHBOURS):
        assert 201 == text(site, mobile(number)).status
    reply = text(site, mobile(99))

    assert (429, "blocked") == (reply.status, reply.json["code"])
    assert "600" == reply.header("retry-after")
    assert "neighbours" not in reply.text
    # No limit of the recipient's refused this, and none is blamed.
    assert ["", ""] == [reply.header(name) for name in ("ratelimit", "ratelimit-policy")]


def paged(site: Site, to: str, *, decoy: bool = False) -> Holder:
    reply = text(site, to, link=a_link(), methods=["code"], decoy=decoy)
    assert 201 == reply.status, reply.text
    return Holder(reply.json["page_url"])


def resent(site: Site, page: Holder) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    reply = site.call("POST", f"{page.address}/resend", {"proof": page.proof})
    return reply.status, [each for each in reply.headers if each[0] != b"date"], reply.body


def test_a_person_cannot_tell_a_block_from_a_limit_of_their_own(site: Site) -> None:
    blocked = paged(site, mobile(0))
    for number in range(1, breaker.NEIGHBOURS):
        text(site, mobile(number))
    limited = paged(site, "+436641234567")
    for _ in range(2):
        assert 201 == text(site, "+436641234567").status
    site.world.clock.move(30 * SECOND)

    status, headers, body = resent(site, blocked)
    assert 429 == status
    assert (status, headers, body) == resent(site, limited)
    assert b"blocked" not in body


def test_a_person_cannot_tell_a_decoy_from_anybody(site: Site) -> None:
    pages = [paged(site, mobile(70_000)), paged(site, mobile(20_000), decoy=True)]
    site.world.clock.move(30 * SECOND)
    answers = [resent(site, page) for page in pages]

    assert [200, 200] == [status for status, _, _ in answers]
    assert [name for name, _ in answers[0][1]] == [name for name, _ in answers[1][1]]
    assert json.loads(answers[0][2]).keys() == json.loads(answers[1][2]).keys()


@pytest.mark.parametrize("path", ["/v1/reports/twilio/x", "/v1/reports/gateway/x", "/v1/reports/gateway/" + "A" * 66])
def test_a_report_that_nobody_was_given_an_address_for_is_unknown(site: Site, path: str) -> None:
    assert 404 == site.call("POST", path, headers=[(b"content-length", b"0")]).status


def test_a_report_of_any_length_is_not_read_to_its_end(site: Site) -> None:
    reply = site.run(site.wire.send("POST", "/v1/reports/twilio/x", b"a=" + b"x" * 20_000))

    assert 413 == reply.status
