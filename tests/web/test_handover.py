"""Hand-overs over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.site import Site
from tests.web.test_authenticator import ANN, ask, check
from watchword.core import binary, secret_content
from watchword.core.envelope import link_proof, open_envelope, read_envelope
from watchword.core.instant import DAY, MINUTE
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.secret_link import read_link
from watchword.core.totp import totp

H = "/v1/authenticators/handover"
CLAIM = binary.encode(b"c" * 16)


def handed_over(site: Site, **more: Any) -> dict[str, Any]:
    reply = ask(site, "POST", H, {"subject": ANN, **more})
    assert 201 == reply.status, reply.text
    answer: dict[str, Any] = reply.json
    return answer


def opened(site: Site, made: dict[str, Any]) -> tuple[str, AuthenticatorKey]:
    """Claim the link without any key: the proof, and what was in it."""
    found = read_link(made["url"])
    proof = binary.encode(link_proof(found.key))
    seen = site.call("POST", f"/v1/secrets/{made['secret_id']}/open", {"link": proof})
    assert (200, True) == (seen.status, seen.json["handover"])
    granted = site.call("POST", f"/v1/secrets/{made['secret_id']}/claim", {"link": proof, "claim": CLAIM})
    assert (200, True) == (granted.status, granted.json["handover"])
    key = secret_content.of_document(open_envelope(read_envelope(granted.json["envelope"]), found.key))
    assert isinstance(key, AuthenticatorKey)
    return proof, key


def confirm(site: Site, made: dict[str, Any], proof: str, code: str) -> Reply:
    body = {"link": proof, "claim": CLAIM, "code": code}
    return site.call("POST", f"/v1/secrets/{made['secret_id']}/confirm", body)


def test_a_hand_over_goes_from_its_making_to_sign_in(site: Site) -> None:
    made = handed_over(site, label="Front desk", issuer="ACME", account="desk", rotate_by="2100-05-31T00:00:00+02:00")
    assert ("pending", ANN, "Front desk") == (made["status"], made["subject"], made["label"])
    assert made["status_url"].startswith("http://127.0.0.1:8000/s/sc_")
    proof, key = opened(site, made)
    assert ("ACME", "desk") == (key.issuer, key.account)
    now = site.world.clock.now()
    done = confirm(site, made, proof, totp(key.secret, now))
    assert (200, "enrolled") == (done.status, done.json["status"])
    again = confirm(site, made, proof, totp(key.secret, now))
    assert done.json == again.json
    bearer = [(b"authorization", b"Bearer " + made["manage_token"].encode())]
    status = site.call("GET", f"/v1/secrets/{made['secret_id']}/status", headers=bearer)
    assert ("opened", "enrolled", done.json["at"]) == tuple(
        status.json[name] for name in ("state", "outcome", "opened_at")
    )
    site.world.clock.move(MINUTE)
    assert 200 == check(site, totp(key.secret, site.world.clock.now())).status
    shown = ask(site, "GET", f"/v1/authenticators/{made['id']}").json
    assert ("handed_over", True, "2100-05-30T22:00:00.000Z") == (shown["origin"], shown["shared"], shown["rotate_by"])


def test_wrong_codes_count_down_and_end_it(site: Site) -> None:
    made = handed_over(site)
    proof, key = opened(site, made)
    off = totp(key.secret, site.world.clock.now() + DAY)
    left = []
    for _ in range(5):
        reply = confirm(site, made, proof, off)
        assert 422 == reply.status
        left.append((reply.json["reason"], reply.json["attempts_remaining"]))
    assert [("mismatch", 4), ("mismatch", 3), ("mismatch", 2), ("mismatch", 1), ("exhausted", 0)] == left
    assert 404 == confirm(site, made, proof, totp(key.secret, site.world.clock.now())).status
    assert "exhausted" == ask(site, "GET", f"/v1/authenticators/{made['id']}").json["status"]


def test_an_unknown_id_a_wrong_link_a_dead_claim_and_another_secret_are_one_answer(site: Site) -> None:
    made = handed_over(site)
    proof, key = opened(site, made)
    code = totp(key.secret, site.world.clock.now())
    unknown = confirm(site, made | {"secret_id": "sc_AAECAwQFBgcICQoLDA0ODw"}, proof, code)
    wrong = confirm(site, made, binary.encode(bytes(32)), code)
    other = site.call("POST", "/v1/secrets/nothing/confirm", {"link": proof, "claim": CLAIM, "code": code})
    site.world.clock.move(16 * MINUTE)
    dead = confirm(site, made, proof, totp(key.secret, site.world.clock.now()))
    assert {404} == {reply.status for reply in (unknown, wrong, other, dead)}
    assert 1 == len({reply.text for reply in (unknown, wrong, other, dead)})


def test_its_app_and_its_reader_cannot_end_it(site: Site) -> None:
    made = handed_over(site)
    proof, key = opened(site, made)
    code = totp(key.secret, site.world.clock.now())
    assert 409 == ask(site, "POST", f"/v1/authenticators/{made['id']}/confirm", {"code": code}).status
    body = {"link": proof, "claim": CLAIM, "outcome": "read"}
    assert 409 == site.call("POST", f"/v1/secrets/{made['secret_id']}/ack", body).status


def test_a_passphrase_stands_before_the_link(site: Site) -> None:
    made = handed_over(site, passphrase="velvet lantern")
    found = read_link(made["url"])
    body = {"link": binary.encode(link_proof(found.key)), "claim": CLAIM}
    assert (
        "pbkdf2-sha256-600000"
        == site.call("POST", f"/v1/secrets/{made['secret_id']}/open", {"link": body["link"]}).json["kdf"]
    )
    refused = site.call("POST", f"/v1/secrets/{made['secret_id']}/claim", body)
    assert (422, "auth") == (refused.status, refused.json["errors"][0]["field"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": ANN, "digits": 9}, "digits"),
        ({"subject": ANN, "period": 121}, "period"),
        ({"subject": ANN, "expires_in": 59}, "expires_in"),
        ({"subject": ANN, "passphrase": ""}, "passphrase"),
        ({"subject": ANN, "rotate_by": "2000-01-01T00:00:00Z"}, "rotate_by"),
        ({"subject": ANN, "rotate_by": "2100-01-01T00:00:00"}, "rotate_by"),
        ({"subject": ANN, "rotate_by": "soon"}, "rotate_by"),
        ({"subject": ANN, "label": "a\nb"}, "label"),
    ],
)
def test_what_cannot_be_handed_over_is_refused_by_field(site: Site, body: dict[str, Any], field: str) -> None:
    reply = ask(site, "POST", H, body)
    assert (422, field) == (reply.status, reply.json["errors"][0]["field"]), reply.text


def test_what_cannot_be_a_code_costs_no_try(site: Site) -> None:
    made = handed_over(site)
    proof, _ = opened(site, made)
    assert (422, "code") == (
        (reply := confirm(site, made, proof, "12a456")).status,
        reply.json["errors"][0]["field"],
    )
    assert 5 == site.run(_tries(site, made))


async def _tries(site: Site, made: dict[str, Any]) -> int:
    row = site.world.store.tables.authenticators.at_link(read_link(made["url"]).id)  # type: ignore[attr-defined]
    assert row is not None
    return int(row.tries_left)


def test_nobody_without_a_key_may_hand_over(site: Site) -> None:
    assert 401 == site.call("POST", H, {"subject": ANN}).status
