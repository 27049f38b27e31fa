"""What the generator says: requests as bytes, made ahead as far as can be, and the scripts that put them in order.

The codes are computed from the key file, as nobody but the operator could.

Rules: every create has a recipient and a ``requester.ip`` of its own, so that all limits are looked up and none is
met; every check names purpose and address, as the SDK does; secrets come from strangers behind one address, whose
bucket is wide enough never to be full.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from os import urandom
from pathlib import Path
from typing import Protocol

import msgspec

from bench import links
from bench.rows import Job
from watchword.adapters import key_file
from watchword.adapters.system import SystemClock
from watchword.core import base32, binary, envelope, ids
from watchword.core.instant import SECOND, Span
from watchword.core.passcode import derive_code
from watchword.core.totp import hotp, step_at

_ID = slice(7, 32)  # an answer begins with {"id":"vf_…"
_DIGITS = 6
_UNDER_WAY: Span = 5 * SECOND  # that a request may take
_TEXT = {"type": "text", "text": "correct horse battery staple"}

PAIRS = ("pairs", "pairs, linked first")
SECRETS = "secret: create, parameters, claim, ack"

Scenario = Callable[[Job], Iterator[tuple[str, Callable[[], "Script"]]]]


class Script(Protocol):
    """What one connection says. ``expected`` is the status that the last request must be answered with."""

    expected: bytes

    def next(self, answer: bytes) -> bytes | None:
        """The next request, given the body of the last answer; None where there is nothing more to say."""
        ...


class Speaker:
    """Writes requests for one app, and those of strangers, who share secrets without a key."""

    def __init__(self, job: Job) -> None:
        self.app = job.app
        self._port = job.port
        self._numbers = count(time.time_ns() // 20_000)  # no run makes 50 000 a second, so no two runs share one
        self.ring = key_file.load(Path(job.key_file)) if job.api_key else None
        self._rest = (
            b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nUser-Agent: bench/1\r\n"
            b"Accept: application/json\r\nContent-Type: application/json\r\n"
        ) % (job.port, job.api_key.encode())
        self.made: deque[tuple[bytes, bytes]] = deque()
        self.bound: deque[tuple[bytes, bytes, int]] = deque()

    def create(self, *, idempotent: bool = False, more: bytes = b',"requester":{') -> tuple[bytes, bytes]:
        """Ask for a verification; returns the address and the request.

        ``more`` ends in the beginning of what it says of the requester.
        """
        number = next(self._numbers)
        to = b"ann.%d@mail%d.example.org" % (number, number % 97)
        comma = b"" if more.endswith(b"{") else b","
        body = (b'{"channel":"email","to":"%s","purpose":"login","locale":"de"%s%s"ip":"10.%d.%d.%d"}}') % (
            *(to, more, comma),
            number >> 16 & 255,
            number >> 8 & 255,
            number & 255,
        )
        return to, self._post(b"/v1/verifications", body, b"Idempotency-Key: %036d\r\n" % number if idempotent else b"")

    def check(self, text: bytes, to: bytes, *, right: bool) -> bytes:
        """Check the code of a verification, or another code."""
        assert self.ring is not None
        code = derive_code(self.ring, self.app, ids.from_text(ids.VERIFICATION, text.decode()), _DIGITS)
        typed = code if right else f"{(int(code) + 1) % 10**_DIGITS:06}"
        body = b'{"code":"%s","purpose":"login","to":"%s"}' % (typed.encode(), to)
        return self._post(b"/v1/verifications/%s/check" % text, body, b"")

    def anonymous(self, path: bytes, body: bytes) -> bytes:
        """A request without a key."""
        head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n"
        length = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        return head % (path, self._port) + length

    def enrol(self) -> tuple[bytes, bytes]:
        """Ask for an authenticator; returns its subject and the request."""
        subject = b"user-%d" % next(self._numbers)
        return subject, self._post(b"/v1/authenticators", b'{"subject":"%s","label":"Phone"}' % subject, b"")

    def confirm(self, text: bytes, secret: bytes) -> tuple[bytes, int]:
        """Confirm it, with the code of the step before this one, so that this one is left for a check; and its step.

        At the end of a step with the code of this one: the other may be too old on arrival.
        """
        now = SystemClock().now()
        step = step_at(now) - (step_at(now + _UNDER_WAY) == step_at(now))
        code = hotp(secret, step).encode()
        return self._post(b"/v1/authenticators/%s/confirm" % text, b'{"code":"%s"}' % code, b""), step

    def check_subject(self, subject: bytes, secret: bytes, used: int) -> bytes:
        """Check the code of now, or of the step to come where that of now was used: one step early is in time."""
        code = hotp(secret, max(used + 1, step_at(SystemClock().now()))).encode()
        body = b'{"subject":"%s","code":"%s"}' % (subject, code)
        return self._post(b"/v1/authenticators/check", body, b"")

    def post(self, path: bytes, body: bytes) -> bytes:
        """A request with the app's key."""
        return self._post(path, body, b"")

    def _post(self, path: bytes, body: bytes, header: bytes) -> bytes:
        return b"POST %s%s%sContent-Length: %d\r\n\r\n%s" % (path, self._rest, header, len(body), body)


class Create:
    """Create after create. What was made is kept for the checks."""

    expected = b"201"

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._to = b""

    def next(self, answer: bytes) -> bytes:
        """As the protocol says."""
        if answer:
            self._speaker.made.append((answer[_ID], self._to))
        self._to, request = self._speaker.create()
        return request


