"""The API of verifications: what an app's backend sees."""

from __future__ import annotations

import re

import pytest

from tests.support.site import Site, a_request, an_unknown_id
from tests.support.world import wrong
from watchword.core.instant import MINUTE, SECOND


def test_a_code_is_sent_and_accepted(site: Site) -> None:
    address, code = site.sent()

    reply = site.post(f"{address}/check", {"code": code, "purpose": "login", "to": "ann@example.com"})

    assert (200, "approved") == (reply.status, reply.json["status"])


def test_the_201_says_what_the_design_promises(site: Site) -> None:
    reply = site.create(to="ann@example.com", purpose="step_up")

    shown = reply.json
    assert 201 == reply.status
    assert re.fullmatch(r"vf_[A-Za-z0-9_-]{22}", shown.pop("id"))
    assert re.fullmatch(r"[a-z]+ [a-z]+", shown.pop("watchword"))
    assert {
        "status": "pending",
        "channel": "email",
        "to": "a***@example.com",
        "purpose": "step_up",
        "methods": ["code"],
        "created_at": "2026-11-18T11:06:40.000Z",
        "expires_at": "2026-11-18T11:16:40.000Z",
        "attempts_remaining": 5,
        "resend_at": "2026-11-18T11:07:10.000Z",
        "sends_remaining": 4,
    } == shown


def test_every_field_that_may_be_asked_for_is_taken(site: Site) -> None:
    reply = site.create(
        methods=["code"],
        locale="de-AT",
        expires_in=120,
        digits=8,
        requester={"ip": "2001:db8::7", "user_agent": "Mozilla/5.0", "known_device": True},
        decoy=False,
    )
    site.run(site.world.courier.drain())

    assert 201 == reply.status
    assert "2026-11-18T11:08:40.000Z" == reply.json["expires_at"]
    assert 8 == len(site.world.outbox.last_code)
    assert "de-AT" == site.world.outbox.mails[-1][1].locale


def test_fields_that_may_be_left_out_may_be_null(site: Site) -> None:
    reply = site.create(methods=None, locale=None, expires_in=None, digits=None, requester=None)

    assert 201 == reply.status


def test_a_code_counts_once(site: Site) -> None:
    address, code = site.sent()
    site.post(f"{address}/check", {"code": code})

    again = site.post(f"{address}/check", {"code": code})

    assert (422, "not_accepted", "used") == (again.status, again.json["code"], again.json["reason"])


def test_a_wrong_code_says_how_many_are_left(site: Site) -> None:
    address, code = site.sent()

    reply = site.post(f"{address}/check", {"code": wrong(code)})

    assert 422 == reply.status
    assert ("mismatch", 4) == (reply.json["reason"], reply.json["attempts_remaining"])


def test_the_last_wrong_code_is_a_mismatch_with_none_left_and_ends_it(site: Site) -> None:
    address, code = site.sent()
    replies = [site.post(f"{address}/check", {"code": wrong(code)}) for _ in range(5)]

    late = site.post(f"{address}/check", {"code": code})

    assert ("mismatch", 0) == (replies[-1].json["reason"], replies[-1].json["attempts_remaining"])
    assert (422, "exhausted", 0) == (late.status, late.json["reason"], late.json["attempts_remaining"])


def test_a_right_code_is_too_late_after_its_lifetime(site: Site) -> None:
    address, code = site.sent()
    site.world.clock.move(10 * MINUTE)

    reply = site.post(f"{address}/check", {"code": code})

    assert (422, "expired") == (reply.status, reply.json["reason"])


@pytest.mark.parametrize("expected", [{"purpose": "recovery"}, {"to": "bob@example.com"}])
def test_a_code_for_something_or_somebody_else_is_not_accepted(site: Site, expected: dict[str, str]) -> None:
    address, code = site.sent()

    reply = site.post(f"{address}/check", {"code": code, **expected})

    assert (422, "mismatch") == (reply.status, reply.json["reason"])


