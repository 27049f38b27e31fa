"""Secret links over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.secret import AUTH, JWE, LINK, WRONG, a_claim, a_secret, nonce, text
from tests.support.site import Site
from watchword.core import ids
from watchword.core.instant import DAY, MINUTE
from watchword.core.limit import Rate

S = "/v1/secrets"


def shared(site: Site, **more: Any) -> tuple[str, str]:
    """Share a secret as nobody in particular: its address and its manage token."""
    reply = site.call("POST", S, a_secret(**more))
    assert 201 == reply.status, reply.text
    return f"{S}/{reply.json['id']}", reply.json["manage_token"]


def as_maker(site: Site, method: str, address: str, token: str) -> Reply:
    """Ask with a manage token."""
    return site.call(method, address, headers=[(b"authorization", b"Bearer " + token.encode())])


def test_a_secret_goes_from_its_maker_to_one_reader(site: Site) -> None:
    address, token = shared(site)
    seen = site.call("POST", f"{address}/open", {"link": text(LINK)})
    assert ("waiting", 1, text(bytes(16))) == tuple(seen.json[key] for key in ("state", "views_remaining", "nonce"))
    granted = site.call("POST", f"{address}/claim", a_claim())
    assert (200, JWE.decode(), 0) == (
        granted.status,
        granted.json["envelope"]["jwe"],
        granted.json["views_remaining"],
    )
    second = site.call("POST", f"{address}/claim", a_claim(2))
    assert (410, "opened") == (second.status, second.json["code"])
    assert second.json["at"]
    acked = site.call("POST", f"{address}/ack", a_claim() | {"outcome": "enrolled"})
    assert (200, "opened") == (acked.status, acked.json["state"])
    assert "nonce" not in acked.json
    status = as_maker(site, "GET", f"{address}/status", token)
    assert ("opened", "enrolled") == (status.json["state"], status.json["outcome"])


def test_the_answers_for_an_unknown_id_and_a_wrong_link_are_the_same_to_the_byte(site: Site) -> None:
    address, _ = shared(site)
    nowhere = f"{S}/{ids.to_text(ids.SECRET, bytes(16))}"
    for verb, body in (
        ("open", {"link": text(WRONG)}),
        ("claim", a_claim(link=WRONG)),
        ("ack", a_claim(link=WRONG) | {"outcome": "read"}),
    ):
        replies = [site.call("POST", f"{where}/{verb}", body) for where in (address, nowhere, f"{S}/nonsense")]
        assert {404} == {reply.status for reply in replies}
        assert 1 == len({(reply.body, tuple(reply.headers)) for reply in replies})
    for method, verb in (("GET", "/status"), ("DELETE", ""), ("POST", "/unlock")):
        replies = [as_maker(site, method, where + verb, text(WRONG)) for where in (address, nowhere)]
        assert {401} == {reply.status for reply in replies}
        assert 1 == len({reply.body for reply in replies})
    assert 200 == site.call("POST", f"{address}/claim", a_claim()).status


def test_what_scanners_do_spends_nothing(site: Site) -> None:
    address, _ = shared(site)
    asked = 0
    while asked < 10_000:
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
            for verb in ("", "/open", "/claim", "/ack", "/status", "/unlock", "/blobs/0"):
                asked += 1
                assert site.call(method, address + verb).status in (
                    {200} if method == "OPTIONS" else {400, 401, 404, 405}
                )
    seen = site.call("POST", f"{address}/open", {"link": text(LINK)})
    assert ("waiting", 1) == (seen.json["state"], seen.json["views_remaining"])


def test_a_wrong_passphrase_is_told_apart_and_spends_nothing(site: Site) -> None:
    address, token = shared(site, passphrase=True)
    missing = site.call("POST", f"{address}/claim", a_claim())
    assert (422, "invalid") == (missing.status, missing.json["code"])
    left = []
    for _ in range(5):
        wrong = site.call("POST", f"{address}/claim", a_claim(auth=WRONG))
        assert (422, "not_accepted") == (wrong.status, wrong.json["code"])
        left.append(wrong.json["attempts_remaining"])
    assert [4, 3, 2, 1, 0] == left
    paused = site.call("POST", f"{address}/claim", a_claim(auth=AUTH))
    assert (429, "300") == (paused.status, paused.header("retry-after"))
    assert 5 == as_maker(site, "GET", f"{address}/status", token).json["wrong_passphrases"]
    assert 200 == as_maker(site, "POST", f"{address}/unlock", token).status
    assert 200 == site.call("POST", f"{address}/claim", a_claim(auth=AUTH)).status


def test_burning_twice_is_no_error(site: Site) -> None:
    address, token = shared(site)
    for _ in range(2):
        burnt = as_maker(site, "DELETE", address, token)
        assert (200, "burnt") == (burnt.status, burnt.json["state"])
    claimed = site.call("POST", f"{address}/claim", a_claim())
    assert (410, "burnt") == (claimed.status, claimed.json["code"])


def test_an_expired_secret_says_so_to_holders_of_the_link(site: Site) -> None:
    address, _ = shared(site, expires_in=60)
    site.world.clock.move(MINUTE)
    claimed = site.call("POST", f"{address}/claim", a_claim())
    assert (410, "expired") == (claimed.status, claimed.json["code"])
    assert 404 == site.call("POST", f"{address}/claim", a_claim(link=WRONG)).status


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("envelope.v", {"envelope": a_secret()["envelope"] | {"v": 2}}),
        ("envelope.nonce", {"envelope": a_secret()["envelope"] | {"nonce": "AAAA"}}),
        ("envelope.jwe", {"envelope": a_secret()["envelope"] | {"jwe": "a.b.c"}}),
        ("envelope.jwe", {"envelope": a_secret()["envelope"] | {"jwe": "a..b.c.é"}}),
        ("envelope.kdf", {"envelope": a_secret()["envelope"] | {"kdf": "pbkdf2-sha256-1"}, "auth_hash": text(AUTH)}),
        ("auth_hash", {"auth_hash": text(AUTH)}),
        ("link_hash", {"link_hash": text(AUTH) + "="}),
        ("link_hash", {"link_hash": text(AUTH)[:-1] + "_"}),
        ("views", {"views": 0}),
        ("views", {"views": 101}),
        ("expires_in", {"expires_in": 59}),
        ("expires_in", {"expires_in": 30 * DAY // 1_000 + 1}),
        ("nobody", {"nobody": 1}),
    ],
)
def test_a_field_that_cannot_be_is_named(site: Site, field: str, changes: dict[str, Any]) -> None:
    reply = site.call("POST", S, a_secret() | changes)
    assert (422, field) == (reply.status, reply.json["errors"][0]["field"])


def test_a_text_of_the_largest_size_is_taken_and_not_a_byte_more(site: Site) -> None:
    most = site.world.secrets.rules.max_jwe
    jwe = "e..n." + "c" * (most - 7) + ".t"
    assert 201 == site.call("POST", S, a_secret() | {"envelope": a_secret()["envelope"] | {"jwe": jwe}}).status
    jwe = jwe[:5] + "c" + jwe[5:]
    assert 413 == site.call("POST", S, a_secret() | {"envelope": a_secret()["envelope"] | {"jwe": jwe}}).status
    assert 413 == site.call("POST", S, b"{" + b" " * 300_000).status
    assert 413 == site.call("POST", f"{S}/x/open", b"{" + b" " * 70_000).status


def test_only_who_has_a_key_may_share_where_the_operator_says_so(site: Site) -> None:
    site.world.secrets.rules = site.world.secrets.rules._replace(creation="key")
    assert 401 == site.call("POST", S, a_secret()).status
    assert 201 == site.post(S, a_secret()).status
    site.world.secrets.rules = site.world.secrets.rules._replace(creation="off")
    assert 403 == site.post(S, a_secret()).status


def test_a_key_that_is_not_valid_is_refused_also_where_none_is_needed(site: Site) -> None:
    assert 401 == site.call("POST", S, a_secret(), headers=[(b"authorization", b"Bearer wk_nobody")]).status


def test_a_source_may_make_so_much_a_day_and_an_app_pays_for_itself(site: Site) -> None:
    site.world.secrets.rules = site.world.secrets.rules._replace(kib=Rate(2, DAY))
    answers = [site.call("POST", S, a_secret()) for _ in range(3)]
    assert [201, 201, 429] == [reply.status for reply in answers]
    assert "300" == answers[-1].header("retry-after")
    assert 201 == site.post(S, a_secret()).status


def test_no_proof_token_or_ciphertext_is_in_any_event(site: Site) -> None:
    address, token = shared(site, passphrase=True)
    site.call("POST", f"{address}/open", {"link": text(LINK)})
    site.call("POST", f"{address}/claim", a_claim(auth=WRONG))
    site.call("POST", f"{address}/claim", a_claim(auth=AUTH))
    site.call("POST", f"{address}/ack", a_claim() | {"outcome": "read"})
    as_maker(site, "DELETE", address, token)
    written = repr(site.world.journal.events)
    for proof in (LINK, AUTH, WRONG, nonce(1)):
        assert text(proof) not in written
        assert repr(proof) not in written
    assert token not in written
    assert JWE.decode() not in written
    assert {"secret.created", "secret.refused", "secret.claimed", "secret.acknowledged", "secret.burnt"} <= set(
        site.world.journal.names()
    )
