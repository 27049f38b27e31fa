# ruff: noqa: INP001 - a folder of data with scripts in it
"""Write ``vectors/link/*.json`` from the text of docs/spec/magic-link.md, and from nothing else.

A second reading of the specification: it imports no line of the library, draws no chance and reads no clock, so
the same files come out byte for byte every time. What it needs beyond the standard library is AES-GCM.

    python vectors/generate_link.py            write the files beside this one
    python vectors/generate_link.py FOLDER     write them elsewhere, to compare

Not handled here: whether the library agrees (``tests/vectors/test_link_vectors.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Case = dict[str, Any]

HERE = Path(__file__).parent / "link"
ROOTS = {1: bytes(range(32)), 2: bytes(range(32, 64)), 255: b"\xff" * 32}
INDEX, CURRENT = bytes(range(64, 96)), 2
KEYRING = {"current": CURRENT, "index": INDEX.hex(), "keys": {str(n): key.hex() for n, key in ROOTS.items()}}
INVALID, MISMATCH, EXPIRED, NO_KEY, FORBIDDEN = (
    *("InvalidInputError", "MismatchError", "ExpiredError", "KeyringError"),
    "RedirectForbiddenError",
)

NOON = 1_795_435_200_000  # 2026-11-23T12:00:00Z
MINUTE = 60_000
PUBLIC_URL = "https://verify.example"
APP, OTHER_APP = NOON.to_bytes(6, "big") + b"app-random", NOON.to_bytes(6, "big") + b"another-1!"
NONCE = bytes(range(96, 108))
JWE_LENGTH = 39 + 2 + 16 + 1 + 2_731 + 1 + 22
WORDS, ATTEMPTS, CEILING = 3, 5, 50
RFC_VERIFIER, RFC_CHALLENGE = (  # RFC 7636, appendix B
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
)


# --- primitives, from RFC 2104, 5869, 4648 and 7516 ------------------------------------------------


def prf(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(ikm: bytes, label: str) -> bytes:
    """HKDF-SHA-256 of 32 bytes with an empty salt: extract, then one round of expand."""
    return prf(prf(bytes(32), ikm), label.encode() + b"\x01")


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def verification_id(number: int, tail: bytes) -> bytes:
    """An id as section 1 of docs/spec/passcode.md lays it out."""
    return NOON.to_bytes(6, "big") + bytes((number,)) + tail


def case(name: str, expect: object, **given: object) -> Case:
    """Write a case that gives a result."""
    return {"name": name, "given": given, "expect": expect}


def refused(name: str, error: str, **given: object) -> Case:
    """Write a case that raises."""
    return case(name, {"error": error}, **given)


# --- 1 token and ticket, 2 context --------------------------------------------------------------------


def token_of(app: bytes, raw: bytes) -> bytes:
    """Section 1."""
    return prf(hkdf(ROOTS[raw[6]], "watchword/v1/link"), app + raw)


def ticket_of(app: bytes, raw: bytes) -> bytes:
    """Section 1."""
    return prf(hkdf(ROOTS[raw[6]], "watchword/v1/word"), app + raw)


def derivation() -> Iterator[Case]:
    """Section 1: everything that follows from an id."""
    tails = (bytes(9), bytes(range(9)), b"\xff" * 9, hashlib.sha256(b"tail").digest()[:9])
    for app in (APP, OTHER_APP):
        for number in ROOTS:
            for tail in tails:
                raw = verification_id(number, tail)
                token, ticket, name = token_of(app, raw), ticket_of(app, raw), f"vf_{b64(raw)}"
                expect = {
                    "token": token.hex(),
                    "ticket": ticket.hex(),
                    "link": f"{PUBLIC_URL}/l/{name}#{b64(token)}",
                    "page_url": f"{PUBLIC_URL}/v/{name}#{b64(ticket)}",
                    "link_proof": hkdf(token, "watchword/v1/link/proof").hex(),
                    "page_proof": hkdf(ticket, "watchword/v1/page/proof").hex(),
                    "context_key": hkdf(token, "watchword/v1/link/context").hex(),
                }
                given = {"public_url": PUBLIC_URL, "app": app.hex(), "id": raw.hex()}
                yield case(f"key {number}, {tail.hex()}", expect, **given)
    yield refused("a key that is not there", NO_KEY, app=APP.hex(), id=verification_id(9, bytes(9)).hex())


def enrolments() -> Iterator[Case]:
    """Section 6.5 of docs/spec/totp.md: an authenticator's id names no key, so the number is given beside it."""
    tails = (bytes(10), bytes(range(10)), b"\xff" * 10, hashlib.sha256(b"tail").digest()[:10])
    for app in (APP, OTHER_APP):
        for number, root in ROOTS.items():
            for tail in tails:
                raw = NOON.to_bytes(6, "big") + tail
                ticket = prf(hkdf(root, "watchword/v1/word"), app + raw)
                expect = {
                    "ticket": ticket.hex(),
                    "page_url": f"{PUBLIC_URL}/a/au_{b64(raw)}#{b64(ticket)}",
                    "page_proof": hkdf(ticket, "watchword/v1/page/proof").hex(),
                }
                given = {"public_url": PUBLIC_URL, "app": app.hex(), "id": raw.hex(), "key": number}
                yield case(f"key {number}, {tail.hex()}", expect, **given)
    yield refused("a key that is not there", NO_KEY, app=APP.hex(), id=bytes(16).hex(), key=9)


