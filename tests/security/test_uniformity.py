"""What public routes tell strangers and holders apart by: nothing, but for what this table says.

Every route that may be called without an API key is in ``MATRIX``, or in ``NOBODYS`` where it names nothing; a new one
fails the first test until it is. A row of the matrix is groups of requests, and within a group status, body and headers
are alike: byte for byte among those who have no proof, and but for names, times and sealed words among those who have.

What differs all the same, and why that is no leak:

* a verification that is over: a holder of the proof is told how it ended, and a decoy can be ended in every way but by
  a right code;
* one that no relay took: its page says so, because its owner would wait for ever, and a decoy goes to no relay
  (docs/explanation/threat-model.md);
* a text into a country that the guard has blocked asks whoever has its page for work, and a decoy does as well;
* a source that asks too much is told so, whatever it asks for; an id that cannot be any names nothing to count;
* how a secret ended, and that its passphrase was wrong too often: told to holders of its link alone;
* all that became of a secret: told to whoever made it, by its manage token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.asgi import Reply
from tests.support.link import REDIRECT, a_link, b64, un64
from tests.support.secret import AUTH, WRONG, a_claim, a_secret, nonce, text
from tests.support.site import Site
from tests.support.sms import with_sms
from tests.support.world import wrong
from watchword.adapters.memory import MemoryStore
from watchword.core import base32, breaker, ids, magic_link, passcode, recipient
from watchword.core.instant import DAY, MINUTE, SECOND
from watchword.core.limit import Guesses, Rate
from watchword.core.totp import totp
from watchword.core.verification import guess_key
from watchword.web.app import routes
from watchword.web.route import Auth

NO_ID = "A" * 22
NO_PROOF = b64(b"?" * 32)
# Values of an answer that are the same for every class; of all others the type and the length class are compared.
SAID = frozenset({"status", "code", "type", "title", "detail", "reason", "state", "app", "purpose", "digits"})
SAID_COUNTS = frozenset({"attempts_remaining", "sends_remaining", "views_remaining"})
ANSWERED = {"strangers": {200, 401, 404}, "limited source": {429}, "holders": {200, 422}, "refused": {429}}
ALIKE_BY_DESIGN = frozenset({b"date", b"content-length"})

NOBODYS = {
    *(("GET", path) for path in ("/", "/start", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics")),
    ("GET", "/static/{name}"),
    ("GET", "/static/vendor/qr/{name}"),
    # Making one's own secret names nobody: what it answers with depends on the operator's rules and the source alone.
    ("POST", "/v1/secrets"),
}


@dataclass(frozen=True)
class Ask:
    """One request, from one place."""

    path: str
    body: object = None
    method: str = "POST"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    peer: str = "192.0.2.7"


@dataclass(frozen=True)
class Asked:
    """A verification with the proofs that its link and its page carry."""

    raw: bytes
    link: str
    page: str
    code: str

    @property
    def id(self) -> str:
        return ids.to_text(ids.VERIFICATION, self.raw)


@dataclass
class Scene:
    """A service in which there is one of every kind."""

    site: Site
    there: dict[str, Asked] = field(default_factory=dict)

    def ask(self, name: str, to: str, **more: Any) -> None:
        made = self.site.create(to=to, link=a_link(), **more)
        assert 201 == made.status, made.text
        raw = ids.from_text(ids.VERIFICATION, made.json["id"])
        ring, app = self.site.world.keys.ring, self.site.world.app.id
        self.there[name] = Asked(
            raw,
            b64(magic_link.link_proof(magic_link.derive_token(ring, app, raw))),
            b64(magic_link.page_proof(magic_link.derive_ticket(ring, app, raw))),
            passcode.derive_code(ring, app, raw, 6),
        )

    def flooded(self, to: str) -> None:
        """Spend a recipient's day."""
        store = self.site.world.store
        assert isinstance(store, MemoryStore)
        hashed = recipient.lookup(self.site.world.keys.ring, "email", to)
        store.tables.set_arrivals(b"r0" + hashed, (0, self.site.world.clock.now() + DAY))

    def guessed(self, name: str, guesses: Guesses) -> None:
        """Write the wrong guesses of a recipient."""
        store = self.site.world.store
        assert isinstance(store, MemoryStore)
        row, _ = self.site.run(store.find(self.site.world.app.id, self.there[name].raw))
        store.tables.set_guesses(guess_key(row), guesses)


