"""Whether time tells what answers do not: public routes and apps' routes, asked for classes that are answered alike.

    python -m bench.timing [--quick]

One connection to a service of its own, one request at a time. The classes of a case come in random order, so that
whatever else the machine does meets all of them. Two classes are held against each other by the share of pairs in which
one took longer (AUC, the statistic of Mann and Whitney): 0.5 tells nothing, and of 500 calls each chance alone makes
0.46 to 0.54. How often the best single threshold guesses right is told besides.

Not handled here: status, body and headers (``tests/security/test_uniformity.py``); classes that are answered unlike,
which need no clock to be told apart.
"""

from __future__ import annotations

import random
import socket
import sys
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations, count
from pathlib import Path
from statistics import median
from time import perf_counter_ns, sleep
from typing import NamedTuple

import msgspec

from bench import machine
from bench.children import server
from bench.links import REDIRECT, VERIFIER
from bench.worker import ADDED
from watchword.adapters import key_file
from watchword.core import binary, breaker, ids, magic_link, pkce
from watchword.core.instant import SECOND
from watchword.core.passcode import derive_code
from watchword.core.policy import BALANCED, SmsLimits

HERE = Path(__file__).parent
CALLS, ROUNDS = 500, 3
LOW, HIGH = 0.45, 0.55
NOBODY = "A" * 22
TRIES = 4  # wrong codes that a verification takes without being over
NO_PROOF = binary.encode(b"?" * 32)
SMS = """
[sms]
notice = "A text can be read by whoever takes over your number."
notice_version = "1"
risk_assessment = "none"
migration_plan = "none"
alternative = "authenticator"
providers = ["gateway"]
sender = "Bench"
countries = ["DE"]
prices = { DE = "0.01" }
budget = { hour = "1000000", day = "1000000", month = "1000000" }
"""


class Case(NamedTuple):
    """What is asked, and for each class an endless row of requests that the class is answered alike in."""

    name: str
    status: int
    classes: dict[str, Iterator[bytes]]


class Pair(NamedTuple):
    """Two classes of a case, round by round."""

    case: str
    first: str
    second: str
    auc: tuple[float, ...]
    right: tuple[float, ...]
    medians: tuple[float, float]  # milliseconds

    @property
    def tells(self) -> bool:
        """Whether time tells them apart."""
        return not LOW <= median(self.auc) <= HIGH


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """In which share of pairs the second took longer; equal ones count half."""
    ordered = sorted(first)
    below = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in second)
    return below / (2 * len(first) * len(second))


def best_threshold(first: Sequence[float], second: Sequence[float]) -> float:
    """How often whoever knows the best threshold guesses the class; 0.5 is a coin."""
    ahead, best = 0, 0
    for _, step in sorted([(each, 1) for each in first] + [(each, -1) for each in second]):
        ahead += step
        best = max(best, abs(ahead))
    return 0.5 + best / (2 * len(first))