@pytest.mark.parametrize("spelling", ["{0}{1}{2} {3}{4}{5}", "{0}{1}-{2}{3}-{4}{5}", "\u3000{0}{1}{2}{3}{4}{5} "])
def test_a_code_may_be_typed_with_blanks_and_dashes(site: Site, spelling: str) -> None:
    address, code = site.sent()

    assert 200 == site.post(f"{address}/check", {"code": spelling.format(*code)}).status


def test_a_code_may_be_typed_in_full_width_digits(site: Site) -> None:
    address, code = site.sent()
    wide = "".join(chr(0xFF10 + int(digit)) for digit in code)

    assert 200 == site.post(f"{address}/check", {"code": wide}).status


@pytest.mark.parametrize(
    "code", ["²71828", "①②③④⑤⑥", "abcdef", "٣٤٥٦٧٨", "😀" * 6, "1" * 10_000, "", " ", "12345\u202e6", "1\x002345"]
)
def test_what_cannot_be_a_code_is_an_invalid_field_and_costs_nothing(site: Site, code: str) -> None:
    address, _ = site.sent()

    reply = site.post(f"{address}/check", {"code": code})

    assert (422, "invalid") == (reply.status, reply.json["code"])
    assert ["code"] == [error["field"] for error in reply.json["errors"]]
    assert 5 == site.get(address).json["attempts_remaining"]


def test_looking_shows_every_delivery(site: Site) -> None:
    address, _ = site.sent()

    shown = site.get(address).json

    assert [{"at": "2026-11-18T11:06:40.000Z", "channel": "email", "status": "sent", "transport": "T1"}] == shown[
        "deliveries"
    ]


def test_a_delivery_that_waits_has_no_transport_yet(site: Site) -> None:
    reply = site.create()

    (delivery,) = site.get(f"/v1/verifications/{reply.json['id']}").json["deliveries"]

    assert ("queued", None) == (delivery["status"], delivery["transport"])


def test_a_resend_carries_the_same_code_again(site: Site) -> None:
    address, code = site.sent()
    site.world.clock.move(30 * SECOND)

    reply = site.post(f"{address}/resend")
    site.run(site.world.courier.drain())

    assert (200, 3) == (reply.status, reply.json["sends_remaining"])
    assert code == site.world.outbox.last_code


def test_a_resend_too_early_says_when(site: Site) -> None:
    address, _ = site.sent()

    reply = site.post(f"{address}/resend")

    assert (429, "rate_limited", "30") == (reply.status, reply.json["code"], reply.header("retry-after"))


@pytest.mark.parametrize("verb", ["resend", "cancel"])
def test_a_verb_without_fields_takes_an_empty_object_too(site: Site, verb: str) -> None:
    address, _ = site.sent()
    site.world.clock.move(30 * SECOND)

    assert 422 == site.post(f"{address}/{verb}", {"code": "1"}).status
    assert 200 == site.post(f"{address}/{verb}", {}).status


def test_a_canceled_verification_accepts_nothing(site: Site) -> None:
    address, code = site.sent()

    canceled = site.post(f"{address}/cancel")
    checked = site.post(f"{address}/check", {"code": code})

    assert (200, "canceled") == (canceled.status, canceled.json["status"])
    assert (422, "canceled") == (checked.status, checked.json["reason"])


def test_what_is_over_cannot_be_canceled_or_sent_again(site: Site) -> None:
    address, code = site.sent()
    site.post(f"{address}/check", {"code": code})

    for verb in ("cancel", "resend"):
        reply = site.post(f"{address}/{verb}")
        assert (409, "ended") == (reply.status, reply.json["code"])


def test_too_many_sends_to_one_address_are_refused_however_it_is_spelled(site: Site) -> None:
    spellings = ["ann@example.com", "Ann@example.com", "ann+a@example.com"]
    assert [201, 201, 201] == [site.create(to=to).status for to in spellings]

    reply = site.create(to="ANN+b@EXAMPLE.com")

    assert 429 == reply.status
    assert int(reply.header("retry-after")) > 0