def verifications(site: Site) -> Scene:
    """Known and decoy, by mail and text, and each of them limited, blocked and closed."""
    scene, now = Scene(site), site.world.clock.now()
    told = {"channel": "sms"}
    for kind, decoy in (("known", False), ("decoy", True)):
        at = f"{kind}.example"
        scene.ask(f"{kind} mail", f"ann@{at}", decoy=decoy)
        scene.ask(f"{kind} text", f"+49151234{'1' if decoy else '2'}0001", decoy=decoy, **told)
        for name in ("limited", "spent", "closed"):
            scene.ask(f"{kind} {name}", f"{name}@{at}", decoy=decoy)
        scene.flooded(f"quiet@{at}")
        scene.ask(f"{kind} quiet", f"quiet@{at}", decoy=decoy)
        for _ in range(2):  # a person's sends of ten minutes
            assert 201 == site.create(to=f"limited@{at}", decoy=decoy).status
        scene.guessed(f"{kind} spent", Guesses((now,) * 10, 10))
        scene.guessed(f"{kind} closed", Guesses((), 50))
        scene.ask(f"{kind} blocked", f"+4915123{'4' if decoy else '5'}55000", decoy=decoy, **told)
        for number in range(1, breaker.NEIGHBOURS):
            assert 201 == site.create(to=f"+4915123{'4' if decoy else '5'}5500{number}", decoy=decoy, **told).status
    site.run(site.world.courier.drain())
    site.world.clock.move(31 * SECOND)
    return scene


Groups = dict[str, dict[str, Ask]]
MAIL = ("known mail", "decoy mail", "known quiet", "decoy quiet")
STILL = (*MAIL, "known text", "decoy text", "known limited", "decoy limited", "known blocked", "decoy blocked")
GUESSED_OUT = ("known spent", "decoy spent", "known closed", "decoy closed")
SENT_OUT = ("known limited", "decoy limited", "known blocked", "decoy blocked", "known closed", "decoy closed")


def by_proof(kind: str, verb: str, **more: str) -> Callable[[Site], Groups]:
    """The rows of a route behind a link or a page: strangers, those from a limited source, and holders of the proof."""

    def groups(site: Site) -> Groups:
        scene = verifications(site)

        def body(proof: str) -> dict[str, str]:
            return {} if (kind, verb) == ("links", "open") else {"proof": proof} | more

        def path(name: str) -> str:
            return f"/v1/{kind}/{name}/{verb}"

        def holders(names: tuple[str, ...]) -> dict[str, Ask]:
            found = {}
            for name in names:
                one = scene.there[name]
                typed = {"code": wrong(one.code)} if "code" in more else {}
                found[name] = Ask(path(one.id), body(getattr(one, kind[:-1])) | typed)
            return found

        strangers = {"unknown": Ask(path(f"vf_{NO_ID}"), body(NO_PROOF))} | {
            name: Ask(path(one.id), body(NO_PROOF)) for name, one in scene.there.items()
        }
        site.services.magic_links.limit.rates = (Rate(40, MINUTE),)
        for _ in range(40):
            site.services.magic_links.limit.charge("198.51.100.9")
        told = {"strangers": strangers | {"malformed": Ask(path("vf_x"), body(NO_PROOF))}}
        told["limited source"] = {
            name: Ask(each.path, each.body, peer="198.51.100.9") for name, each in strangers.items()
        }
        if kind == "links":
            return told | ({} if verb == "open" else {"holders": holders((*MAIL, *SENT_OUT[:2], *GUESSED_OUT))})
        refused = {"check": GUESSED_OUT, "resend": SENT_OUT}.get(verb, ())
        served = {"resend": STILL[:6], "check": STILL}.get(verb, (*STILL, *GUESSED_OUT))
        return told | {"holders": holders(served)} | ({"refused": holders(refused)} if refused else {})

    return groups


def enrolments(verb: str, **more: str) -> Callable[[Site], Groups]:
    """Strangers at an enrolment page: unknown, made without a page, waiting, confirmed."""

    def groups(site: Site) -> Groups:
        made = {}
        for name, link in (("plain", None), ("waiting", a_link()), ("confirmed", a_link())):
            asked = {"subject": name} | ({} if link is None else {"link": link})
            made[name] = site.post("/v1/authenticators", asked).json
        seed = base32.read(made["confirmed"]["secret"])
        page, _, ticket = made["confirmed"]["page_url"].partition("#")
        proof = b64(magic_link.page_proof(un64(ticket)))
        code = totp(seed, site.world.clock.now())
        confirmed = site.call(
            "POST", f"/v1/enrolments/{page.rpartition('/')[2]}/confirm", {"proof": proof, "code": code}
        )
        assert 200 == confirmed.status, confirmed.text
        body = {"proof": NO_PROOF} | more
        path = "/v1/enrolments/{}/" + verb
        asks = {name: Ask(path.format(each["id"]), body) for name, each in made.items()}
        return {"strangers": asks | {name: Ask(path.format(f"au_{each}"), body) for name, each in NOBODY.items()}}

    return groups