class Line:
    """One kept connection, and how long an answer took."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, int, bytes]:
        """Status, nanoseconds to the last byte, and body."""
        began = perf_counter_ns()
        self._socket.sendall(request)
        answer = b""
        while True:
            piece = self._socket.recv(65_536)
            assert piece, answer
            answer += piece
            head, end, body = answer.partition(b"\r\n\r\n")
            if end and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
                return int(head[9:12]), perf_counter_ns() - began, body

    def close(self) -> None:
        """Leave."""
        self._socket.close()


class Speaker:
    """Writes requests, and makes what they are about."""

    def __init__(self, line: Line, api_key: str, app: bytes, keys: Path) -> None:
        self._line = line
        self._key = api_key
        self._app = app
        self._ring = key_file.load(keys)
        self._numbers = count()

    def request(self, path: str, body: object = None, *, method: str = "POST", key: str | None = None) -> bytes:
        """One request, as somebody without a key or with one."""
        content = b"" if body is None else msgspec.json.encode(body)
        head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
        head += [f"Authorization: Bearer {key}"] if key else []
        return "\r\n".join([*head, f"Content-Length: {len(content)}", "", ""]).encode() + content

    def keyed(self, path: str, body: object = None) -> bytes:
        """One request as the app."""
        return self.request(path, body, key=self._key)

    def create(self, *, decoy: bool, to: str = "", channel: str = "email") -> bytes:
        """Ask for a verification with a page, and by mail with a link, for somebody new."""
        number = next(self._numbers)
        link = {"redirect_uri": REDIRECT, "state": "s", "code_challenge": pkce.write_challenge(VERIFIER)}
        return self.keyed(
            "/v1/verifications",
            {
                "channel": channel,
                "to": to or f"user{number:07d}@example.org",
                "purpose": "login",
                "decoy": decoy,
                "link": link | {"code_challenge_method": "S256"},
                "requester": {"ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"},
            }
            | ({"methods": ["code"]} if channel == "sms" else {}),
        )

    def made(self, request: bytes, *members: str) -> list[str]:
        """Have something made, and take members of the answer."""
        status, _, body = self._line.ask(request)
        assert status == 201, body
        answer = msgspec.json.decode(body)
        return [str(answer[member]) for member in members]

    def named(self, request: bytes) -> str:
        """Have something made, and take its id."""
        return self.made(request, "id")[0]

    def told(self, request: bytes) -> int:
        """Ask, and take the status."""
        return self._line.ask(request)[0]

    def wrong(self, name: str) -> str:
        """A code of a verification that is none."""
        code = derive_code(self._ring, self._app, ids.from_text(ids.VERIFICATION, name), 6)
        return f"{(int(code) + 1) % 1_000_000:06}"

    def ticket(self, name: str) -> str:
        """The proof of a verification's page."""
        raw = ids.from_text(ids.VERIFICATION, name)
        return binary.encode(magic_link.page_proof(magic_link.derive_ticket(self._ring, self._app, raw)))


SENT = {"known": False, "decoy": True}


def _each(speaker: Speaker, decoy: bool, ask: Callable[[str], bytes], uses: int) -> Iterator[bytes]:  # noqa: FBT001
    """Requests about verifications that are made when they are needed, a few about each."""
    while True:
        name = speaker.named(speaker.create(decoy=decoy))
        for _ in range(uses):
            yield ask(name)


def _same(*requests: bytes) -> Iterator[bytes]:
    while True:
        yield from requests


def cases(speaker: Speaker) -> Iterator[Case]:
    """All of them."""
    yield Case("create, for the app", 201, {name: _new(speaker, decoy) for name, decoy in SENT.items()})
    yield from _checks(speaker)
    yield from _strangers(speaker)
    yield from _limited(speaker)
    yield from _texts(speaker)
    yield from _secrets(speaker)


def _new(speaker: Speaker, decoy: bool) -> Iterator[bytes]:  # noqa: FBT001 - a class
    while True:
        yield speaker.create(decoy=decoy)


def _checks(speaker: Speaker) -> Iterator[Case]:
    def app(name: str) -> bytes:
        return speaker.keyed(f"/v1/verifications/{name}/check", {"code": speaker.wrong(name)})

    def page(name: str) -> bytes:
        return speaker.request(f"/v1/pages/{name}/check", {"proof": speaker.ticket(name), "code": speaker.wrong(name)})

    def look(name: str) -> bytes:
        return speaker.request(f"/v1/pages/{name}/open", {"proof": speaker.ticket(name)})

    for what, ask, status, uses in (
        ("check of a wrong code, for the app", app, 422, TRIES),
        ("check of a wrong code, at the page", page, 422, TRIES),
        ("look at the page", look, 200, 50),
    ):
        yield Case(what, status, {name: _each(speaker, decoy, ask, uses) for name, decoy in SENT.items()})