def sealed(token: bytes, iv: bytes, context: str) -> str:
    """Section 2: a JWE of a padded context."""
    text = context.encode()[:-1] + b',"pad":"'
    text += b"0" * (2_048 - len(text) - 2) + b'"}'
    header = b64(b'{"alg":"dir","enc":"A256GCM"}')
    both = AESGCM(hkdf(token, "watchword/v1/link/context")).encrypt(iv, text, header.encode())
    return f"{header}..{b64(iv)}.{b64(both[:-16])}.{b64(both[-16:])}"


def contexts() -> Iterator[Case]:
    """Section 2: contexts sealed from given dice."""
    plain = {
        "status": "pending",
        "app": "Shop",
        "purpose": "login",
        "to": "a***@example.com",
        "countersign": "lantern",
        "requested_at": "2026-11-23T12:00:00.000Z",
        "expires_at": "2026-11-23T12:10:00.000Z",
        "other_device": True,
        "code": True,
        "words_remaining": 3,
    }
    full = plain | {"device": "Firefox on Windows", "action": "Send EUR 12.50 to Ann"}
    widest = plain | {"app": "\U0001f3ee" * 40, "to": f"a***@{'x' * 250}", "action": "\U0001f3ee" * 300}
    for name, document in (
        ("plain", plain),
        ("with device and action", full),
        ("over", plain | {"status": "approved", "other_device": False}),
        ("other letters", plain | {"app": 'Caf\u00e9 "\u00dcber" \\', "action": "\u5bb6"}),
        ("as long as one can be", widest),
    ):
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        for token in (token_of(APP, verification_id(1, bytes(9))), b"\x00" * 32):
            jwe = sealed(token, NONCE, text)
            if len(jwe) != JWE_LENGTH:
                raise SystemExit("a context has another length")
            yield case(name, {"context": jwe}, token=token.hex(), iv=NONCE.hex(), document=text)


# --- 3 PKCE --------------------------------------------------------------------------------------------


