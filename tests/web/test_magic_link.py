"""Magic links, hosted code pages and the exchange over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.link import (
    CHALLENGE,
    OTHER_VERIFIER,
    REDIRECT,
    STATE,
    VERIFIER,
    Holder,
    a_link,
    b64,
    handed_off,
)
from tests.support.site import Site, a_request, an_unknown_id
from tests.support.world import wrong
from watchword.core.action import Template
from watchword.core.instant import MINUTE, SECOND
from watchword.core.limit import Rate
from watchword.core.policy import Limits, Rules
from watchword.core.words import SIGNS

V = "/v1/verifications"
UNLIMITED = Limits((), (), (), (), (Rate(1000, MINUTE),), ())
TRANSFER = Template(
    {"amount": "amount", "payee": "text"},
    {"en": "Send {amount} to {payee}", "de": "{amount} an {payee} senden"},
)
ACTION = {"template": "transfer", "params": {"amount": "EUR 12.50", "payee": "Ann"}}


@pytest.fixture
def shop() -> Iterator[Site]:
    """A service with an app that has a redirect URI and an action."""
    with Site(rules=Rules(limits=UNLIMITED, actions={"Acme": {"transfer": TRANSFER}})) as site:
        world = site.world
        world.app = site.run(world.apps.update(world.app, redirect_uris=[REDIRECT]))
        yield site


class Asked:
    """A verification with a link: what its app, its mail and its hosted page have of it."""

    def __init__(self, site: Site, **fields: Any) -> None:
        self.site = site
        self.made = site.post(V, a_request(link=a_link()) | fields)
        assert 201 == self.made.status, self.made.text
        self.id: str = self.made.json["id"]
        site.run(site.world.courier.drain())
        message = site.world.outbox.mails[-1][1]
        self.mail = Holder(message.link)
        self.code = message.code

    @property
    def page(self) -> Holder:
        return Holder(self.made.json["page_url"])

    @property
    def status(self) -> str:
        status: str = self.site.get(f"{V}/{self.id}").json["status"]
        return status

    def call(self, holder: Holder, verb: str, **body: Any) -> Reply:
        proven = {} if verb == "open" and "/l/" in holder.url else {"proof": holder.proof}
        return self.site.call("POST", f"{holder.address}/{verb}", proven | body)

    def continued(self) -> str:
        reply = self.call(self.mail, "continue")
        assert 200 == reply.status, reply.text
        return handed_off(reply.json["redirect_to"])

    def exchange(self, **body: Any) -> Reply:
        return self.site.post("/v1/exchange", {"code_verifier": VERIFIER} | body)

    @property
    def sign(self) -> str:
        words: str = self.made.json["watchword"]
        return words.split(maxsplit=1)[0]


def refused(reply: Reply) -> tuple[int, str, str | None]:
    return reply.status, reply.json["code"], reply.json.get("reason")


# --- the journeys -----------------------------------------------------------------------------------


def test_a_link_signs_in_on_the_device_that_asked(shop: Site) -> None:
    asked = Asked(shop)
    assert ["code", "link"] == asked.made.json["methods"]
    context = asked.mail.read(asked.call(asked.mail, "open").json["context"])
    assert ("pending", "Acme", "login", "a***@example.com") == tuple(
        context[name] for name in ("status", "app", "purpose", "to")
    )
    assert asked.made.json["watchword"].split()[1] == context["countersign"]
    assert asked.sign not in str(context)
    code = asked.continued()
    assert "pending" == asked.status
    done = asked.exchange(code=code)
    assert (200, "approved", asked.id) == (done.status, done.json["status"], done.json["id"])
    assert "page_url" not in done.json


def test_a_link_confirms_on_another_device_and_the_session_that_asked_collects(shop: Site) -> None:
    asked = Asked(shop)
    assert (422, "not_accepted", "pending") == refused(asked.exchange(id=asked.id))
    assert {"status": "confirmed"} == asked.call(asked.mail, "confirm", word=f" {asked.sign.upper()} ").json
    assert "confirmed" == asked.status
    assert "confirmed" == asked.mail.read(asked.call(asked.mail, "open").json["context"])["status"]
    assert "approved" == asked.exchange(id=asked.id).json["status"]
    assert (422, "not_accepted", "used") == refused(asked.exchange(id=asked.id))


def test_the_hosted_page_confirms_with_the_code_and_leads_back(shop: Site) -> None:
    asked = Asked(shop)
    seen = asked.call(asked.page, "open")
    assert ("pending", "Acme", 6, asked.made.json["watchword"], 5) == tuple(
        seen.json[name] for name in ("status", "app", "digits", "watchword", "attempts_remaining")
    )
    missed = asked.call(asked.page, "check", code=wrong(asked.code))
    assert (422, "not_accepted", "mismatch") == refused(missed)
    assert 4 == missed.json["attempts_remaining"]
    done = asked.call(asked.page, "check", code=f" {asked.code[:3]}-{asked.code[3:]} ")
    assert "confirmed" == done.json["status"] == asked.status
    again = asked.call(asked.page, "check", code=asked.code)
    assert done.json["redirect_to"] != again.json["redirect_to"]
    assert "approved" == asked.exchange(code=handed_off(again.json["redirect_to"])).json["status"]
    assert (422, "not_accepted", "used") == refused(asked.call(asked.page, "check", code=asked.code))


def test_using_one_of_code_and_link_ends_both(shop: Site) -> None:
    asked = Asked(shop)
    code = asked.continued()
    assert 200 == shop.post(f"{V}/{asked.id}/check", {"code": asked.code}).status
    assert (422, "not_accepted", "used") == refused(asked.exchange(code=code))
    assert (422, "not_accepted", "used") == refused(asked.call(asked.mail, "continue"))
    asked = Asked(shop)
    assert 200 == asked.exchange(code=asked.continued()).status
    assert (422, "not_accepted", "used") == refused(shop.post(f"{V}/{asked.id}/check", {"code": asked.code}))


def test_a_backend_may_check_the_code_of_what_is_confirmed(shop: Site) -> None:
    asked = Asked(shop)
    asked.call(asked.mail, "confirm", word=asked.sign)
    assert "approved" == shop.post(f"{V}/{asked.id}/check", {"code": asked.code}).json["status"]


def test_a_mail_with_a_link_alone_has_no_code_and_no_page(shop: Site) -> None:
    asked = Asked(shop, methods=["link"])
    assert ["link"] == asked.made.json["methods"]
    assert "page_url" not in asked.made.json
    assert "" == asked.code
    assert asked.mail.read(asked.call(asked.mail, "open").json["context"])["code"] is False
    for _ in range(6):
        typed = shop.post(f"{V}/{asked.id}/check", {"code": "123456"})
        assert (422, "invalid", "code") == (*refused(typed)[:2], typed.json["errors"][0]["field"])
    assert 200 == asked.exchange(code=asked.continued()).status


def test_a_code_alone_may_have_a_hosted_page(shop: Site) -> None:
    asked = Asked(shop, methods=["code"])
    assert "" == shop.world.outbox.mails[-1][1].link
    assert 200 == asked.call(asked.page, "open").status


def test_a_replayed_create_tells_the_page_again(shop: Site) -> None:
    headers = [(b"idempotency-key", b"order-7")]
    first, second = (shop.post(V, a_request(link=a_link()), headers=headers) for _ in range(2))
    assert "true" == second.header("idempotency-replayed")
    assert first.json == second.json
    assert first.json["page_url"].startswith("http://127.0.0.1:8000/v/vf_")


def test_a_hosted_page_sends_again_as_often_as_the_app_could(shop: Site) -> None:
    asked = Asked(shop)
    early = asked.call(asked.page, "resend")
    assert (429, "30") == (early.status, early.header("retry-after"))
    for wait in (30, 60, 120, 300):
        shop.world.clock.move(wait * SECOND)
        assert 200 == asked.call(asked.page, "resend").status
    assert 0 == asked.call(asked.page, "open").json["sends_remaining"]
    assert (409, "sends_spent") == refused(asked.call(asked.page, "resend"))[:2]
    shop.post(f"{V}/{asked.id}/cancel")
    assert (409, "ended") == refused(asked.call(asked.page, "resend"))[:2]


# --- nobody is told anything --------------------------------------------------------------------------


def test_a_bare_id_an_unknown_one_and_one_without_a_link_are_answered_alike(shop: Site) -> None:
    asked, plain = Asked(shop), shop.create()
    decoy = shop.post(V, a_request(link=a_link(), decoy=True))
    named = [asked.id, plain.json["id"], decoy.json["id"], an_unknown_id(), "nonsense"]
    replies = [shop.call("POST", f"/v1/links/{name}/open") for name in named]
    assert {200} == {reply.status for reply in replies}
    assert 1 == len({tuple(reply.headers) for reply in replies})
    shapes = {tuple(len(part) for part in reply.json["context"].split(".")) for reply in replies}
    assert 1 == len(shapes)
    assert {("context",)} == {tuple(reply.json) for reply in replies}


def test_every_wrong_proof_and_every_id_that_has_no_such_page_is_one_and_the_same_404(shop: Site) -> None:
    asked, other = Asked(shop), Asked(shop)
    link_alone, plain = Asked(shop, methods=["link"]), shop.create().json["id"]
    decoy = shop.post(V, a_request(link=a_link(), decoy=True)).json["id"]
    bodies = {"continue": {}, "confirm": {"word": asked.sign}}
    on_pages = {"open": {}, "check": {"code": "123456"}, "resend": {}}
    replies = []
    for proof in (b64(bytes(32)), other.mail.proof, other.page.proof, b64(asked.mail.key), b64(asked.page.key)):
        for name in (asked.id, plain, decoy, link_alone.id, an_unknown_id(), "nonsense", "vf_"):
            replies += [
                shop.call("POST", f"/v1/links/{name}/{verb}", {"proof": proof, **more}) for verb, more in bodies.items()
            ] + [
                shop.call("POST", f"/v1/pages/{name}/{verb}", {"proof": proof, **more})
                for verb, more in on_pages.items()
            ]
    assert {404} == {reply.status for reply in replies}
    assert 1 == len({reply.body for reply in replies})
    assert (5, "pending") == (shop.get(f"{V}/{asked.id}").json["attempts_remaining"], asked.status)


def test_the_ticket_opens_no_link_and_the_link_no_page(shop: Site) -> None:
    asked = Asked(shop)
    assert 404 == shop.call("POST", f"/v1/links/{asked.id}/continue", {"proof": asked.page.proof}).status
    assert 404 == shop.call("POST", f"/v1/pages/{asked.id}/open", {"proof": asked.mail.proof}).status


def test_a_decoy_shows_its_page_and_takes_no_code(shop: Site) -> None:
    made = shop.post(V, a_request(link=a_link(), decoy=True))
    real = shop.post(V, a_request(link=a_link()))
    assert real.json.keys() == made.json.keys()
    page = Holder(made.json["page_url"])
    seen = shop.call("POST", f"{page.address}/open", {"proof": page.proof})
    assert "pending" == seen.json["status"]
    missed = shop.call("POST", f"{page.address}/check", {"proof": page.proof, "code": "123456"})
    assert (422, "not_accepted", "mismatch") == refused(missed)
    assert (422, "not_accepted", "mismatch") == refused(
        shop.post("/v1/exchange", {"id": made.json["id"], "code_verifier": VERIFIER})
    )


def test_whoever_has_the_mail_alone_is_shown_the_first_word_by_no_route(shop: Site) -> None:
    asked = Asked(shop)
    told: list[Any] = [asked.mail.read(asked.call(asked.mail, "open").json["context"])]
    others = [sign for sign in SIGNS if sign != asked.sign][:3]
    for verb, body in (
        ("open", {}),
        ("continue", {}),
        *(("confirm", {"word": word}) for word in others),
        ("confirm", {"word": asked.sign[:-1]}),
    ):
        told.append(asked.call(asked.mail, verb, **body).json)
    for verb, body in (("open", {}), ("check", {"code": asked.code}), ("resend", {})):
        told.append(shop.call("POST", f"/v1/pages/{asked.id}/{verb}", {"proof": asked.mail.proof, **body}).json)
    told += [shop.call("GET", f"/v1/verifications/{asked.id}").json, shop.call("GET", f"/v/{asked.id}").text]
    mail = shop.world.outbox.mails[-1][1]
    assert asked.sign not in repr((told, mail, mail.code, mail.link, mail.action, mail.countersign))


def test_new_actions_and_limits_hold_from_a_reload_on(shop: Site) -> None:
    world = shop.world
    closing = a_request(purpose="step_up", action={"template": "close", "params": {}})
    assert (422, "invalid") == refused(shop.post(V, closing))[:2]
    world.verifications.rules = Rules(limits=UNLIMITED, actions={"Acme": {"close": Template({}, {"en": "Close it"})}})
    assert 201 == shop.post(V, closing).status


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example/signed-In",
        "https://SHOP.example/signed-in",
        "https://shop.example/signed-in/",
        "https://shop.example//signed-in",
        "https://shop.example:443/signed-in",
        "https://shop.example:8443/signed-in",
        "https://shop.example@evil.example/signed-in",
        "https://user@shop.example/signed-in",
        "https://shop.example/x/../signed-in",
        "https://shop.example/./signed-in",
        "https://shop.example/%73igned-in",
        "https://shop.example/signed-in?next=evil",
        "https://shop.example/signed-in#x",
        "https://shop.example.evil.example/signed-in",
        "http://shop.example/signed-in",
        "//shop.example/signed-in",
        "/signed-in",
        " https://shop.example/signed-in",
        "https://shop.example/signed-in\\",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_redirect_uri_that_is_not_to_the_character_a_registered_one_is_refused(shop: Site, uri: str) -> None:
    reply = shop.post(V, a_request(link=a_link(redirect_uri=uri)))
    assert (403, "redirect_forbidden") == refused(reply)[:2]
    assert [] == [name for name in shop.world.journal.names() if name.startswith("verification.")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code_challenge_method": "plain", "code_challenge": VERIFIER}, "link.code_challenge_method"),
        ({"code_challenge_method": "s256"}, "link.code_challenge_method"),
        ({"code_challenge_method": None}, "link.code_challenge_method"),
        ({"code_challenge": CHALLENGE[:-1]}, "link.code_challenge"),
        ({"code_challenge": CHALLENGE + "="}, "link.code_challenge"),
        ({"code_challenge": CHALLENGE[:-1] + "N"}, "link.code_challenge"),
        ({"code_challenge": None}, "link.code_challenge"),
        ({"state": ""}, "link.state"),
        ({"state": "x" * 513}, "link.state"),
        ({"state": "a\nb"}, "link.state"),
        ({"state": "å"}, "link.state"),
        ({"nonce": "x"}, "link.nonce"),
    ],
)
def test_a_session_that_cannot_be_is_refused_by_field(shop: Site, changes: dict[str, Any], field: str) -> None:
    reply = shop.post(V, a_request(link=a_link(**changes)))
    assert (422, "invalid", field) == (*refused(reply)[:2], reply.json["errors"][0]["field"])


def test_state_may_be_left_out_and_comes_back_as_it_was(shop: Site) -> None:
    odd = "a b&code=x#/?=%20~" + "z" * 400
    asked = Asked(shop, link=a_link(state=odd))
    to = asked.call(asked.mail, "continue").json["redirect_to"]
    assert 2 == len(to.split("?")[1].split("&"))
    bare = Asked(shop, link=a_link(state=None))
    assert "state" not in bare.call(bare.mail, "continue").json["redirect_to"]


def test_an_exchange_needs_the_verifier_of_the_session_that_asked(shop: Site) -> None:
    asked = Asked(shop)
    code = asked.continued()
    for verifier in (OTHER_VERIFIER, VERIFIER + "x", VERIFIER.swapcase(), CHALLENGE):
        assert (422, "not_accepted", "mismatch") == refused(asked.exchange(code=code, code_verifier=verifier))
        assert (422, "not_accepted", "mismatch") == refused(asked.exchange(id=asked.id, code_verifier=verifier))
    for verifier in ("", "short", "x" * 129, "ü" * 43, "a b" * 20):
        reply = asked.exchange(code=code, code_verifier=verifier)
        assert (422, "invalid", "code_verifier") == (*refused(reply)[:2], reply.json["errors"][0]["field"])
    assert "pending" == asked.status
    assert 200 == asked.exchange(code=code).status


def test_a_replayed_hand_off_is_used_and_undoes_nothing(shop: Site) -> None:
    asked = Asked(shop)
    code = asked.continued()
    assert 200 == asked.exchange(code=code).status
    for _ in range(3):
        assert (422, "not_accepted", "used") == refused(asked.exchange(code=code))
    assert "approved" == asked.status
    assert 3 == len(shop.log("verification.exchange_replayed"))


def test_a_hand_off_is_good_for_a_minute(shop: Site) -> None:
    asked = Asked(shop)
    code = asked.continued()
    shop.world.clock.move(60 * SECOND)
    assert (422, "not_accepted", "expired") == refused(asked.exchange(code=code))
    assert 200 == asked.exchange(code=asked.continued()).status


def test_a_hand_off_that_was_altered_or_is_of_another_app_is_a_mismatch(shop: Site) -> None:
    asked = Asked(shop)
    code = asked.continued()
    altered = [code[:at] + ("B" if code[at] == "A" else "A") + code[at + 1 :] for at in range(0, 70, 3)]
    for text in (*altered, code[:-1], code + "A", "", "x", "é", asked.id, asked.code):
        assert (422, "not_accepted", "mismatch") == refused(asked.exchange(code=text)), text
    _, key = shop.run(shop.world.apps.create("Other", [REDIRECT]))
    other = [(b"authorization", b"Bearer " + key.encode())]
    stolen = shop.call("POST", "/v1/exchange", {"code": code, "code_verifier": VERIFIER}, headers=other)
    assert (422, "not_accepted", "mismatch") == refused(stolen)
    by_id = shop.call("POST", "/v1/exchange", {"id": asked.id, "code_verifier": VERIFIER}, headers=other)
    assert 404 == by_id.status
    assert 200 == asked.exchange(code=code).status


def test_an_exchange_names_either_a_hand_off_or_an_id(shop: Site) -> None:
    asked = Asked(shop)
    for body in ({}, {"code": asked.continued(), "id": asked.id}):
        reply = asked.exchange(**body)
        assert (422, "invalid", "code") == (*refused(reply)[:2], reply.json["errors"][0]["field"])
    assert 404 == asked.exchange(id=an_unknown_id()).status
    assert 401 == shop.call("POST", "/v1/exchange", {"id": asked.id, "code_verifier": VERIFIER}).status


def test_three_wrong_words_close_that_way_and_no_other(shop: Site) -> None:
    asked = Asked(shop)
    others = [sign for sign in SIGNS if sign != asked.sign][:3]
    for left, word in zip((2, 1, 0), others, strict=True):
        missed = asked.call(asked.mail, "confirm", word=word)
        assert (422, "not_accepted", "mismatch", left) == (*refused(missed), missed.json["attempts_remaining"])
    assert (422, "not_accepted", "exhausted") == refused(asked.call(asked.mail, "confirm", word=asked.sign))
    context = asked.mail.read(asked.call(asked.mail, "open").json["context"])
    assert ("pending", False, 0) == tuple(context[name] for name in ("status", "other_device", "words_remaining"))
    assert 5 == shop.get(f"{V}/{asked.id}").json["attempts_remaining"]
    code = asked.continued()
    assert 200 == asked.call(asked.page, "check", code=asked.code).status
    assert 200 == asked.exchange(code=code).status


def test_a_word_that_is_on_no_list_costs_nothing(shop: Site) -> None:
    asked = Asked(shop)
    countersign = asked.made.json["watchword"].split()[1]
    for word in ("", "password", countersign, "copperr", "I agree", "123456", "x" * 64, "\uff43opper"):
        reply = asked.call(asked.mail, "confirm", word=word)
        assert (422, "invalid", "word") == (*refused(reply)[:2], reply.json["errors"][0]["field"])
    context = asked.mail.read(asked.call(asked.mail, "open").json["context"])
    assert (True, 3) == (context["other_device"], context["words_remaining"])


@pytest.mark.parametrize("purpose", ["recovery", "binding"])
def test_whoever_recovers_or_binds_does_so_where_they_asked(shop: Site, purpose: str) -> None:
    asked = Asked(shop, purpose=purpose)
    assert asked.mail.read(asked.call(asked.mail, "open").json["context"])["other_device"] is False
    assert (403, "forbidden") == refused(asked.call(asked.mail, "confirm", word=asked.sign))[:2]
    assert 200 == asked.exchange(code=asked.continued()).status


@pytest.mark.parametrize(
    ("ending", "reason"), [("expired", "expired"), ("canceled", "canceled"), ("exhausted", "exhausted")]
)
def test_what_is_over_says_so_to_whoever_has_the_link(shop: Site, ending: str, reason: str) -> None:
    asked = Asked(shop)
    code = asked.continued()
    if ending == "expired":
        shop.world.clock.move(10 * MINUTE)
        code = ""
    elif ending == "canceled":
        shop.post(f"{V}/{asked.id}/cancel")
    else:
        for _ in range(5):
            asked.call(asked.page, "check", code=wrong(asked.code))
    assert ending == asked.mail.read(asked.call(asked.mail, "open").json["context"])["status"]
    assert (422, "not_accepted", reason) == refused(asked.call(asked.mail, "continue"))
    assert (422, "not_accepted", reason) == refused(asked.call(asked.mail, "confirm", word=asked.sign))
    assert (422, "not_accepted", reason) == refused(asked.call(asked.page, "check", code=asked.code))
    assert ending == asked.call(asked.page, "open").json["status"]
    if code:
        assert (422, "not_accepted", reason) == refused(asked.exchange(code=code))
    assert (422, "not_accepted", reason) == refused(asked.exchange(id=asked.id))


# --- step-up -------------------------------------------------------------------------------------------


def test_a_step_up_shows_what_is_approved_in_our_words_wherever_it_is_shown(shop: Site) -> None:
    asked = Asked(shop, purpose="step_up", action=ACTION, locale="de-AT")
    said = "EUR 12.50 an Ann senden"
    assert said == shop.world.outbox.mails[-1][1].action
    assert said == asked.mail.read(asked.call(asked.mail, "open").json["context"])["action"]
    assert said == asked.call(asked.page, "open").json["action"]
    assert 200 == asked.exchange(code=asked.continued(), action=ACTION).status


@pytest.mark.parametrize(
    "changed",
    [
        None,
        {"template": "transfer", "params": {"amount": "EUR 12.51", "payee": "Ann"}},
        {"template": "transfer", "params": {"amount": "EUR 12.50", "payee": "Eve"}},
        {"template": "transfer", "params": {"amount": "EUR 12.50"}},
        {"template": "other", "params": {"amount": "EUR 12.50", "payee": "Ann"}},
    ],
)
def test_changed_parameters_void_what_was_approved(shop: Site, changed: dict[str, Any] | None) -> None:
    asked = Asked(shop, purpose="step_up", action=ACTION)
    more = {} if changed is None else {"action": changed}
    code = asked.continued()
    assert (422, "not_accepted", "mismatch") == refused(asked.exchange(code=code, **more))
    assert "pending" == asked.status
    checked = shop.post(f"{V}/{asked.id}/check", {"code": asked.code, **more})
    assert (422, "not_accepted", "mismatch") == refused(checked)
    assert 200 == asked.exchange(code=code, action=ACTION).status


def test_an_action_of_what_has_none_is_another_action(shop: Site) -> None:
    asked = Asked(shop, purpose="step_up")
    assert (422, "not_accepted", "mismatch") == refused(asked.exchange(code=asked.continued(), action=ACTION))


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"template": "unknown", "params": {}}, "action.template"),
        ({"template": "transfer", "params": {"amount": "EUR 1", "payee": "Ann", "note": "x"}}, "action.params"),
        ({"template": "transfer", "params": {"payee": "Ann"}}, "action.params.amount"),
        ({"template": "transfer", "params": {"amount": "12.50", "payee": "Ann"}}, "action.params.amount"),
        ({"template": "transfer", "params": {"amount": 12, "payee": "Ann"}}, "action.params.amount"),
        ({"template": "transfer", "params": {"amount": "EUR 1", "payee": "see https://x"}}, "action.params.payee"),
        ({"template": "transfer", "params": {"amount": "EUR 1", "payee": "a\nb"}}, "action.params.payee"),
        ({"template": "transfer", "params": {"amount": "EUR 1", "payee": "\u202eAnn"}}, "action.params.payee"),
        ({"template": "transfer", "params": {"amount": "EUR 1", "payee": "x" * 81}}, "action.params.payee"),
        ({"template": "transfer", "params": {"amount": "EUR 1", "payee": ""}}, "action.params.payee"),
    ],
)
def test_an_action_that_is_not_set_up_so_is_refused_by_field(shop: Site, action: dict[str, Any], field: str) -> None:
    reply = shop.post(V, a_request(purpose="step_up", action=action))
    assert (422, "invalid", field) == (*refused(reply)[:2], reply.json["errors"][0]["field"])


def test_an_action_is_of_a_step_up_and_of_no_other_purpose(shop: Site) -> None:
    reply = shop.post(V, a_request(purpose="login", action=ACTION))
    assert (422, "invalid", "action") == (*refused(reply)[:2], reply.json["errors"][0]["field"])


def test_another_apps_action_is_not_set_up(shop: Site) -> None:
    _, key = shop.run(shop.world.apps.create("Other"))
    reply = shop.call(
        "POST",
        V,
        a_request(purpose="step_up", action=ACTION),
        headers=[(b"authorization", b"Bearer " + key.encode())],
    )
    assert (422, "action.template") == (reply.status, reply.json["errors"][0]["field"])


# --- who asks ------------------------------------------------------------------------------------------


def test_a_hostile_host_makes_no_link_and_no_page(shop: Site) -> None:
    hostile = [
        (b"host", b"evil.example"),
        (b"x-forwarded-host", b"evil.example"),
        (b"forwarded", b"host=evil.example"),
        (b"content-type", b"application/json"),
        shop.keyed,
    ]
    body = json.dumps(a_request(link=a_link())).encode()
    made = shop.call("POST", V, body, only=hostile)
    shop.run(shop.world.courier.drain())
    link = shop.world.outbox.mails[-1][1].link
    assert made.json["page_url"].startswith("http://127.0.0.1:8000/v/vf_")
    assert link.startswith("http://127.0.0.1:8000/l/vf_")
    holder = Holder(link)
    to = shop.call(
        "POST", f"{holder.address}/continue", json.dumps({"proof": holder.proof}).encode(), only=hostile
    ).json["redirect_to"]
    assert to.startswith(REDIRECT)


def test_one_source_is_slowed_down_and_no_other() -> None:
    rules = Rules(limits=UNLIMITED._replace(public_requests=(Rate(3, MINUTE),)))
    with Site(rules=rules) as site:
        site.world.app = site.run(site.world.apps.update(site.world.app, redirect_uris=[REDIRECT]))
        asked = Asked(site)
        statuses = [asked.call(asked.mail, verb).status for verb in ("open", "continue", "open", "continue")]
        assert [200, 200, 200, 429] == statuses
        slowed = asked.call(asked.page, "check", code=asked.code)
        assert (429, "30") == (slowed.status, slowed.header("retry-after"))
        assert 429 == site.call("POST", f"/v1/links/{an_unknown_id()}/open").status
        site.wire.peer = "198.51.100.9"
        assert 200 == asked.call(asked.page, "check", code=asked.code).status


def test_pages_of_every_origin_may_call_the_routes_of_hosted_pages_and_no_others(shop: Site) -> None:
    asked = Asked(shop)
    origin = [(b"origin", b"https://shop.example")]
    for address, allowed in ((asked.page.address, "*"), (asked.mail.address, "")):
        reply = shop.call("OPTIONS", f"{address}/open", headers=origin)
        assert allowed == reply.header("access-control-allow-origin")
        assert bool(allowed) == ("POST" in reply.header("access-control-allow-methods"))
    assert "" == shop.call("OPTIONS", "/v1/exchange", headers=origin).header("access-control-allow-origin")
    assert "*" == asked.call(asked.page, "check", code="000000").header("access-control-allow-origin")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_no_other_method_changes_anything(shop: Site, method: str) -> None:
    asked = Asked(shop)
    for holder in (asked.mail, asked.page):
        for verb in ("open", "continue", "confirm", "check", "resend"):
            for _ in range(5):
                reply = shop.call(method, f"{holder.address}/{verb}", headers=[(b"sec-purpose", b"prefetch")])
                assert reply.status in {200 if method == "OPTIONS" else 405, 404, 405}
    assert ("pending", 5, 4) == tuple(
        shop.get(f"{V}/{asked.id}").json[name] for name in ("status", "attempts_remaining", "sends_remaining")
    )


def test_no_event_holds_a_proof_a_hand_off_or_a_verifier(shop: Site) -> None:
    asked = Asked(shop)
    code = asked.continued()
    asked.call(asked.mail, "confirm", word=asked.sign)
    asked.exchange(code=code)
    asked.exchange(code=code)
    told = repr(shop.world.journal.events)
    for secret in (asked.mail.proof, asked.page.proof, code, VERIFIER, CHALLENGE, STATE, asked.sign, REDIRECT):
        assert secret not in told
    assert {"verification.continued", "verification.confirmed", "verification.exchange_replayed"} <= set(
        shop.world.journal.names()
    )