def _strangers(speaker: Speaker) -> Iterator[Case]:
    known, decoy = (speaker.named(speaker.create(decoy=each)) for each in SENT.values())
    over = speaker.named(speaker.create(decoy=False))
    assert speaker.told(speaker.keyed(f"/v1/verifications/{over}/cancel")) == 200
    there = {"unknown": f"vf_{NOBODY}", "known": known, "decoy": decoy, "canceled": over}
    for what, path, body, status in (
        ("open a link, without it", "/v1/links/{}/open", {}, 200),
        ("continue a link, without it", "/v1/links/{}/continue", {"proof": NO_PROOF}, 404),
        ("look at a page, without its ticket", "/v1/pages/{}/open", {"proof": NO_PROOF}, 404),
        ("check at a page, without its ticket", "/v1/pages/{}/check", {"proof": NO_PROOF, "code": "000000"}, 404),
    ):
        yield Case(
            what, status, {name: _same(speaker.request(path.format(each), body)) for name, each in there.items()}
        )
    link = {"redirect_uri": REDIRECT, "code_challenge": pkce.write_challenge(VERIFIER), "code_challenge_method": "S256"}
    waiting = speaker.named(speaker.keyed("/v1/authenticators", {"subject": "ann", "link": link}))
    plain = speaker.named(speaker.keyed("/v1/authenticators", {"subject": "bob"}))
    enrolled = {"unknown": f"au_{NOBODY}", "known": waiting, "without a page": plain}
    yield Case(
        "look at an enrolment, without its ticket",
        404,
        {
            name: _same(speaker.request(f"/v1/enrolments/{each}/open", {"proof": NO_PROOF}))
            for name, each in enrolled.items()
        },
    )


def _limited(speaker: Speaker) -> Iterator[Case]:
    """Refused for one reason or another, and answered alike."""
    resend, check = {}, {}
    for name, decoy in SENT.items():
        to = f"limited-{name}@example.org"
        spent = speaker.named(speaker.create(decoy=decoy, to=to))
        for _ in range(2):
            speaker.named(speaker.create(decoy=decoy, to=to))
        resend[name] = _same(speaker.request(f"/v1/pages/{spent}/resend", {"proof": speaker.ticket(spent)}))
        wrong = b""
        for guessed in [speaker.named(speaker.create(decoy=decoy, to=f"guessed-{name}@example.org")) for _ in range(3)]:
            typed = {"proof": speaker.ticket(guessed), "code": speaker.wrong(guessed)}
            wrong = speaker.request(f"/v1/pages/{guessed}/check", typed)
            for _ in range(TRIES):
                speaker.told(wrong)
        check[name] = _same(wrong)
    yield Case("resend at a page, limited", 429, resend)
    yield Case("check at a page, limited", 429, check)