def pkce() -> Iterator[Case]:
    """Section 3: verifiers, challenges, and what is none."""
    yield case("RFC 7636, appendix B", {"challenge": RFC_CHALLENGE}, verifier=RFC_VERIFIER)
    for verifier in ("a" * 43, "~" * 128, "-._~" * 11, "Z9" * 30):
        challenge = b64(hashlib.sha256(verifier.encode()).digest())
        yield case(f"{len(verifier)} characters", {"challenge": challenge}, verifier=verifier)
    for name, verifier in (
        ("too short", "a" * 42),
        ("too long", "a" * 129),
        ("empty", ""),
        ("a blank", "a" * 42 + " "),
        ("a plus", "a" * 42 + "+"),
        ("padding", "a" * 42 + "="),
        ("a newline at the end", "a" * 43 + "\n"),
        ("another script", "\u0661" * 43),
    ):
        yield refused(name, INVALID, verifier=verifier)
    yield case(
        "a challenge",
        {"bytes": hashlib.sha256(RFC_VERIFIER.encode()).hexdigest()},
        challenge=RFC_CHALLENGE,
        method="S256",
    )
    for name, challenge, method in (
        ("plain", RFC_VERIFIER, "plain"),
        ("no method", RFC_CHALLENGE, ""),
        ("the method in small letters", RFC_CHALLENGE, "s256"),
        ("padding", RFC_CHALLENGE + "=", "S256"),
        ("31 bytes", b64(bytes(31)), "S256"),
        ("33 bytes", b64(bytes(33)), "S256"),
        ("spare bits", RFC_CHALLENGE[:-1] + "N", "S256"),
        ("the other alphabet", "+" + RFC_CHALLENGE[1:], "S256"),
        ("hex", hashlib.sha256(RFC_VERIFIER.encode()).hexdigest(), "S256"),
        ("empty", "", "S256"),
    ):
        yield refused(f"{name} as a challenge", INVALID, challenge=challenge, method=method)


# --- 4 hand-off ----------------------------------------------------------------------------------------


def handoff(number: int, app: bytes, kind: int, raw: bytes, expires_at: int, nonce: bytes = NONCE) -> str:
    """Section 4."""
    text = bytes((kind,)) + raw + expires_at.to_bytes(6, "big")
    return b64(bytes((number,)) + nonce + AESGCM(hkdf(ROOTS[number], "watchword/v1/handoff")).encrypt(nonce, text, app))


def handoffs() -> Iterator[Case]:
    """Section 4: codes written and read, altered, moved and late."""
    raw, until = verification_id(1, bytes(range(9))), NOON + MINUTE
    code = handoff(CURRENT, APP, 1, raw, until)
    facts: Case = {"app": APP.hex(), "kind": 1}
    yield case("written", {"code": code}, **facts, id=raw.hex(), expires_at=until, nonce=NONCE.hex())
    enrolment = handoff(CURRENT, APP, 2, raw, until)
    yield case(
        "of an enrolment", {"code": enrolment}, app=APP.hex(), kind=2, id=raw.hex(), expires_at=until, nonce=NONCE.hex()
    )
    for number in ROOTS:
        yield case(
            f"read, key {number}", {"id": raw.hex()}, **facts, code=handoff(number, APP, 1, raw, until), now=NOON
        )
    yield case("read in its last millisecond", {"id": raw.hex()}, **facts, code=code, now=until - 1)
    yield refused("a minute old", EXPIRED, **facts, code=code, now=until)
    yield refused("of another app", MISMATCH, app=OTHER_APP.hex(), kind=1, code=code, now=NOON)
    yield refused("of another kind", MISMATCH, app=APP.hex(), kind=2, code=code, now=NOON)
    yield refused("an enrolment as a verification", MISMATCH, **facts, code=enrolment, now=NOON)
    plain = bytearray(bytes((CURRENT,)) + NONCE)
    plain += AESGCM(hkdf(ROOTS[CURRENT], "watchword/v1/handoff")).encrypt(
        NONCE, b"\x01" + raw + until.to_bytes(6, "big"), APP
    )
    for at in (1, 12, 13, 20, 35, 36, 51):
        flipped = bytearray(plain)
        flipped[at] ^= 1
        yield refused(f"byte {at} altered", MISMATCH, **facts, code=b64(bytes(flipped)), now=NOON)
    under = (
        bytes((CURRENT,))
        + NONCE
        + AESGCM(hkdf(ROOTS[CURRENT], "watchword/v1/seal")).encrypt(
            NONCE, b"\x01" + raw + until.to_bytes(6, "big"), APP
        )
    )
    for name, text in (
        ("under the key of another purpose", b64(under)),
        ("cut short", code[:-1]),
        ("longer", code + "A"),
        ("padded", code + "=="),
        ("blanks", f" {code}"),
        ("empty", ""),
        ("not base64", "!" * 70),
        ("not ASCII", "\u00e9" * 70),
    ):
        yield refused(name, MISMATCH, **facts, code=text, now=NOON)
    yield refused("a key that is not there", NO_KEY, **facts, code=b64(bytes((9,)) + bytes(plain[1:])), now=NOON)


