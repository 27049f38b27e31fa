"""Requests as they are written and answers as they are read; a check fails closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.answers import ID, VERIFICATION, body
from watchword.client import verification
from watchword.client.protocol import Ask, Reply, Steps
from watchword.client.verification import Delivery, Tls, Verification
from watchword.errors import InvalidInputError, UnavailableError, UnknownError

Call = Callable[[str], Steps[Verification]]
CALLS: dict[str, Call] = {"resend": verification.resend, "cancel": verification.cancel, "get": verification.get}


def asked(steps: Steps[Verification]) -> Ask:
    step = next(steps)
    assert isinstance(step, Ask)
    return step


def answered(steps: Steps[Verification], content: bytes, status: int = 200) -> Verification:
    next(steps)
    try:
        steps.send(Reply(status, content))
    except StopIteration as end:
        found: Verification = end.value
        return found
    raise AssertionError("asked again")


def create(**changes: Any) -> Steps[Verification]:
    fields: dict[str, Any] = {
        "to": "maria@example.org",
        "purpose": "login",
        "channel": "email",
        "locale": None,
        "expires_in": None,
        "digits": None,
        "requester_ip": None,
        "user_agent": None,
        "known_device": None,
        "methods": None,
        "link": None,
        "action": None,
        "decoy": False,
        "subject": None,
        "notice_acknowledged": None,
        "idempotency_key": "k",
        "jitter": lambda: 0.0,
    }
    return verification.create(**fields | changes)


def check(code: str = "123456", *, purpose: str = "login", to: str = "maria@example.org") -> Steps[Verification]:
    return verification.check(ID, code, purpose=purpose, to=to)


def test_create_sends_what_was_given_and_leaves_out_the_rest() -> None:
    ask = asked(create())

    assert (ask.method, ask.path) == ("POST", "/v1/verifications")
    assert ask.headers["Idempotency-Key"] == "k"
    assert json.loads(ask.content) == {"channel": "email", "to": "maria@example.org", "purpose": "login"}


def test_create_sends_every_field_in_its_place() -> None:
    ask = asked(
        create(
            locale="de",
            expires_in=timedelta(minutes=5),
            digits=8,
            requester_ip="192.0.2.7",
            user_agent="Firefox",
            known_device=False,
            decoy=True,
            subject="user-4711",
            notice_acknowledged="2026-11",
        )
    )

    assert json.loads(ask.content) == {
        "channel": "email",
        "to": "maria@example.org",
        "purpose": "login",
        "locale": "de",
        "expires_in": 300,
        "digits": 8,
        "requester": {"ip": "192.0.2.7", "user_agent": "Firefox", "known_device": False},
        "decoy": True,
        "subject": "user-4711",
        "notice_acknowledged": "2026-11",
    }


def test_a_lifetime_of_half_a_second_more_is_refused_and_not_cut_off() -> None:
    with pytest.raises(InvalidInputError) as caught:
        create(expires_in=timedelta(seconds=300.5))

    assert caught.value.field == "expires_in"


@pytest.mark.parametrize("field", ["expires_in", "idempotency_key"])
def test_a_number_where_something_else_belongs_is_refused(field: str) -> None:
    with pytest.raises(InvalidInputError):
        create(**{field: 300})


@pytest.mark.parametrize("key", ["", "a\r\nX-Evil: 1", "ключ", "k" * 256])
def test_an_idempotency_key_that_is_no_header_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        create(idempotency_key=key)

    assert caught.value.field == "Idempotency-Key"


def test_check_sends_purpose_and_address_to_be_compared() -> None:
    ask = asked(check())

    assert (ask.method, ask.path) == ("POST", f"/v1/verifications/{ID}/check")
    assert json.loads(ask.content) == {"code": "123456", "purpose": "login", "to": "maria@example.org"}


@pytest.mark.parametrize("field", ["code", "purpose", "to"])
@pytest.mark.parametrize("value", ["", None, 123456, b"123456"])
def test_check_refuses_what_would_leave_a_comparison_out(field: str, value: Any) -> None:
    given = {"code": "123456", "purpose": "login", "to": "maria@example.org"} | {field: value}

    with pytest.raises(InvalidInputError) as caught:
        verification.check(ID, given["code"], purpose=given["purpose"], to=given["to"])

    assert caught.value.field == field


def test_a_code_that_cannot_be_sent_is_in_no_exception() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check("123456\ud800")

    assert caught.value.__context__ is None
    assert "123456" not in repr(caught.value)


def test_check_returns_what_is_approved() -> None:
    found = answered(check(), body(status="approved"))

    assert found.status == "approved"


@pytest.mark.parametrize("status", ["pending", "confirmed", "expired", "", "Approved", "approved ", None, True, 1])
def test_check_raises_on_a_2xx_that_does_not_say_approved(status: object) -> None:
    with pytest.raises(UnavailableError):
        answered(check(), body(status=status))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"true", b'"approved"', b'{"status":"approved"}', b"<html>approved</html>"]
)
def test_check_raises_on_a_2xx_that_is_no_verification(content: bytes) -> None:
    with pytest.raises(UnavailableError):
        answered(check(), content)


def test_check_raises_where_the_approval_is_of_another_purpose() -> None:
    with pytest.raises(UnavailableError):
        answered(check(), body(status="approved", purpose="recovery"))


def test_check_raises_where_the_approval_is_of_another_verification() -> None:
    with pytest.raises(UnavailableError):
        answered(check(), body(status="approved", id="vf_AZqyDZ0AAAECAwQFBgcIAA"))


@given(content=st.binary() | st.dictionaries(st.text(), st.text()).map(lambda found: json.dumps(found).encode()))
def test_check_never_returns_on_anything_but_an_approval(content: bytes) -> None:
    with pytest.raises(UnavailableError):
        answered(check(), content)


@pytest.mark.parametrize(
    ("verb", "method", "path"), [("resend", "POST", "/resend"), ("cancel", "POST", "/cancel"), ("get", "GET", "")]
)
def test_the_other_verbs_ask_their_route_without_a_body(verb: str, method: str, path: str) -> None:
    ask = asked(CALLS[verb](ID))

    assert (ask.method, ask.path, ask.content) == (method, f"/v1/verifications/{ID}{path}", b"")


@pytest.mark.parametrize("verb", CALLS)
def test_the_other_verbs_raise_on_an_answer_about_another_verification(verb: str) -> None:
    with pytest.raises(UnavailableError):
        answered(CALLS[verb](ID), body(id="vf_AZqyDZ0AAAECAwQFBgcIAA"))


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize(
    "text", ["../apps", "vf_x", ID + "/cancel", ID + "?", ID[:-1] + "R", ID + "\n", "ap_" + ID[3:]]
)
def test_what_is_no_id_is_unknown_and_never_part_of_a_path(verb: str, text: str) -> None:
    with pytest.raises(UnknownError):
        CALLS[verb](text)


def test_an_id_that_is_no_text_is_refused_by_name() -> None:
    missing: Any = None

    with pytest.raises(InvalidInputError) as caught:
        verification.get(missing)

    assert caught.value.field == "id"


def test_an_answer_is_read_with_aware_times() -> None:
    found = answered(verification.get(ID), body())

    assert found.created_at == datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
    assert found.expires_at.tzinfo is not None
    assert found.methods == ("code",)
    assert found.watchword == "copper lantern"
    assert found.deliveries == ()


def test_an_answer_with_a_time_of_no_zone_is_not_understood() -> None:
    with pytest.raises(UnavailableError):
        answered(verification.get(ID), body(expires_at="2026-11-23T14:12:11"))


def test_deliveries_are_read_with_what_tls_proved() -> None:
    tls = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "certificate_sha256": "ab" * 32}
    sent = {"at": "2026-11-23T14:02:12.000Z", "channel": "email", "status": "sent", "transport": "T1", "tls": tls}

    found = answered(verification.get(ID), body(deliveries=[sent]))

    at = datetime(2026, 11, 23, 14, 2, 12, tzinfo=UTC)
    assert found.deliveries == (Delivery(at=at, channel="email", status="sent", transport="T1", tls=Tls(**tls)),)


def test_members_of_a_later_version_are_let_be() -> None:
    assert answered(verification.get(ID), body(page_url="https://example.org/v/1")).id == ID


@pytest.mark.parametrize("member", sorted(VERIFICATION))
def test_an_answer_that_lacks_a_member_is_not_understood(member: str) -> None:
    content = json.dumps({name: value for name, value in VERIFICATION.items() if name != member}).encode()

    with pytest.raises(UnavailableError) as caught:
        answered(verification.get(ID), content)

    assert caught.value.__context__ is None


def test_the_watchword_is_not_in_the_repr() -> None:
    assert "copper" not in repr(answered(verification.get(ID), body()))


def test_a_result_cannot_be_changed() -> None:
    found: Any = answered(verification.get(ID), body())

    with pytest.raises(AttributeError):
        found.status = "approved"