NOBODY = {"unknown": NO_ID, "malformed": "x"}


def secrets_there(site: Site) -> dict[str, str]:
    """The ids of secrets in every state that there is."""
    token = {}

    def share(**more: Any) -> str:
        reply = site.call("POST", "/v1/secrets", a_secret(**more))
        assert 201 == reply.status, reply.text
        token[reply.json["id"]] = reply.json["manage_token"]
        return str(reply.json["id"])

    there = {name: share() for name in ("waiting", "claimed", "opened", "burnt")}
    there["expired"] = share(expires_in=60)
    there["incomplete"] = share(blobs=[{"size": 3}])
    for name, times in (("paused", 5), ("locked", 20)):
        there[name] = share(passphrase=True)
        for _ in range(times):
            reply = site.call("POST", f"/v1/secrets/{there[name]}/claim", a_claim(auth=WRONG))
            if 429 == reply.status:
                site.world.clock.move(60 * MINUTE)
                site.call("POST", f"/v1/secrets/{there[name]}/claim", a_claim(auth=WRONG))
    for name in ("claimed", "opened"):
        assert 200 == site.call("POST", f"/v1/secrets/{there[name]}/claim", a_claim()).status
    acknowledged = a_claim() | {"outcome": "read"}
    assert 200 == site.call("POST", f"/v1/secrets/{there['opened']}/ack", acknowledged).status
    burner = [(b"authorization", b"Bearer " + token[there["burnt"]].encode())]
    assert 200 == site.call("DELETE", f"/v1/secrets/{there['burnt']}", headers=burner).status
    handed = site.post("/v1/authenticators/handover", {"subject": "user-1"})
    there["handed over"] = handed.json["url"].partition("#")[0].rpartition("/")[2]
    site.world.clock.move(61 * SECOND)
    return there


def secrets(verb: str, method: str = "POST", body: object = None, headers: Any = ()) -> Callable[[Site], Groups]:
    """Strangers at a secret: whatever became of it, without its link or token it is not there."""

    def groups(site: Site) -> Groups:
        there = secrets_there(site) | {name: f"sc_{each}" for name, each in NOBODY.items()}
        path = "/v1/secrets/{}" + verb
        return {
            "strangers": {
                name: Ask(path.format(each), body, method=method, headers=tuple(headers))
                for name, each in there.items()
            }
        }

    return groups


def shells(path: str, prefix: str) -> Callable[[Site], Groups]:
    """Pages: the same for every id."""

    def groups(site: Site) -> Groups:
        if prefix == "sc_":
            there = secrets_there(site)
        elif prefix == "vf_":
            there = {name: one.id for name, one in verifications(site).there.items()}
        else:
            there = {"waiting": site.post("/v1/authenticators", {"subject": "a", "link": a_link()}).json["id"]}
        named = there | {name: f"{prefix}{each}" for name, each in NOBODY.items()}
        return {"strangers": {name: Ask(path.format(id=each), method="GET") for name, each in named.items()}}

    return groups


def reports(method: str, provider: str) -> Callable[[Site], Groups]:
    """Providers' reports, from others than providers."""

    def groups(site: Site) -> Groups:
        made = site.create(channel="sms", to="+4915123456789").json["id"]
        names = {"unknown": "A" * 70, "malformed": "x", "known id": made, "other id": f"vf_{NO_ID}"}
        path = f"/v1/reports/{provider}/{{}}?status=1"
        return {
            "strangers": {
                name: Ask(path.format(each), b"" if method == "POST" else None, method) for name, each in names.items()
            }
        }

    return groups