def _texts(speaker: Speaker) -> Iterator[Case]:
    """Texts that may be sent again by now, and are not: for a limit of their number, or for its neighbours."""
    pages: dict[str, str] = {}
    for each, (name, decoy) in enumerate(SENT.items()):
        prefix = f"+49151{each}"
        blocked = [
            speaker.named(speaker.create(decoy=decoy, to=f"{prefix}1000{last:03}", channel="sms"))
            for last in range(breaker.NEIGHBOURS)
        ]
        limited = [
            speaker.named(speaker.create(decoy=decoy, to=f"{prefix}2000000", channel="sms"))
            for _ in range(SmsLimits().number_sends[0].count)
        ]
        pages |= {f"{name}, limited": limited[0], f"{name}, blocked": blocked[0]}
    for _ in range(BALANCED.resend_after[0] // SECOND):
        sleep(1)
        assert speaker.told(speaker.request("/healthz", method="GET")) == 200  # or the connection is closed
    asked = {
        name: _same(speaker.request(f"/v1/pages/{each}/resend", {"proof": speaker.ticket(each)}))
        for name, each in pages.items()
    }
    yield Case("resend of a text at a page, refused", 429, asked)


def _secrets(speaker: Speaker) -> Iterator[Case]:
    body = {
        "envelope": {"v": 1, "nonce": NOBODY, "jwe": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aaaa.bbbb.cccc"},
        "link_hash": NO_PROOF,
    }
    known = speaker.named(speaker.request("/v1/secrets", body))
    burnt, token = speaker.made(speaker.request("/v1/secrets", body), "id", "manage_token")
    assert speaker.told(speaker.request(f"/v1/secrets/{burnt}", method="DELETE", key=token)) == 200
    there = {"unknown": f"sc_{NOBODY}", "known": known, "burnt": burnt}
    asked = {"link": NO_PROOF}
    for what, path, given, method, key, code in (
        ("open a secret, without its link", "/open", asked, "POST", "", 404),
        ("claim a secret, without its link", "/claim", asked | {"claim": NOBODY}, "POST", "", 404),
        ("status of a secret, without its token", "/status", None, "GET", NO_PROOF, 401),
    ):
        yield Case(
            what,
            code,
            {
                name: _same(speaker.request(f"/v1/secrets/{each}{path}", given, method=method, key=key))
                for name, each in there.items()
            },
        )


def measure(case: Case, line: Line, calls: int, rounds: int, dice: random.Random) -> list[Pair]:
    """Ask in random order, and hold every two classes against each other."""
    took: dict[str, list[list[float]]] = {name: [] for name in case.classes}
    for _ in range(rounds):
        for name in case.classes:
            took[name].append([])
        order = [name for name in case.classes for _ in range(calls)]
        dice.shuffle(order)
        ready = [
            (name, next(case.classes[name])) for name in order
        ]  # what they are about is made before the clock runs
        for name, request in ready:
            status, nanoseconds, body = line.ask(request)
            assert status == case.status, (case.name, name, status, body)
            took[name][-1].append(nanoseconds)
    return [
        Pair(
            *(case.name, first, second),
            tuple(auc(*both) for both in zip(took[first], took[second], strict=True)),
            tuple(best_threshold(*both) for both in zip(took[first], took[second], strict=True)),
            (_middle(took[first]), _middle(took[second])),
        )
        for first, second in combinations(case.classes, 2)
    ]


def _middle(rounds: Sequence[Sequence[float]]) -> float:
    return median(each for one in rounds for each in one) / 1e6


def run(folder: Path, calls: int = CALLS, rounds: int = ROUNDS, only: str = "") -> list[Pair]:
    """Start a service, and measure every case."""
    dice, pairs = random.Random(20_261_127), []
    folder.mkdir(exist_ok=True)
    (folder / ADDED).write_text(SMS, encoding="utf-8")
    with server("watchword", folder) as running:
        line = Line(running.told.port)
        speaker = Speaker(line, running.told.api_key, running.told.app, running.folder / "keys.json")
        for case in cases(speaker):
            if only in case.name:
                pairs += measure(case, line, calls, rounds, dice)
        line.close()
    return pairs


def table(pairs: Sequence[Pair]) -> str:
    """A row a pair."""
    lines = [
        "| asked | answered alike | medians, ms | AUC | rounds | best threshold | |",
        "|---|---|---|---|---|---|---|",
    ]
    for pair in pairs:
        spread = f"{min(pair.auc):.2f} to {max(pair.auc):.2f}"
        lines.append(
            f"| {pair.case} | {pair.first}, {pair.second} | {pair.medians[0]:.3f}, {pair.medians[1]:.3f} "
            f"| {median(pair.auc):.3f} | {spread} | {median(pair.right):.0%} | {'**tells**' if pair.tells else ''} |"
        )
    return "\n".join(lines)


def page(pairs: Sequence[Pair], calls: int, when: str, load: float) -> str:
    """``bench/TIMING.md``."""
    telling = sum(pair.tells for pair in pairs)
    return f"""# What time tells

Written by `python -m bench.timing` on {when}. Do not edit: run it again. What is asked, and how two classes are held
against each other, stands at the top of `bench/timing.py`. {calls} calls a class and round, {len(pairs[0].auc)} rounds,
medians of rounds; load average before: {load:.2f}.

Demanded: an AUC of {LOW} to {HIGH} for every pair. **{"Met by all" if not telling else f"Missed by {telling}"}** of
{len(pairs)}.

{table(pairs)}
"""


def main(arguments: list[str]) -> None:
    """Measure, and write the page."""
    assert set(arguments) <= {"--quick"}, "python -m bench.timing [--quick]"
    quick = bool(arguments)
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    load = machine.load_average()
    calls = 60 if quick else CALLS
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        pairs = run(Path(scratch), calls, 1 if quick else ROUNDS)
    written = page(pairs, calls, datetime.now(UTC).strftime("%Y-%m-%d"), load)
    (out / "timing.md" if quick else HERE / "TIMING.md").write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main(sys.argv[1:])
