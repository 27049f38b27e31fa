"""The published vectors of docs/spec/passcode.md, run against the library.

Each file states its cases with the result or the error class that is expected. A file that is missing, empty or
shorter than it was is a failure here, not a pass.
"""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from watchword import errors
from watchword.core import app as apps
from watchword.core import delivery, ids, instant, limit, passcode, policy, recipient, words
from watchword.core import verification as rules
from watchword.core.keyring import Keyring
from watchword.flows.keys import Keys
from watchword.flows.verification import Request, Verifications
from watchword.ports import Added

Case = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors"
FEWEST = {
    "api_keys": 3,
    "codes": 19,
    "gcra": 6,
    "ids": 23,
    "lives": 27,
    "lookups": 17,
    "next_tries": 26,
    "rates": 17,
    "recipients": 30,
    "sealed": 18,
    "sliding_log": 6,
    "times": 11,
    "typed": 46,
    "watchwords": 16,
}


def read(name: str) -> list[Case]:
    return list(json.loads((VECTORS / "passcode" / f"{name}.json").read_text())["cases"])


def keyring(name: str = "codes") -> Keyring:
    held = json.loads((VECTORS / "passcode" / f"{name}.json").read_text())["keyring"]
    keys = {int(number): bytes.fromhex(key) for number, key in held["keys"].items()}
    return Keyring(keys, current=held["current"], index=bytes.fromhex(held["index"]))


RING = keyring()


def each(name: str) -> pytest.MarkDecorator:
    cases = read(name)
    labels = [
        f"{number}: {case['name']}".encode("ascii", "backslashreplace").decode() for number, case in enumerate(cases)
    ]
    return pytest.mark.parametrize("case", cases, ids=labels)


def error_of(case: Case) -> type[Exception] | None:
    """The class that a case expects to be raised, or None where it expects a result."""
    expect = case["expect"]
    name = expect.get("error")
    return None if name is None else getattr(errors, name, None) or {"ValueError": ValueError}[name]


def holds(case: Case, work: Callable[[], Case]) -> None:
    """Run a case: it gives exactly the result, or raises exactly the class, that it expects."""
    expected = error_of(case)
    if expected is None:
        assert case["expect"] == work()
        return
    with pytest.raises(expected) as caught:
        work()
    assert expected is caught.type


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(("name", "fewest"), FEWEST.items())
def test_a_file_has_at_least_as_many_cases_as_it_had(name: str, fewest: int) -> None:
    assert fewest <= len(read(name))


def test_there_is_a_runner_for_each_file() -> None:
    assert {"words", *FEWEST} == {path.stem for path in (VECTORS / "passcode").glob("*.json")}


