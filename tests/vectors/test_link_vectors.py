"""The published vectors of docs/spec/magic-link.md, run against the library.

Each file states its cases with the result or the error class that is expected. A file that is missing, empty or
shorter than it was is a failure here, not a pass.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchword import errors
from watchword.core import action, binary, handoff, ids, magic_link, pkce
from watchword.core import verification as rules
from watchword.core.instant import DAY, MINUTE
from watchword.core.keyring import Keyring, derive
from watchword.core.limit import Guesses, GuessLimits, Rate
from watchword.core.verification import Expected, Verification
from watchword.settings.action import read_actions

Case = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors"
FEWEST = {
    "actions": 27,
    "contexts": 10,
    "derivation": 25,
    "enrolments": 25,
    "handoffs": 26,
    "lives": 22,
    "pkce": 24,
    "redirects": 19,
}
MADE = 1_795_435_200_000
LIMITS = GuessLimits((Rate(1_000, DAY),), 50)


def content(name: str) -> Case:
    read: Case = json.loads((VECTORS / "link" / f"{name}.json").read_text())
    return read


def each(name: str) -> pytest.MarkDecorator:
    cases = content(name)["cases"]
    labels = [
        f"{number}: {case['name']}".encode("ascii", "backslashreplace").decode() for number, case in enumerate(cases)
    ]
    return pytest.mark.parametrize("case", cases, ids=labels)


def holds(case: Case, work: Callable[[], object]) -> None:
    """Run a case: it gives exactly the result, or raises exactly the class, that it expects."""
    expect = case["expect"]
    name = expect.get("error") if isinstance(expect, dict) else None
    if name is None:
        assert expect == work()
        return
    with pytest.raises(getattr(errors, name)) as caught:
        work()
    assert getattr(errors, name) is caught.type


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def ring(name: str) -> Keyring:
    keys = content(name)["keyring"]
    return Keyring(
        {int(n): raw(key) for n, key in keys["keys"].items()}, current=keys["current"], index=raw(keys["index"])
    )


@pytest.mark.parametrize(("name", "fewest"), FEWEST.items())
def test_a_file_has_at_least_as_many_cases_as_it_had(name: str, fewest: int) -> None:
    assert fewest <= len(content(name)["cases"])


def test_there_is_a_runner_for_each_file() -> None:
    assert set(FEWEST) == {path.stem for path in (VECTORS / "link").glob("*.json")}


def test_the_files_are_what_an_independent_reading_of_the_spec_writes(tmp_path: Path) -> None:
    runpy.run_path(str(VECTORS / "generate_link.py"))["write"](tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {f"{name}.json" for name in FEWEST} == set(written)
    assert written == {name: (VECTORS / "link" / name).read_bytes() for name in written}


def test_the_generator_imports_nothing_of_the_library() -> None:
    lines = (VECTORS / "generate_link.py").read_text().splitlines()
    assert [] == [line for line in lines if "import" in line.split() and "watchword" in line]


@each("derivation")
def test_everything_that_follows_from_an_id(case: Case) -> None:
    given = case["given"]
    keys, app, verification = ring("derivation"), raw(given["app"]), raw(given["id"])

    def work() -> Case:
        token = magic_link.derive_token(keys, app, verification)
        ticket = magic_link.derive_ticket(keys, app, verification)
        name = ids.to_text(ids.VERIFICATION, verification)
        return {
            "token": token.hex(),
            "ticket": ticket.hex(),
            "link": magic_link.link_url(given["public_url"], verification, token),
            "page_url": magic_link.page_url(given["public_url"], name, ticket),
            "link_proof": magic_link.link_proof(token).hex(),
            "page_proof": magic_link.page_proof(ticket).hex(),
            "context_key": derive(token, magic_link.LINK_CONTEXT).hex(),
        }

    holds(case, work)


@each("enrolments")
def test_everything_that_follows_from_the_id_of_an_enrolment(case: Case) -> None:
    given = case["given"]
    authenticator = raw(given["id"])

    def work() -> Case:
        ticket = magic_link.derive_enrolment_ticket(ring("enrolments"), given["key"], raw(given["app"]), authenticator)
        name = ids.to_text(ids.AUTHENTICATOR, authenticator)
        return {
            "ticket": ticket.hex(),
            "page_url": magic_link.enrolment_url(given["public_url"], name, ticket),
            "page_proof": magic_link.page_proof(ticket).hex(),
        }

    holds(case, work)


@each("contexts")
def test_contexts(case: Case) -> None:
    given = case["given"]
    holds(
        case,
        lambda: {
            "context": magic_link.seal_context(raw(given["token"]), given["document"].encode(), iv=raw(given["iv"]))
        },
    )


@each("pkce")
def test_verifiers_and_challenges(case: Case) -> None:
    given = case["given"]
    if "verifier" in given:
        holds(case, lambda: {"challenge": pkce.write_challenge(given["verifier"])})
    else:
        holds(case, lambda: {"bytes": _bytes_of(pkce.read_challenge(given["challenge"], given["method"]))})


def _bytes_of(challenge: bytes) -> str:
    return binary.decode(challenge.decode()).hex()


@each("handoffs")
def test_hand_off_codes(case: Case) -> None:
    given = case["given"]
    keys, app, kind = ring("handoffs"), raw(given["app"]), handoff.Kind(given["kind"])
    if "nonce" in given:
        until, nonce = given["expires_at"], raw(given["nonce"])
        holds(
            case,
            lambda: {"code": handoff.write_handoff(keys, app, kind, raw(given["id"]), expires_at=until, nonce=nonce)},
        )
    else:
        holds(case, lambda: {"id": handoff.read_handoff(keys, app, kind, given["code"], now=given["now"]).hex()})


@each("redirects")
def test_redirects(case: Case) -> None:
    given = case["given"]

    def work() -> Case:
        if "registered" not in given:
            return {"redirect_to": magic_link.redirect_to(given["redirect_uri"], given["code"], given["state"])}
        challenge = pkce.write_challenge("v" * 43)
        magic_link.read_wanted(
            magic_link.LinkWanted(given["redirect_uri"], None, challenge, "S256"), given["registered"]
        )
        return {"registered": True}

    holds(case, work)


@each("actions")
def test_actions(case: Case) -> None:
    given = case["given"]
    asked = action.Action(given["template"], given["params"])
    templates = read_actions({"actions": content("actions")["templates"]})

    def work() -> Case:
        sentence = action.say(templates, given["app_name"], asked, given["locale"])
        digest = action.digest(ring("actions"), raw(given["app"]), raw(given["id"]), asked)
        return {"sentence": sentence, "digest": digest.hex()}

    holds(case, work)


ACTIONS = {"none": None, "same": b"s" * 16, "other": b"o" * 16}


class Life:
    """A verification and its recipient's guesses, step by step."""

    def __init__(self, facts: Case) -> None:
        self.row = Verification(
            *(b"i" * 16, b"a" * 16, "email", facts.get("purpose", "login"), b"r" * 16, b"t" * 16, b"", "en", 6, 5, 5),
            *(MADE, MADE + 10 * MINUTE, MADE),
            decoy=facts.get("decoy", False),
            methods=rules.CODE | rules.LINK,
            challenge=b"c" * 32 if facts.get("challenge", True) else None,
            action=b"s" * 16 if facts.get("action") else None,
        )
        self.guesses = Guesses((), facts.get("streak", 0))

    def step(self, step: Case) -> Case:
        now, expected = MADE + step.get("at", 0), Expected(action=ACTIONS[step.get("action", "none")])
        if step["does"] == "cancel":
            canceled = rules.cancel(self.row, now)
            outcome = "canceled" if canceled is not None else str(rules.over(self.row, now))
            self.row = canceled or self.row
        elif step["does"] == "confirm":
            outcome, self.row = rules.confirm(self.row, matches=step["right"], now=now)
        else:
            judged = self.judged(step, expected, now)
            outcome, self.row, self.guesses = judged.outcome, judged.verification, judged.guesses
        row = self.row
        return {
            "outcome": str(outcome),
            "status": row.status.value,
            "attempts": row.attempts,
            "words": row.words,
            "streak": self.guesses.streak,
        }

    def judged(self, step: Case, expected: Expected, now: int) -> rules.Judgement:
        if step["does"] == "exchange":
            return rules.exchange(
                *(self.row, self.guesses, LIMITS),
                challenge=(b"c" if step["verifier"] else b"x") * 32,
                expected=expected,
                handed_over=step["handed_over"],
                now=now,
            )
        grants = rules.Status.CONFIRMED if step["does"] == "page" else rules.Status.APPROVED
        return rules.judge(
            *(self.row, self.guesses, LIMITS),
            digits=6,
            matches=step["right"],
            expected=expected,
            now=now,
            grants=grants,
        )


@each("lives")
def test_lives(case: Case) -> None:
    life = Life(case["given"]["verification"])
    holds(case, lambda: [life.step(step) for step in case["given"]["steps"]])