def redirects() -> Iterator[Case]:
    """Section 4: where a page leads."""
    for name, uri, state in (
        ("plain", "https://shop.example/in", "5f2a"),
        ("with a query", "https://shop.example/in?lang=de", "5f2a"),
        ("without a state", "https://shop.example/in", ""),
        ("a state that needs escapes", "https://shop.example/in", "a b&code=x#/?=%20~+"),
        ("loopback", "http://127.0.0.1:3000/in", "x"),
    ):
        told = f"{uri}{'&' if '?' in uri else '?'}code=H-_" + (f"&state={quote_plus(state)}" if state else "")
        yield case(name, {"redirect_to": told}, redirect_uri=uri, state=state, code="H-_")
    registered = "https://shop.example/in"
    yield case("registered", {"registered": True}, redirect_uri=registered, registered=[registered])
    for uri in (
        *(
            "https://shop.example/In",
            "https://shop.example/in/",
            "https://Shop.example/in",
            "https://shop.example:443/in",
        ),
        *(
            "https://shop.example/in?x=1",
            "https://shop.example/in#x",
            "https://u@shop.example/in",
            "http://shop.example/in",
        ),
        *(
            "https://shop.example/a/../in",
            "https://shop.example/%69n",
            "https://shop.example//in",
            "//shop.example/in",
            "",
        ),
    ):
        yield refused(f"not registered: {uri}", FORBIDDEN, redirect_uri=uri, registered=[registered])


# --- 5 states ------------------------------------------------------------------------------------------


def lives() -> Iterator[Case]:
    """Section 5, step by step: a second implementation of its tables."""
    right, word = {"does": "check", "right": True}, {"does": "confirm", "right": True}
    wrong, other = {"does": "check", "right": False}, {"does": "confirm", "right": False}
    typed, mistyped = {"does": "page", "right": True}, {"does": "page", "right": False}
    handed: Case = {"does": "exchange", "verifier": True, "handed_over": True}
    by_id: Case = handed | {"handed_over": False}
    stranger: Case = handed | {"verifier": False}
    canceled, late = {"does": "cancel"}, {"at": 10 * MINUTE}
    journeys: tuple[tuple[str, Case, list[Case]], ...] = (
        ("a link on the device that asked", {}, [handed, handed, by_id, right]),
        ("a link on another device", {}, [by_id, word, by_id, by_id, word]),
        ("the hosted page", {}, [typed, typed, handed, typed]),
        ("the hosted page, then the id", {}, [mistyped, typed, by_id]),
        ("a code after a word", {}, [word, right, by_id]),
        ("a wrong verifier", {}, [stranger, stranger | {"handed_over": False}, handed, stranger]),
        ("three wrong words", {}, [other, other, other, word, other, handed]),
        ("two wrong words and the right one", {}, [other, other, word, other, word, by_id]),
        ("five wrong codes, by both ways", {}, [wrong, mistyped, wrong, mistyped, wrong, typed, handed, by_id, word]),
        ("wrong codes after a word", {}, [word, *([wrong] * 5), by_id]),
        ("canceled", {}, [word, canceled, by_id, handed, word, typed]),
        ("a word and too late", {}, [word, by_id | late]),
        ("the last millisecond", {}, [word, by_id | {"at": 10 * MINUTE - 1}]),
        ("too late", {}, [handed | late, typed | late, word | late]),
        ("a decoy", {"decoy": True}, [handed, by_id, typed, word]),
        ("no challenge", {"challenge": False}, [handed, by_id, right]),
        (
            "an action, left out",
            {"action": True},
            [handed | {"action": "none"}, right | {"action": "none"}, handed | {"action": "same"}],
        ),
        (
            "an action, changed",
            {"action": True},
            [handed | {"action": "other"}, word, by_id | {"action": "other"}, by_id | {"action": "same"}],
        ),
        ("an action that is none", {}, [handed | {"action": "other"}, handed]),
        ("a streak at the ceiling", {"streak": 50}, [handed, typed, right]),
        ("a streak at the ceiling, to bind", {"streak": 50, "purpose": "binding"}, [handed]),
        ("a streak that ends", {"streak": 49}, [handed]),
    )
    for name, more, steps in journeys:
        yield case(name, Life(more).run(steps), verification=more, steps=steps)


