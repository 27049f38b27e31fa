"""Confirmed addresses over HTTP."""

from __future__ import annotations

import pytest

from tests.support.site import Site
from tests.web.test_authenticator import ANN, ask, bound

N = "/v1/notice-addresses"
V = "/v1/verifications"


def confirm(site: Site, to: str, subject: str = ANN) -> None:
    asked = {"channel": "email", "to": to, "purpose": "address_confirmation", "subject": subject}
    made = ask(site, "POST", V, asked)
    assert 201 == made.status, made.text
    site.run(site.world.courier.drain())
    code = site.world.outbox.last_code
    assert 200 == ask(site, "POST", f"{V}/{made.json['id']}/check", {"code": code}).status


def test_an_address_goes_from_confirmation_to_a_notice_and_out(site: Site) -> None:
    confirm(site, "ann@example.com")
    listed = ask(site, "GET", f"{N}?subject={ANN}")
    assert (200, ["a***@example.com"]) == (listed.status, [each["to"] for each in listed.json["addresses"]])
    assert listed.json["addresses"][0]["confirmed_at"].endswith("Z")
    bound(site)
    site.run(site.world.notices.drain())
    ((to, message),) = site.world.outbox.notices
    assert ("ann@example.com", "authenticator_added") == (to, message.lines[0].kind)
    gone = ask(site, "POST", N + "/remove", {"subject": ANN, "to": "Ann@Example.com"})
    assert (200, {"removed": 1}) == (gone.status, gone.json)
    assert [] == ask(site, "GET", f"{N}?subject={ANN}").json["addresses"]


def test_an_address_the_subject_does_not_have_is_unknown_and_all_of_none_are_none(site: Site) -> None:
    assert 404 == ask(site, "POST", N + "/remove", {"subject": ANN, "to": "ann@example.com"}).status
    assert {"removed": 0} == ask(site, "POST", N + "/remove", {"subject": ANN}).json


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a" * 257}, "subject"),
        ({"subject": ANN, "to": "nobody"}, "to"),
        ({"to": "ann@example.com"}, "subject"),
        ({"subject": ANN, "to": 1}, "to"),
    ],
)
def test_bad_input_is_refused_by_field(site: Site, body: dict[str, object], field: str) -> None:
    reply = ask(site, "POST", N + "/remove", body)
    assert (422, field) == (reply.status, reply.json["errors"][0]["field"])


@pytest.mark.parametrize("subject", ["", "a" * 257, "a\nb", 7])
def test_a_subject_that_cannot_be_one_is_refused_with_the_verification(site: Site, subject: object) -> None:
    asked = {"channel": "email", "to": "ann@example.com", "purpose": "login", "subject": subject}
    reply = ask(site, "POST", V, asked)
    assert (422, "subject") == (reply.status, reply.json["errors"][0]["field"])


def test_another_app_sees_none_of_it(site: Site) -> None:
    confirm(site, "ann@example.com")
    _, other = site.run(site.world.apps.create("Other"))
    bearer = [(b"authorization", b"Bearer " + other.encode())]
    assert [] == site.call("GET", f"{N}?subject={ANN}", headers=bearer).json["addresses"]


def test_nobody_without_a_key_may_ask(site: Site) -> None:
    assert 401 == site.call("GET", f"{N}?subject={ANN}").status
    assert 401 == site.call("POST", N + "/remove", {"subject": ANN}).status