class Repeat:
    """The same again and again, for the yardstick."""

    expected = b"201"

    def __init__(self, request: bytes) -> None:
        self._request = request

    def next(self, _: bytes) -> bytes:
        """As the protocol says."""
        return self._request


class Check:
    """Check after check of what was made, right or wrong ones."""

    def __init__(self, speaker: Speaker, made: deque[tuple[bytes, bytes]], *, right: bool) -> None:
        self._speaker = speaker
        self._made = made
        self._right = right
        self.expected = b"200" if right else b"422"

    def next(self, _: bytes) -> bytes | None:
        """As the protocol says."""
        return self._speaker.check(*self._made.popleft(), right=self._right) if self._made else None


class Pair:
    """Create and check right, in turns: the mixed load."""

    def __init__(self, speaker: Speaker, *, idempotent: bool) -> None:
        self._speaker = speaker
        self._idempotent = idempotent
        self._to = b""
        self.expected = b"200"

    def next(self, answer: bytes) -> bytes:
        """As the protocol says."""
        if self.expected == b"200":
            self.expected = b"201"
            self._to, request = self._speaker.create(idempotent=self._idempotent)
            return request
        self.expected = b"200"
        return self._speaker.check(answer[_ID], self._to, right=True)


class Cycle:
    """The life of a secret: create, ask for its parameters, claim, ack. Each is a request.

    The text is sealed once: to the service every ciphertext is the same work.
    """

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        link_key = urandom(envelope.KEY_SIZE)
        sealed = envelope.seal(_TEXT, link_key, nonce=urandom(envelope.NONCE_SIZE), iv=urandom(envelope.IV_SIZE))
        link = binary.encode(envelope.link_proof(link_key))
        self._create = msgspec.json.encode(sealed.to_wire())
        self._open = msgspec.json.encode({"link": link})
        self._link = link.encode()
        self._claims = count(int.from_bytes(urandom(8), "big"))
        self._claim = b""
        self._id = b""
        self._step = 0
        self.expected = b"200"

    def next(self, answer: bytes) -> bytes:
        """As the protocol says."""
        step, self._step = self._step, (self._step + 1) % 4
        self.expected = b"200" if step else b"201"
        if step == 0:
            return self._speaker.anonymous(b"/v1/secrets", self._create)
        if step == 1:
            self._id = answer[_ID]
            self._claim = binary.encode(next(self._claims).to_bytes(16, "big")).encode()
            return self._ask(b"open", self._open)
        body = b'"link":"%s","claim":"%s"' % (self._link, self._claim)
        if step == 2:
            return self._ask(b"claim", b"{%s}" % body)
        return self._ask(b"ack", b'{%s,"outcome":"read"}' % body)

    def _ask(self, verb: bytes, body: bytes) -> bytes:
        return self._speaker.anonymous(b"/v1/secrets/%s/%s" % (self._id, verb), body)


class Bind:
    """Enrol and confirm, in turns, with the code of the step before, so that the present one is left for a check."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._subject = b""
        self._secret = b""
        self._step = 0
        self.expected = b"200"

    def next(self, answer: bytes) -> bytes:
        """As the protocol says."""
        if self.expected == b"200":
            if answer:
                self._speaker.bound.append((self._subject, self._secret, self._step))
            self.expected = b"201"
            self._subject, request = self._speaker.enrol()
            return request
        self.expected = b"200"
        made = msgspec.json.decode(answer, type=_Enrolled)
        self._secret = base32.read(made.secret)
        request, self._step = self._speaker.confirm(made.id.encode(), self._secret)
        return request


class CheckSubject:
    """Check after check of what was bound, one right code each."""

    expected = b"200"

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def next(self, _: bytes) -> bytes | None:
        """As the protocol says."""
        return self._speaker.check_subject(*self._speaker.bound.popleft()) if self._speaker.bound else None


class _Enrolled(msgspec.Struct):
    id: str
    secret: str


def _reference(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    _, request = Speaker(job).create()
    yield "R", lambda: Repeat(request)


def _mixed(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    speaker = Speaker(job)
    yield "create + check", lambda: Pair(speaker, idempotent=False)


def _secrets(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    speaker = Speaker(job)
    yield SECRETS, lambda: Cycle(speaker)


def _idempotent(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    speaker = Speaker(job)
    yield "create + check, with Idempotency-Key", lambda: Pair(speaker, idempotent=True)


def _single(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    speaker = Speaker(job)
    yield "create", lambda: Create(speaker)
    half = deque(speaker.made.popleft() for _ in range(len(speaker.made) // 2))
    yield "check, right", lambda: Check(speaker, half, right=True)
    yield "check, wrong", lambda: Check(speaker, speaker.made, right=False)


def _authenticator(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    speaker = Speaker(job)
    yield "authenticator: enrol + confirm", lambda: Bind(speaker)
    yield "authenticator: check, right", lambda: CheckSubject(speaker)


def _links(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    yield from links.cycles(Speaker(job))


def _pairs(job: Job, *, linked_first: bool) -> Iterator[tuple[str, Callable[[], Script]]]:
    yield from links.pairs(Speaker(job), linked_first=linked_first)


def _linked(job: Job) -> Iterator[tuple[str, Callable[[], Script]]]:
    yield from links.single(Speaker(job))


SCENARIOS: dict[str, Scenario] = {
    "reference": _reference,
    "mixed": _mixed,
    "secrets": _secrets,
    "idempotent": _idempotent,
    "single": _single,
    "authenticator": _authenticator,
    "links": _links,
    PAIRS[0]: partial(_pairs, linked_first=False),
    PAIRS[1]: partial(_pairs, linked_first=True),
    "linked": _linked,
}
