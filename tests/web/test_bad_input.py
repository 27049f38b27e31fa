"""Bad input: a 4xx problem that names the field, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.site import Site, a_request

JSON = (b"content-type", b"application/json")
CREATE = "/v1/verifications"


def fields(reply: Any) -> list[str]:
    """The fields a problem names."""
    return [error["field"] for error in reply.json.get("errors", [])]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"to": NaN}', b'{"to": "\xff"}', b'{"to": "\\ud800"}', b"\xef\xbb\xbf{}", b"'a'"],
)
def test_what_is_not_json_is_malformed(site: Site, body: bytes) -> None:
    reply = site.post(CREATE, body, headers=[JSON])

    assert (400, "malformed", ["body"]) == (reply.status, reply.json["code"], fields(reply))


@pytest.mark.parametrize("headers", [[], [JSON]])
def test_a_body_that_is_missing_is_asked_for(site: Site, headers: list[tuple[bytes, bytes]]) -> None:
    reply = site.post(CREATE, headers=headers)

    assert (400, "malformed", "A JSON body is needed.") == (reply.status, reply.json["code"], reply.json["detail"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"channel":"email","to":"ann@example.com","purpose":"login","to":"bob@example.com"}',
        b'{"channel":"email","to":"ann@example.com","purpose":"login","t\\u006f":"bob@example.com"}',
        b'{"channel":"email","to":"a\\u003a@example.com","to":"ann@example.com","purpose":"login"}',
        b'{"channel":"email","to":"ann@example.com","to":"ann\\u003a@example.com","purpose":"login"}',
        b'{"channel":"email","to":"ann@example.com","purpose" : "login" , "decoy":true,"decoy":false}',
        b'{"channel":"email","to":"ann@example.com","purpose":"login","requester":{"ip":"::1","ip":"::2"}}',
        b'{"channel":"email","to":"ann@example.com","purpose":"login","locale":null,"locale":null}',
    ],
)
def test_a_member_that_comes_twice_is_malformed(site: Site, body: bytes) -> None:
    reply = site.post(CREATE, body, headers=[JSON])

    assert (400, "malformed", ["body"]) == (reply.status, reply.json["code"], fields(reply))
    assert "once" in reply.json["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"requester": {"ip": "2001:db8::1", "user_agent": 'a: "b": \\ c'}},
        {"requester": {"user_agent": "x" * 4_096}},
        {"requester": {}, "locale": None, "decoy": False, "methods": None},
    ],
)
def test_colons_escapes_and_what_holds_anyway_are_no_member_twice(site: Site, change: dict[str, Any]) -> None:
    assert 201 == site.create(**change).status


@pytest.mark.parametrize(("change", "kind"), [({"expires_in": "600"}, "a whole number"), ({"locale": 1}, "text")])
def test_a_type_is_asked_for_without_a_null(site: Site, change: dict[str, Any], kind: str) -> None:
    assert f"This must be {kind}." == site.create(**change).json["detail"]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"[" * 60_000])
def test_json_that_is_no_object_is_invalid(site: Site, body: bytes) -> None:
    reply = site.post(CREATE, body, headers=[JSON])

    assert (422, "invalid", ["body"]) == (reply.status, reply.json["code"], fields(reply))


def test_json_that_is_nested_without_end_is_refused(site: Site) -> None:
    reply = site.post(CREATE, b'{"requester":' + b"[" * 60_000, headers=[JSON])

    assert (422, ["requester"]) == (reply.status, fields(reply))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": 1}, "to"),
        ({"to": None}, "to"),
        ({"to": ["ann@example.com"]}, "to"),
        ({"channel": None}, "channel"),
        ({"purpose": {}}, "purpose"),
        ({"methods": "code"}, "methods"),
        ({"methods": ["code", 1]}, "methods[1]"),
        ({"locale": 1}, "locale"),
        ({"expires_in": "600"}, "expires_in"),
        ({"expires_in": 600.5}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"expires_in": 10**30}, "expires_in"),
        ({"digits": "6"}, "digits"),
        ({"decoy": "yes"}, "decoy"),
        ({"decoy": None}, "decoy"),
        ({"requester": "192.0.2.1"}, "requester"),
        ({"requester": {"ip": 7}}, "requester.ip"),
        ({"requester": {"known_device": 1}}, "requester.known_device"),
        ({"requester": {"user_agent": "x" * 4_097}}, "requester.user_agent"),
        ({"requester": {"port": 1}}, "requester.port"),
        ({"purpsoe": "login"}, "purpsoe"),
        ({"not-a-name `": 1}, "body"),
        ({"code": "123456"}, "code"),
    ],
)
def test_a_wrong_type_or_an_unknown_field_is_named(site: Site, change: dict[str, Any], field: str) -> None:
    reply = site.create(**change)

    assert (422, "invalid", [field]) == (reply.status, reply.json["code"], fields(reply))


@pytest.mark.parametrize("field", ["channel", "to", "purpose"])
def test_a_missing_field_is_named(site: Site, field: str) -> None:
    body = a_request()
    del body[field]

    reply = site.post(CREATE, body)

    assert (422, [field]) == (reply.status, fields(reply))


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@example.com\n",
        "a\x00nn@example.com",
        "a\u202enn@example.com",
        "a\u200bnn@example.com",
        "ann@example.com,bob@example.com",
        "ann@example.com bob@example.com",
        "Ann <ann@example.com>",
        "ann@[192.0.2.1]",
        "ann@" + "a" * 250 + ".com",
    ],
)
def test_what_is_not_one_plain_address_is_refused(site: Site, to: str) -> None:
    reply = site.create(to=to)

    assert (422, "invalid", ["to"]) == (reply.status, reply.json["code"], fields(reply))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": -1}, "expires_in"),
        ({"expires_in": 59}, "expires_in"),
        ({"expires_in": 601}, "expires_in"),
        ({"expires_in": 2**63 - 1}, "expires_in"),
        ({"digits": 0}, "digits"),
        ({"digits": 5}, "digits"),
        ({"digits": 11}, "digits"),
        ({"digits": -6}, "digits"),
        ({"channel": "pigeon"}, "channel"),
        ({"purpose": "marketing"}, "purpose"),
        ({"methods": []}, "methods"),
        ({"methods": ["code", "code"]}, "methods"),
        ({"methods": ["smoke"]}, "methods"),
        ({"locale": "../en"}, "locale"),
        ({"locale": ""}, "locale"),
        ({"requester": {"ip": "not an address"}}, "requester.ip"),
        ({"requester": {"ip": "192.0.2.1/24"}}, "requester.ip"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(site: Site, change: dict[str, Any], field: str) -> None:
    reply = site.create(**change)

    assert (422, "invalid", [field]) == (reply.status, reply.json["code"], fields(reply))


def test_a_channel_that_the_policy_refuses_is_forbidden(site: Site) -> None:
    reply = site.create(channel="sms")

    assert (403, "channel_forbidden") == (reply.status, reply.json["code"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "code"),
        ({"code": None}, "code"),
        ({"code": 271828}, "code"),
        ({"code": ["271828"]}, "code"),
        ({"code": "271828", "purpose": "marketing"}, "purpose"),
        ({"code": "271828", "to": ""}, "to"),
        ({"code": "271828", "to": "nobody"}, "to"),
        ({"code": "271828", "extra": 1}, "extra"),
    ],
)
def test_a_check_that_cannot_be_read_costs_no_attempt(site: Site, body: dict[str, Any], field: str) -> None:
    address, _ = site.sent()

    reply = site.post(f"{address}/check", body)

    assert (422, "invalid", [field]) == (reply.status, reply.json["code"], fields(reply))
    assert 5 == site.get(address).json["attempts_remaining"]


def test_no_problem_repeats_what_was_sent(site: Site) -> None:
    canary = "canary-7f3a"
    address, _ = site.sent()
    replies = [
        *(site.create(**{field: canary}) for field in ("channel", "to", "purpose", "locale", "digits", "expires_in")),
        site.create(methods=[canary]),
        site.create(requester={"ip": canary}),
        site.post(f"{address}/check", {"code": canary}),
        site.post(CREATE, f'{{"to": "{canary}'.encode(), headers=[JSON]),
        site.post(f"/v1/verifications/{canary}/check", {"code": "1"}),
        site.call("POST", CREATE, a_request(), headers=[(b"authorization", b"Bearer " + canary.encode())]),
        site.get(f"/{canary}"),
        site.call(canary.upper(), CREATE),
    ]

    assert [400 <= reply.status < 500 for reply in replies] == [True] * len(replies)
    assert not [reply.text for reply in replies if canary in reply.text.lower()]


def test_refused_input_charges_nobody(site: Site) -> None:
    for _ in range(20):
        assert 422 == site.create(digits=3).status

    assert 201 == site.create().status


@pytest.mark.parametrize(
    "declared", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/json; charset=latin-1"]
)
def test_a_body_that_is_not_declared_as_json_is_refused(site: Site, declared: bytes) -> None:
    headers = [(b"content-type", declared)] if declared else []

    reply = site.post(CREATE, b'{"channel":"email"}', headers=headers)

    assert (415, "unsupported_media_type") == (reply.status, reply.json["code"])


@pytest.mark.parametrize(
    "declared", [b"application/json; charset=utf-8", b"Application/JSON", b"application/json;charset=UTF-8"]
)
def test_json_may_be_declared_in_any_spelling(site: Site, declared: bytes) -> None:
    body = b'{"channel":"email","to":"ann@example.com","purpose":"login"}'

    assert 201 == site.post(CREATE, body, headers=[(b"content-type", declared)]).status


def test_accept_is_not_asked(site: Site) -> None:
    assert 201 == site.post(CREATE, a_request(), headers=[(b"accept", b"text/html;q=1, */*;q=0")]).status


def test_a_body_may_arrive_in_pieces(site: Site) -> None:
    pieces = [b'{"channel":"em', b"", b'ail","to":"ann@example.com",', b'"purpose":"login"}']

    assert 201 == site.post(CREATE, pieces=pieces, headers=[JSON]).status


def test_a_body_as_long_as_allowed_is_read(site: Site) -> None:
    body = b'{"channel":"email","to":"ann@example.com","purpose":"login"}'.ljust(65_536)

    assert 201 == site.post(CREATE, body, headers=[JSON]).status


@pytest.mark.parametrize("pieces", [[b" " * 65_537], [b" " * 65_536, b" "], [b" " * 1_000] * 1_000])
def test_a_body_that_is_too_long_is_refused_at_the_first_byte_too_many(site: Site, pieces: list[bytes]) -> None:
    left = list(pieces)

    reply = site.post(CREATE, pieces=left, headers=[JSON])

    assert (413, "too_large", ["body"]) == (reply.status, reply.json["code"], fields(reply))


def test_a_body_that_declares_too_much_is_refused_unread(site: Site) -> None:
    for length in (b"65537", b"9" * 4_500):
        reply = site.post(CREATE, b"{}", headers=[JSON, (b"content-length", length)])
        assert 413 == reply.status


def test_a_length_that_is_none_is_malformed(site: Site) -> None:
    reply = site.post(CREATE, b"{}", headers=[JSON, (b"content-length", b"-1")])

    assert (400, ["Content-Length"]) == (reply.status, fields(reply))


@pytest.mark.parametrize("pieces", [[], [b'{"channel":']])
def test_a_client_that_leaves_is_answered_by_nobody(site: Site, pieces: list[bytes]) -> None:
    reply = site.post(CREATE, pieces=pieces, leaves=True, headers=[JSON])

    assert 0 == reply.status
    assert [499] == [line["status"] for line in site.log()]