def test_the_files_are_what_an_independent_reading_of_the_spec_writes(tmp_path: Path) -> None:
    runpy.run_path(str(VECTORS / "generate.py"))["write"](tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {f"{name}.json" for name in FEWEST} == set(written)
    assert written == {name: (VECTORS / "passcode" / name).read_bytes() for name in written}


def test_the_generator_imports_nothing_of_the_library() -> None:
    assert "watchword." not in "".join(
        line for line in (VECTORS / "generate.py").read_text().splitlines() if "import" in line
    )


@each("ids")
def test_ids(case: Case) -> None:
    given = case["given"]
    if "text" in given:
        holds(case, lambda: {"raw": ids.from_text(given["kind"], given["text"]).hex()})
        return
    if given["kind"] == ids.VERIFICATION:
        made = ids.verification_id(given["created_at"], given["key_number"], raw(given["random"]))
        more = {"key_number": ids.key_number(made)}
    else:
        made, more = ids.app_id(given["created_at"], raw(given["random"])), {}
    text = ids.to_text(given["kind"], made)
    assert case["expect"] == {"raw": made.hex(), "text": text, "created_at": ids.created_at(made), **more}
    assert made == ids.from_text(given["kind"], text)


@each("times")
def test_times(case: Case) -> None:
    given = case["given"]
    if "instant" in given:
        assert case["expect"]["text"] == instant.rfc3339(given["instant"])
    else:
        assert case["expect"]["seconds"] == instant.seconds_until(given["until"], given["now"])


@each("api_keys")
def test_api_keys(case: Case) -> None:
    key = apps.write_key(raw(case["given"]["random"]))
    assert case["expect"] == {"text": key, "hint": apps.hint(key), "hash": apps.hash_key(key).hex()}
    assert apps.is_key_shaped(key.encode())


@each("sealed")
def test_sealed_values(case: Case) -> None:
    given = case["given"]
    bound_to = raw(given["bound_to"])
    if "plaintext" in given:
        made = RING.seal(raw(given["plaintext"]), bound_to=bound_to, nonce=raw(given["nonce"]))
        assert case["expect"] == {"sealed": made.hex()}
    else:
        holds(case, lambda: {"plaintext": RING.open(raw(given["sealed"]), bound_to=bound_to).hex()})


@each("codes")
def test_codes(case: Case) -> None:
    given = case["given"]
    holds(case, lambda: {"code": passcode.derive_code(RING, raw(given["app"]), raw(given["id"]), given["digits"])})


@each("watchwords")
def test_watchwords(case: Case) -> None:
    sign, countersign = passcode.derive_watchword(RING, raw(case["given"]["app"]), raw(case["given"]["id"]))
    expect = {"sign": words.SIGNS.index(sign), "countersign": words.COUNTERSIGNS.index(countersign)}
    assert case["expect"] == {**expect, "text": f"{sign} {countersign}"}


def test_the_word_lists_are_the_published_ones() -> None:
    lists = json.loads((VECTORS / "passcode" / "words.json").read_text())
    assert list(words.SIGNS) == lists["signs"]
    assert list(words.COUNTERSIGNS) == lists["countersigns"]
    assert [256, 256] == [len(set(words.SIGNS)), len(set(words.COUNTERSIGNS))]


@each("typed")
def test_typed_input(case: Case) -> None:
    holds(case, lambda: {"digits": passcode.read_digits(case["given"]["typed"])})


@each("recipients")
def test_recipients(case: Case) -> None:
    def read_address() -> Case:
        address = recipient.read_email(case["given"]["typed"])
        return {
            "deliverable": address,
            "folded": recipient.fold(address),
            "masked": recipient.mask(address),
            "lookup": recipient.lookup(RING, "email", address).hex(),
            "identity": recipient.identify(RING, "email", address).hex(),
        }

    holds(case, read_address)


@each("rates")
def test_rates(case: Case) -> None:
    holds(case, lambda: {"rates": [list(rate) for rate in limit.read_rates(case["given"]["text"])]})


def rates_of(pairs: Iterable[Sequence[int]]) -> tuple[limit.Rate, ...]:
    return tuple(limit.Rate(count, per) for count, per in pairs)


@each("gcra")
def test_send_limits(case: Case) -> None:
    given = case["given"]
    arrivals, waits = limit.FRESH, []
    for moment in given["moments"]:
        before = arrivals
        arrivals, wait = limit.send(arrivals, rates_of(given["rates"]), given["start"] + moment)
        assert not wait or before == arrivals
        waits.append(wait)
    assert case["expect"] == {"waits": waits}


@each("sliding_log")
def test_guess_budgets(case: Case) -> None:
    given = case["given"]
    limits = limit.GuessLimits(rates_of(given["budgets"]), ceiling=50)
    guesses, waits = limit.UNTRIED, []
    for moment in given["moments"]:
        now = given["start"] + moment
        waits.append(limit.guess_wait(guesses.log, limits.budgets, now))
        if not waits[-1]:
            guesses = limit.note_wrong(guesses, limits, now)
    assert case["expect"] == {"waits": waits, "streak": guesses.streak}


START = 1_795_435_200_000
ANN = b"ann's look-up..."
SCHEDULE = policy.BALANCED.resend_after
LIMITS = policy.Rules().guesses


def pending(given: Case) -> rules.Verification:
    return rules.Verification(
        id=bytes(16),
        app=bytes(16),
        channel="email",
        purpose=given.get("purpose", "login"),
        recipient=b"the bucket of hs",
        address=ANN,
        sealed=b"",
        locale="en",
        digits=6,
        max_attempts=policy.BALANCED.attempts,
        max_sends=policy.BALANCED.max_sends,
        created_at=START,
        expires_at=START + 10 * instant.MINUTE,
        resend_at=START + SCHEDULE[0],
        decoy=given.get("decoy", False),
    )


class Played:
    """A verification and its guess bucket, moved by the library's own rules."""

    def __init__(self, given: Case) -> None:
        self.verification = pending(given)
        self.guesses = limit.Guesses(tuple(START + at for at in given.get("log", ())), given.get("streak", 0))

    def check(self, step: Case, now: int) -> tuple[str, int]:
        to = step.get("to")
        judgement = rules.judge(
            self.verification,
            self.guesses,
            LIMITS,
            digits=step.get("digits", 6),
            matches=step.get("right", False),
            expected=rules.Expected(step.get("purpose"), None if to is None else {"ann": ANN}.get(to, b"another")),
            now=now,
        )
        self.verification, self.guesses = judgement.verification, judgement.guesses
        return judgement.outcome.value, judgement.retry_after

    def resend(self, _step: Case, now: int) -> tuple[str, int]:
        outcome, self.verification = rules.resend(self.verification, SCHEDULE, now)
        return outcome.value, 0

    def cancel(self, _step: Case, now: int) -> tuple[str, int]:
        canceled = rules.cancel(self.verification, now)
        self.verification = canceled or self.verification
        return "ended" if canceled is None else canceled.status.value, 0

    def fail(self, _step: Case, _now: int) -> tuple[str, int]:
        self.verification = rules.fail(self.verification)
        return self.verification.status.value, 0


@each("lives")
def test_the_life_of_a_verification(case: Case) -> None:
    played = Played(case["given"])
    for step in case["steps"]:
        now = START + step["at"]
        outcome, wait = getattr(played, step["do"])(step, now)
        got: Case = {
            "outcome": outcome,
            "status": played.verification.status_at(now).value,
            "attempts_remaining": played.verification.attempts_remaining,
            "streak": played.guesses.streak,
        }
        assert step["expect"] == got | ({"wait": wait} if wait else {})


@each("next_tries")
def test_next_tries(case: Case) -> None:
    given = case["given"]
    at = delivery.next_try(given["tries"], given["expires_at"], given["now"], given["jitter"] / 255)
    assert case["expect"] == {"at": at}


class Still:
    """A clock that stands."""

    def now(self) -> instant.Instant:
        return START


class Zeros:
    """Dice that always fall the same way."""

    def draw(self, size: int) -> bytes:
        return bytes(size)


class Silence:
    """An audit log that keeps nothing."""

    def record(self, event: str, /, **facts: object) -> None:
        del event, facts


class Notebook:
    """The verb ``add`` of a store, which writes down what it was asked to charge and to remember."""

    def __init__(self) -> None:
        self.asked: Case = {}

    async def add(self, verification: rules.Verification, **asked: Any) -> Added:
        self.asked = asked
        return Added(verification, replayed=False)


@each("lookups")
def test_lookup_hashes(case: Case) -> None:
    given = case["given"]
    notebook = Notebook()
    flow = Verifications(notebook, Keys(lambda: RING, Still()), Still(), Zeros(), Silence(), policy.Rules())  # type: ignore[arg-type]
    tenant = apps.App(raw(given["app"]) if "app" in given else bytes(16), "Acme", START)
    request = Request(
        channel="email",
        to="ann@example.org",
        purpose="login",
        source=given.get("source"),
        idempotency_key=given.get("idempotency_key"),
        fingerprint=given.get("request", "").encode(),
    )

    def asked() -> Case:
        asyncio.run(flow.create(tenant, request))
        if "source" in given:
            keys = [charge.key for charge in notebook.asked["charges"] if charge.key.startswith(b"s")]
            return {"network": case["expect"]["network"], "lookup": keys[0][1:].hex()}
        idempotency = notebook.asked["idempotency"]
        return {"key": idempotency.key.hex(), "request": idempotency.request.hex()}

    holds(case, asked)