class Life:
    """One verification, from the tables of section 5: five attempts, three words, ten minutes."""

    def __init__(self, facts: Case) -> None:
        self.facts = facts
        self.status, self.attempts, self.words, self.streak = "pending", 0, 0, int(facts.get("streak", 0))

    def run(self, steps: list[Case]) -> list[Case]:
        """What each step leads to."""
        told = []
        for step in steps:
            outcome = self.step(step)
            told.append(
                {
                    "outcome": outcome,
                    "status": self.status,
                    "attempts": self.attempts,
                    "words": self.words,
                    "streak": self.streak,
                }
            )
        return told

    def step(self, step: Case) -> str:
        """One step: which line of which table applies."""
        does: Callable[[Case], str] = getattr(self, f"on_{step['does']}")
        return does(step)

    def over(self, step: Case) -> str:
        """The reason of what is over, or nothing."""
        if self.status in {"pending", "confirmed"}:
            return "expired" if step.get("at", 0) >= 10 * MINUTE else ""
        return {"approved": "used"}.get(self.status, self.status)

    def closed(self) -> bool:
        """Whether the recipient's streak is at the ceiling."""
        return self.streak >= CEILING and self.facts.get("purpose") != "binding"

    def same_action(self, step: Case) -> bool:
        """Whether the action is the one it was made with."""
        made = "same" if self.facts.get("action") else "none"
        return bool(step.get("action", "none") == made)

    def on_exchange(self, step: Case) -> str:
        """The table of an exchange."""
        if not self.facts.get("challenge", True) or not step["verifier"] or self.facts.get("decoy"):
            return "mismatch"
        if self.over(step):
            return self.over(step)
        if not self.same_action(step):
            return "mismatch"
        if self.closed():
            return "closed"
        if self.status == "pending" and not step["handed_over"]:
            return "pending"
        self.status, self.streak = "approved", 0
        return "approved"

    def on_confirm(self, step: Case) -> str:
        """A first word."""
        if self.over(step):
            return self.over(step)
        if self.words == WORDS:
            return "exhausted"
        if not step["right"] or self.facts.get("decoy"):
            self.words += 1
            return "mismatch"
        self.status = "confirmed"
        return "confirmed"

    def on_check(self, step: Case) -> str:
        """A code, from the app's backend."""
        return self.judge(step, "approved", as_expected=self.same_action(step))

    def on_page(self, step: Case) -> str:
        """A code, from the hosted page."""
        return self.judge(step, "confirmed", as_expected=True)

    def judge(self, step: Case, comes_to: str, *, as_expected: bool) -> str:
        """Section 6.2 of docs/spec/passcode.md."""
        if self.over(step):
            return self.over(step)
        if self.closed():
            return "closed"
        if as_expected and step["right"] and not self.facts.get("decoy"):
            self.status, self.streak = comes_to, 0
            return comes_to
        self.attempts += 1
        self.streak += int(as_expected)
        if self.attempts == ATTEMPTS:
            self.status = "exhausted"
        return "mismatch"

    def on_cancel(self, step: Case) -> str:
        """The app withdraws it."""
        ended = self.over(step)
        if not ended:
            self.status = "canceled"
        return ended or "canceled"


# --- 6 actions -----------------------------------------------------------------------------------------

TEMPLATES = {
    "Shop": {
        "transfer": {
            "params": {"amount": "amount", "payee": "text"},
            "en": "Send {amount} to {payee}",
            "de": "{amount} an {payee} senden",
            "pt-BR": "Enviar {amount} para {payee}",
        },
        "close": {"params": {}, "en": "Close the account"},
        "order": {
            "params": {"count": "integer", "on": "date", "number": "reference"},
            "en": "{count} on {on}: {number}",
        },
    }
}


