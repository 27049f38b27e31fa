"""Authenticators and recovery codes over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.site import Site
from tests.support.world import wrong
from watchword.core.instant import MINUTE, SECOND
from watchword.core.otpauth import read_key_uri
from watchword.core.totp import totp

A = "/v1/authenticators"
R = "/v1/recovery-codes"
ANN = "user-1"


def ask(site: Site, method: str, address: str, body: Any = None) -> Reply:
    """Ask as the app."""
    bearer = [(b"authorization", b"Bearer " + site.world.key.encode())]
    return site.call(method, address, body, headers=bearer)


def code(site: Site, secret: bytes, steps: int = 0) -> str:
    return totp(secret, site.world.clock.now() + steps * 30 * SECOND)


def no_code(site: Site, secret: bytes) -> str:
    typed = "000000"
    while typed in {code(site, secret, steps) for steps in range(-3, 4)}:
        typed = wrong(typed)
    return typed


def enrolled(site: Site, subject: str = ANN, **more: Any) -> tuple[str, bytes]:
    reply = ask(site, "POST", A, {"subject": subject, **more})
    assert 201 == reply.status, reply.text
    return reply.json["id"], read_key_uri(reply.json["otpauth_uri"]).key.secret


def bound(site: Site, subject: str = ANN) -> tuple[str, bytes, list[str]]:
    name, secret = enrolled(site, subject)
    reply = ask(site, "POST", f"{A}/{name}/confirm", {"code": code(site, secret)})
    assert 200 == reply.status, reply.text
    site.world.clock.move(MINUTE)
    return name, secret, reply.json.get("recovery_codes", [])


def check(site: Site, typed: str, subject: str = ANN, **more: Any) -> Reply:
    return ask(site, "POST", f"{A}/check", {"subject": subject, "code": typed, **more})


def test_an_authenticator_goes_from_enrolment_to_sign_in(site: Site) -> None:
    made = ask(site, "POST", A, {"subject": ANN, "label": "Phone", "account": "ann@example.com", "issuer": "ACME"})
    assert (201, "pending", ANN, "Phone") == (made.status, *(made.json[key] for key in ("status", "subject", "label")))
    key = read_key_uri(made.json["otpauth_uri"]).key
    assert ("ACME", "ann@example.com", 20) == (key.issuer, key.account, len(key.secret))
    assert made.json["secret"] in made.json["otpauth_uri"]
    assert made.json["qr_svg"].startswith("<svg")
    address = f"{A}/{made.json['id']}"
    confirmed = ask(site, "POST", f"{address}/confirm", {"code": code(site, key.secret)})
    assert ("active", 10) == (confirmed.json["status"], len(confirmed.json["recovery_codes"]))
    site.world.clock.move(MINUTE)
    approved = check(site, code(site, key.secret))
    assert (200, "approved", made.json["id"]) == (
        *(approved.status, approved.json["status"]),
        approved.json["authenticator"]["id"],
    )
    listed = ask(site, "GET", f"{A}?subject={ANN}").json
    assert ([made.json["id"]], 10) == (
        [each["id"] for each in listed["authenticators"]],
        listed["recovery_codes_remaining"],
    )
    assert "Old phone" == ask(site, "POST", f"{address}/rename", {"label": "Old phone"}).json["label"]
    assert "revoked" == ask(site, "DELETE", address).json["status"]
    assert 404 == ask(site, "GET", address).status


def test_the_seed_is_in_the_first_answer_alone(site: Site) -> None:
    made = ask(site, "POST", A, {"subject": ANN})
    secret = made.json["secret"]
    raw = read_key_uri(made.json["otpauth_uri"]).key.secret
    address = f"{A}/{made.json['id']}"
    later = [
        ask(site, "GET", address),
        ask(site, "POST", f"{address}/confirm", {"code": code(site, raw)}),
        ask(site, "GET", f"{A}?subject={ANN}"),
        ask(site, "DELETE", address),
    ]
    assert [200] * 4 == [reply.status for reply in later]
    assert not [reply for reply in later if secret in reply.text or "otpauth" in reply.text]
    assert secret not in str(site.world.journal.events)
    assert "no-store" == made.header("cache-control")


def test_answers_are_precise_to_the_app_and_alike_to_everybody_else(site: Site) -> None:
    _, secret, _ = bound(site)
    enrolled(site, "pending-only")
    right = code(site, secret)
    assert 200 == check(site, right).status
    replies = {
        "used": check(site, right),
        "mismatch": check(site, no_code(site, secret)),
        "unknown_subject": check(site, "123456", "nobody"),
        "no_authenticator": check(site, "123456", "pending-only"),
    }
    site.world.authenticators.ceiling = 1
    replies["locked"] = check(site, right)
    assert list(replies) == [reply.json["reason"] for reply in replies.values()]
    bare = [{key: value for key, value in reply.json.items() if key != "reason"} for reply in replies.values()]
    assert [bare[0]] * 5 == bare
    assert {422} == {reply.status for reply in replies.values()}
    # Every reason is as long as it is; nothing else of the head differs.
    heads = {tuple(pair for pair in reply.headers if pair[0] != b"content-length") for reply in replies.values()}
    assert 1 == len(heads)


def test_too_many_wrong_codes_are_429_for_anybody(site: Site) -> None:
    _, secret, _ = bound(site)
    for subject, typed in ((ANN, no_code(site, secret)), ("nobody", "123456")):
        statuses = [check(site, typed, subject).status for _ in range(6)]
        assert [*[422] * 5, 429] == statuses
    refused = check(site, code(site, secret))
    assert (429, "300") == (refused.status, refused.header("retry-after"))
    assert 200 == check(site, code(site, secret), requester={"known_device": True}).status


def test_recovery_codes_count_once_and_in_sets(site: Site) -> None:
    _, _, codes = bound(site)
    used = ask(site, "POST", f"{R}/check", {"subject": ANN, "code": codes[0].replace("-", " ").lower()})
    assert (200, "approved", 9) == (used.status, used.json["status"], used.json["remaining"])
    again = ask(site, "POST", f"{R}/check", {"subject": ANN, "code": codes[0]})
    assert (422, "used") == (again.status, again.json["reason"])
    renewed = ask(site, "POST", R, {"subject": ANN})
    assert (201, 10) == (renewed.status, len(set(renewed.json["codes"])))
    old = ask(site, "POST", f"{R}/check", {"subject": ANN, "code": codes[1]})
    assert (422, "mismatch") == (old.status, old.json["reason"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a" * 257}, "subject"),
        ({"subject": "a\u0000"}, "subject"),
        ({"subject": ANN, "period": 121}, "period"),
        ({"subject": ANN, "period": 4}, "period"),
        ({"subject": ANN, "digits": 5}, "digits"),
        ({"subject": ANN, "digits": 9}, "digits"),
        ({"subject": ANN, "algorithm": "MD5"}, "algorithm"),
        ({"subject": ANN, "label": "a" * 101}, "label"),
        ({"subject": ANN, "issuer": "a\u202e"}, "issuer"),
        ({"subject": ANN, "account": "a\n"}, "account"),
        ({"subject": ANN, "secret": "GEZDGNBVGY3TQOJQ"}, "secret"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_by_field(site: Site, body: dict[str, Any], field: str) -> None:
    reply = ask(site, "POST", A, body)
    assert (422, field) == (reply.status, reply.json["errors"][0]["field"])


@pytest.mark.parametrize(
    "typed", ["", " ", "\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2", "\u0661" * 6, "+12345", "1" * 65, "12a456", "1" * 10_000]
)
def test_what_cannot_be_a_code_costs_nothing(site: Site, typed: str) -> None:
    _, secret, _ = bound(site)
    for _ in range(7):
        reply = check(site, typed)
        assert (422, "invalid") == (reply.status, reply.json["code"])
    assert 200 == check(site, code(site, secret)).status


@pytest.mark.parametrize("typed", [None, 123456, ["1"], {"a": 1}])
def test_a_code_is_a_text(site: Site, typed: object) -> None:
    reply = ask(site, "POST", f"{A}/check", {"subject": ANN, "code": typed})
    assert (422, "invalid") == (reply.status, reply.json["code"])


@pytest.mark.parametrize("typed", ["1", "12345", "1234567", "12345678"])
def test_a_code_of_another_length_is_wrong(site: Site, typed: str) -> None:
    bound(site)
    assert "mismatch" == check(site, typed).json["reason"]


@pytest.mark.parametrize(
    "query", ["", "?subject=", "?subject=a&subject=b", "?subject=a&more=b", "?other=a", "?subject=%ff", "?subject"]
)
def test_a_list_needs_one_subject(site: Site, query: str) -> None:
    assert 422 == ask(site, "GET", A + query).status


def test_a_subject_of_any_letters_is_listed(site: Site) -> None:
    enrolled(site, "Ann Ü & co")
    listed = ask(site, "GET", f"{A}?subject=Ann%20%C3%9C%20%26%20co").json["authenticators"]
    assert ["Ann Ü & co"] == [each["subject"] for each in listed]


def test_an_id_of_anything_else_is_unknown(site: Site) -> None:
    for name in ("au_x", "vf_AaHuVl4AAWEQ5XgbzM6mlg", "au_AaHuVl4AEBESExQVFhcYGQ"):
        assert 404 == ask(site, "POST", f"{A}/{name}/confirm", {"code": "123456"}).status
        assert 404 == ask(site, "DELETE", f"{A}/{name}").status


def test_nobody_without_a_key_may_ask(site: Site) -> None:
    for method, address in (("POST", A), ("POST", f"{A}/check"), ("GET", f"{A}?subject=a"), ("POST", R)):
        assert 401 == site.call(method, address, None if method == "GET" else {}, headers=[]).status