BEARER = ((b"authorization", b"Bearer " + text(WRONG).encode()),)
MATRIX: dict[tuple[str, str], Callable[[Site], Groups]] = {
    ("POST", "/v1/links/{id}/open"): by_proof("links", "open"),
    ("POST", "/v1/links/{id}/continue"): by_proof("links", "continue"),
    ("POST", "/v1/links/{id}/confirm"): by_proof("links", "confirm", word="copper"),
    ("POST", "/v1/pages/{id}/open"): by_proof("pages", "open"),
    ("POST", "/v1/pages/{id}/check"): by_proof("pages", "check", code="000000"),
    ("POST", "/v1/pages/{id}/challenge"): by_proof("pages", "challenge"),
    ("POST", "/v1/pages/{id}/resend"): by_proof("pages", "resend"),
    ("POST", "/v1/enrolments/{id}/open"): enrolments("open"),
    ("POST", "/v1/enrolments/{id}/confirm"): enrolments("confirm", code="000000"),
    ("POST", "/v1/secrets/{id}/open"): secrets("/open", body={"link": text(WRONG)}),
    ("POST", "/v1/secrets/{id}/claim"): secrets("/claim", body=a_claim(link=WRONG, auth=AUTH)),
    ("POST", "/v1/secrets/{id}/ack"): secrets("/ack", body=a_claim(link=WRONG) | {"outcome": "read"}),
    ("POST", "/v1/secrets/{id}/confirm"): secrets("/confirm", body=a_claim(link=WRONG) | {"code": "000000"}),
    ("GET", "/v1/secrets/{id}/status"): secrets("/status", "GET", headers=BEARER),
    ("DELETE", "/v1/secrets/{id}"): secrets("", "DELETE", headers=BEARER),
    ("POST", "/v1/secrets/{id}/unlock"): secrets("/unlock", headers=BEARER),
    ("PUT", "/v1/secrets/{id}/blobs/{n}"): secrets("/blobs/0", "PUT", b"abc", BEARER),
    ("GET", "/v1/secrets/{id}/blobs/{n}"): secrets(
        "/blobs/0", "GET", headers=((b"watchword-claim", text(nonce(9)).encode()),)
    ),
    ("GET", "/s/{id}"): shells("/s/{id}", "sc_"),
    ("GET", "/s/{id}/status"): shells("/s/{id}/status", "sc_"),
    ("GET", "/l/{id}"): shells("/l/{id}", "vf_"),
    ("GET", "/v/{id}"): shells("/v/{id}", "vf_"),
    ("GET", "/a/{id}"): shells("/a/{id}", "au_"),
    ("GET", "/s/{id}/"): shells("/s/{id}/", "sc_"),
    ("GET", "/l/{id}/"): shells("/l/{id}/", "vf_"),
    ("GET", "/v/{id}/"): shells("/v/{id}/", "vf_"),
    ("GET", "/a/{id}/"): shells("/a/{id}/", "au_"),
    ("POST", "/v1/reports/twilio/{reference}"): reports("POST", "twilio"),
    ("POST", "/v1/reports/gateway/{reference}"): reports("POST", "gateway"),
    ("GET", "/v1/reports/gateway/{reference}"): reports("GET", "gateway"),
}


@pytest.fixture
def site() -> Iterator[Site]:
    """A service with texts, and an app that has a redirect URI."""
    with Site(rules=with_sms()) as made:
        made.world.app = made.run(made.world.apps.update(made.world.app, redirect_uris=[REDIRECT]))
        yield made


def test_every_public_route_is_in_the_matrix_or_names_nobody(site: Site) -> None:
    public = {(route.method, route.path) for route in routes(site.services) if route.auth is not Auth.APP}

    assert public == NOBODYS | set(MATRIX)
    assert not [path for _, path in NOBODYS if "{id}" in path]


@pytest.mark.parametrize("route", MATRIX, ids=" ".join)
def test_classes_of_a_public_route_cannot_be_told_apart(site: Site, route: tuple[str, str]) -> None:
    for group, asks in MATRIX[route](site).items():
        seen = {name: told(ask(site, each), exactly=group != "holders") for name, each in asks.items()}
        (first, expected), *others = seen.items()
        assert others
        assert expected[0] in ANSWERED[group]
        for name, reply in others:
            assert reply == expected, f"{group}: {name} is not answered as {first} is"
        if group == "strangers":
            assert "unknown" in asks


def ask(site: Site, each: Ask) -> Reply:
    """Send one request of the matrix."""
    site.wire.peer = each.peer
    if each.method == "PUT":
        return site.call(each.method, each.path, headers=each.headers, pieces=[each.body or b""])
    return site.call(each.method, each.path, each.body, headers=each.headers)


def told(reply: Reply, *, exactly: bool) -> tuple[int, object, list[tuple[bytes, bytes]]]:
    """All that a reply tells. What is sealed for a holder looks the same to others whatever it is."""
    headers = [header for header in reply.headers if header[0] not in ALIKE_BY_DESIGN]
    if reply.body.startswith(b"{"):
        body = json.loads(reply.body)
        if "context" in body:
            return reply.status, {"context": len(body["context"])}, headers
        return reply.status, body if exactly else shape(body), headers
    return reply.status, reply.body, headers


def shape(value: object, name: str = "") -> object:
    """A body without names, times and words: what is left is what a class could be told by."""
    if isinstance(value, dict):
        return {key: shape(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each, name) for each in value]
    return value if name in SAID | SAID_COUNTS or isinstance(value, bool | None) else type(value).__name__