def actions() -> Iterator[Case]:
    """Section 6: sentences, digests, and what is refused."""
    raw = verification_id(1, bytes(range(9)))
    ann: Case = {"amount": "EUR 12.50", "payee": "Ann"}
    order: Case = {"count": -3, "on": "2026-11-23", "number": "RE 2026/11-7"}
    for name, template, params, locale, sentence in (
        ("in English", "transfer", ann, "en", "Send EUR 12.50 to Ann"),
        ("in German", "transfer", ann, "de", "EUR 12.50 an Ann senden"),
        ("in German of Austria", "transfer", ann, "de-AT", "EUR 12.50 an Ann senden"),
        ("a region of its own", "transfer", ann, "pt-br", "Enviar EUR 12.50 para Ann"),
        ("in none of them", "transfer", ann, "fr", "Send EUR 12.50 to Ann"),
        (
            "a value that looks like a placeholder",
            "transfer",
            ann | {"payee": "{amount} {0}"},
            "en",
            "Send EUR 12.50 to {amount} {0}",
        ),
        ("other letters", "transfer", ann | {"payee": "Zo\u00eb"}, "en", "Send EUR 12.50 to Zo\u00eb"),
        ("without parameters", "close", {}, "en", "Close the account"),
        ("every other type", "order", order, "en", "-3 on 2026-11-23: RE 2026/11-7"),
    ):
        written = json.dumps([template, params], sort_keys=True, separators=(",", ":"))
        digest = prf(hkdf(INDEX, "watchword/v1/index/action"), APP + raw + written.encode())[:16]
        expect = {"sentence": sentence, "digest": digest.hex()}
        yield case(
            name, expect, app=APP.hex(), id=raw.hex(), app_name="Shop", locale=locale, template=template, params=params
        )
    for name, app_name, template, params in (
        ("another app", "Other", "transfer", ann),
        ("another template", "Shop", "transfers", ann),
        ("a parameter too few", "Shop", "transfer", {"amount": "EUR 1"}),
        ("a parameter too many", "Shop", "transfer", ann | {"x": 1}),
        ("an amount without a currency", "Shop", "transfer", ann | {"amount": "12.50"}),
        ("an amount in words", "Shop", "transfer", ann | {"amount": "EUR twelve"}),
        ("an amount as a number", "Shop", "transfer", ann | {"amount": 12}),
        ("an amount with a newline", "Shop", "transfer", ann | {"amount": "EUR 1\n"}),
        ("an amount in other digits", "Shop", "transfer", ann | {"amount": "EUR \u0661"}),
        ("a text with a link", "Shop", "transfer", ann | {"payee": "http://x"}),
        ("a text of two lines", "Shop", "transfer", ann | {"payee": "a\nb"}),
        ("a text turned round", "Shop", "transfer", ann | {"payee": "\u202eAnn"}),
        ("an empty text", "Shop", "transfer", ann | {"payee": ""}),
        ("a text of 81", "Shop", "transfer", ann | {"payee": "x" * 81}),
        ("a number as text", "Shop", "order", order | {"count": "3"}),
        ("another date", "Shop", "order", order | {"on": "23.11.2026"}),
        ("a reference with a bracket", "Shop", "order", order | {"number": "<b>"}),
        ("a reference of 65", "Shop", "order", order | {"number": "x" * 65}),
    ):
        yield refused(name, INVALID, app_name=app_name, locale="en", template=template, params=params)


FILES: dict[str, tuple[int, Callable[[], Iterator[Case]]]] = {
    "derivation": (1, derivation),
    "enrolments": (1, enrolments),
    "contexts": (2, contexts),
    "pkce": (3, pkce),
    "handoffs": (4, handoffs),
    "redirects": (4, redirects),
    "lives": (5, lives),
    "actions": (6, actions),
}


def write(folder: Path) -> None:
    """Write every file into a folder."""
    for name, (section, cases) in FILES.items():
        head = {"spec": "docs/spec/magic-link.md", "version": 1, "section": section, "keyring": KEYRING}
        more = {"templates": TEMPLATES} if name == "actions" else {}
        (folder / f"{name}.json").write_text(json.dumps(head | more | {"cases": list(cases())}, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