def test_a_decoy_answers_like_any_other_and_never_matches(site: Site) -> None:
    real, decoy = site.create(to="real@example.com").json, site.create(to="none@example.com", decoy=True).json
    address = f"/v1/verifications/{decoy['id']}"
    site.run(site.world.courier.drain())

    assert real.keys() == decoy.keys()
    assert ["real@example.com"] == [to for to, _ in site.world.outbox.mails]
    assert "mismatch" == site.post(f"{address}/check", {"code": "000000"}).json["reason"]


def test_the_same_idempotency_key_makes_nothing_new(site: Site) -> None:
    key = (b"idempotency-key", b"order-17")
    first = site.post("/v1/verifications", a_request(), headers=[key])

    again = site.post("/v1/verifications", a_request(), headers=[key])

    assert (201, 201) == (first.status, again.status)
    assert first.body == again.body
    assert ("", "true") == (first.header("idempotency-replayed"), again.header("idempotency-replayed"))


def test_blanks_and_the_order_of_members_make_no_other_request(site: Site) -> None:
    key = (b"idempotency-key", b"order-18")
    json_type = (b"content-type", b"application/json")
    first = b'{"channel":"email","to":"ann@example.com","purpose":"login"}'
    second = b'{ "purpose": "login", "to": "ann@example.com",\n "channel": "email" }'

    replies = [site.post("/v1/verifications", body, headers=[key, json_type]) for body in (first, second)]

    assert [201, 201] == [reply.status for reply in replies]
    assert replies[0].body == replies[1].body


def test_the_same_idempotency_key_with_another_request_is_refused(site: Site) -> None:
    key = (b"idempotency-key", b"order-19")
    site.post("/v1/verifications", a_request(), headers=[key])

    reply = site.post("/v1/verifications", a_request(to="bob@example.com"), headers=[key])

    assert (422, "idempotency_reused") == (reply.status, reply.json["code"])
    assert ["Idempotency-Key"] == [error["field"] for error in reply.json["errors"]]


@pytest.mark.parametrize("key", [b"", b"a" * 256, b"\xe9", b"a\tb"])
def test_an_idempotency_key_that_is_none_is_refused(site: Site, key: bytes) -> None:
    reply = site.post("/v1/verifications", a_request(), headers=[(b"idempotency-key", key)])

    assert (422, "invalid") == (reply.status, reply.json["code"])
    assert ["Idempotency-Key"] == [error["field"] for error in reply.json["errors"]]


@pytest.mark.parametrize("made_up", [an_unknown_id(), "vf_", "x", "vf_" + "A" * 21 + "B", "ap_" + "A" * 22, "..", "é"])
@pytest.mark.parametrize("verb", ["", "/check", "/resend", "/cancel"])
def test_an_id_that_is_none_is_unknown(site: Site, made_up: str, verb: str) -> None:
    target = f"/v1/verifications/{made_up}{verb}"

    reply = site.post(target, {"code": "123456"} if verb == "/check" else {}) if verb else site.get(target)

    assert (404, "unknown") == (reply.status, reply.json["code"])
    assert "No verification of that id in this app." == reply.json["detail"]


def test_another_apps_verification_is_unknown_and_unharmed(site: Site) -> None:
    address, code = site.sent()
    _, other_key = site.run(site.world.apps.create("Other"))
    other = [(b"authorization", b"Bearer " + other_key.encode())]

    for method, verb, body in (("GET", "", None), ("POST", "/check", {"code": code}), ("POST", "/cancel", None)):
        reply = site.call(method, address + verb, body, headers=other)
        assert (404, "unknown") == (reply.status, reply.json["code"])

    assert 200 == site.post(f"{address}/check", {"code": code}).status
