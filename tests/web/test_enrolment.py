"""Hosted enrolment pages and their exchange over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.link import OTHER_VERIFIER, REDIRECT, VERIFIER, Holder, a_link, handed_off
from tests.support.site import Site
from watchword.core import base32
from watchword.core.instant import MINUTE
from watchword.core.limit import Rate
from watchword.core.totp import totp

A = "/v1/authenticators"
ANN = "user-1"


@pytest.fixture
def shop() -> Iterator[Site]:
    """A service with an app that has a redirect URI."""
    with Site() as site:
        world = site.world
        world.app = site.run(world.apps.update(world.app, redirect_uris=[REDIRECT]))
        yield site


class Begun:
    """An enrolment with a hosted page, and whoever has its address."""

    def __init__(self, site: Site) -> None:
        self.site = site
        made = site.post(A, {"subject": ANN, "link": a_link()})
        assert 201 == made.status, made.text
        self.made = made.json
        self.page = Holder(self.made["page_url"])

    def ask(self, verb: str, **more: Any) -> Reply:
        return self.site.call("POST", f"{self.page.address}/{verb}", {"proof": self.page.proof} | more)

    def code(self, off: int = 0) -> str:
        return totp(base32.read(self.made["secret"]), self.site.world.clock.now() + off * 30_000)

    def exchange(self, handoff: str, **more: Any) -> Reply:
        asked = {"subject": ANN, "code": handoff, "code_verifier": VERIFIER}
        return self.site.post(f"{A}/exchange", asked | more)


def test_without_a_link_there_is_no_page(shop: Site) -> None:
    made = shop.post(A, {"subject": ANN}).json
    assert "page_url" not in made


def test_the_page_shows_the_key_until_a_code_was_right_and_leads_back_afterwards(shop: Site) -> None:
    begun = Begun(shop)
    seen = begun.ask("open").json
    assert ("pending", "Acme", begun.made["secret"]) == (seen["status"], seen["app"], seen["key"]["secret"])
    assert begun.made["otpauth_uri"] == seen["key"]["otpauth_uri"]
    assert "redirect_to" not in seen
    confirmed = begun.ask("confirm", code=begun.code())
    assert ("confirmed", 10) == (confirmed.json["status"], len(confirmed.json["recovery_codes"]))
    seen = begun.ask("open").json
    assert "confirmed" == seen["status"]
    assert "key" not in seen
    active = begun.exchange(handed_off(seen["redirect_to"]))
    assert (200, "active") == (active.status, active.json["status"])
    seen = begun.ask("open").json
    assert {"status": "active", "app": "Acme"} == seen


def test_an_exchange_needs_the_hand_off_the_verifier_and_the_subject(shop: Site) -> None:
    begun = Begun(shop)
    handoff = handed_off(begun.ask("confirm", code=begun.code()).json["redirect_to"])
    other = shop.post("/v1/exchange", {"code": handoff, "code_verifier": VERIFIER})
    assert (422, "mismatch") == (other.status, other.json["reason"])
    altered = handoff[:-2] + ("AA" if handoff[-2:] != "AA" else "BA")
    for change in ({"code_verifier": OTHER_VERIFIER}, {"subject": "user-2"}, {"code": altered}, {"code": "x"}):
        refused = begun.exchange(**{"handoff": handoff} | change)
        assert (422, "mismatch") == (refused.status, refused.json["reason"]), change
    for field, value in (("code_verifier", "short"), ("subject", "")):
        refused = begun.exchange(handoff, **{field: value})
        assert (422, field) == (refused.status, refused.json["errors"][0]["field"])
    assert 200 == begun.exchange(handoff).status
    again = begun.exchange(handoff)
    assert (422, "used") == (again.status, again.json["reason"])


def test_wrong_codes_are_counted_down_and_what_is_no_code_costs_nothing(shop: Site) -> None:
    begun = Begun(shop)
    malformed = begun.ask("confirm", code="12a")
    assert (422, "code") == (malformed.status, malformed.json["errors"][0]["field"])
    wrong = begun.ask("confirm", code=begun.code(1000))
    assert (422, "mismatch", 9) == (wrong.status, wrong.json["reason"], wrong.json["attempts_remaining"])


def test_every_wrong_proof_and_every_id_without_a_page_is_one_and_the_same_404(shop: Site) -> None:
    begun, plain = Begun(shop), shop.post(A, {"subject": ANN}).json["id"]
    proof, wrong = begun.page.proof, Holder(begun.page.url.partition("#")[0] + "#" + "A" * 43).proof
    for verb, more in (("open", {}), ("confirm", {"code": begun.code()})):
        replies = [
            shop.call("POST", f"/v1/enrolments/{name}/{verb}", {"proof": given} | more)
            for name, given in (
                (begun.page.id, wrong),
                (plain, proof),
                ("au_" + "A" * 22, proof),
                ("vf_" + "A" * 22, proof),
                ("nonsense", proof),
            )
        ]
        assert {404} == {reply.status for reply in replies}
        assert 1 == len({reply.body for reply in replies})
    assert "pending" == begun.ask("open").json["status"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"redirect_uri": REDIRECT + "/"}, 403),
        ({"code_challenge_method": "plain"}, 422),
        ({"code_challenge": "short"}, 422),
        ({"state": "ä"}, 422),
    ],
)
def test_a_session_that_cannot_be_is_refused_and_nothing_is_made(
    shop: Site, change: dict[str, str], status: int
) -> None:
    refused = shop.post(A, {"subject": ANN, "link": a_link(**change)})
    assert status == refused.status
    assert [] == shop.get(f"{A}?subject={ANN}").json["authenticators"]


def test_one_source_is_slowed_down(shop: Site) -> None:
    begun = Begun(shop)
    shop.world.enrolments.limit.rates = (Rate(2, MINUTE),)
    assert [200, 200, 429] == [begun.ask("open").status for _ in range(3)]


def test_the_app_cannot_confirm_what_its_page_confirms(shop: Site) -> None:
    begun = Begun(shop)
    assert 409 == shop.post(f"{A}/{begun.page.id}/confirm", {"code": begun.code()}).status
    assert "pending" == begun.ask("open").json["status"]
