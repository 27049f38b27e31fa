"""What the generator says about links: asked for beside code alone, continued, and exchanged. Each is a request.

The tokens are computed from the key file, as only the operator could; one browser session asks for all of them.

Not handled here: everything else that is said (``requests.py``).
"""

from __future__ import annotations

import hmac
import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from watchword.core import binary, ids, pkce
from watchword.core.magic_link import derive_token

if TYPE_CHECKING:
    from bench.requests import Script, Speaker

REDIRECT = "https://shop.example/signed-in"
VERIFIER = "bench-verifier-of-the-one-session-that-asks-for-all"
ALONE = "create, code alone"
LINKED = "create, with a link"
CREATE = "link: create"
CONTINUE = "link: continue"
EXCHANGE = "link: exchange"
CYCLE = "link: create, continue, exchange"

_ID = slice(7, 32)  # an answer begins with {"id":"vf_…"
_CODE = re.compile(rb"[?&]code=([A-Za-z0-9_-]+)")
_LINK = (
    b',"link":{"redirect_uri":"%s","state":"bench","code_challenge":"%s","code_challenge_method":"S256"}'
    b',"requester":{"user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0"'
) % (REDIRECT.encode(), pkce.write_challenge(VERIFIER).encode())
_PLAIN = b',"requester":{"user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0"'


def member(*, linked: bool) -> bytes:
    """What a create says besides, up to the end of what it says of the requester."""
    return _LINK if linked else _PLAIN


def proceed(speaker: Speaker, text: bytes) -> bytes:
    """Press *Continue here*."""
    assert speaker.ring is not None
    token = derive_token(speaker.ring, speaker.app, ids.from_text(ids.VERIFICATION, text.decode()))
    extracted = hmac.digest(bytes(32), token, "sha256")
    proof = binary.encode(hmac.digest(extracted, b"watchword/v1/link/proof\x01", "sha256"))
    return speaker.anonymous(b"/v1/links/%s/continue" % text, b'{"proof":"%s"}' % proof.encode())


def exchange(speaker: Speaker, answer: bytes, to: bytes) -> bytes:
    """Collect with the hand-off code of an answer."""
    found = _CODE.search(answer)
    assert found is not None
    body = b'{"code_verifier":"%s","code":"%s","purpose":"login","to":"%s"}' % (VERIFIER.encode(), found[1], to)
    return speaker.post(b"/v1/exchange", body)


class CreateLinked:
    """Create after create, with a link or without, and with the same requester. What was made is kept."""

    expected = b"201"

    def __init__(self, speaker: Speaker, *, linked: bool) -> None:
        self._speaker = speaker
        self._linked = linked
        self._to = b""

    def next(self, answer: bytes) -> bytes:
        """As the protocol says."""
        if answer and self._linked:
            self._speaker.made.append((answer[_ID], self._to))
        self._to, request = self._speaker.create(more=member(linked=self._linked))
        return request


class Continue:
    """*Continue here* after *Continue here* of what was made. What came back is kept."""

    expected = b"200"

    def __init__(self, speaker: Speaker, handed: deque[tuple[bytes, bytes]]) -> None:
        self._speaker = speaker
        self._handed = handed
        self._to = b""

    def next(self, answer: bytes) -> bytes | None:
        """As the protocol says."""
        if answer:
            self._handed.append((answer, self._to))
        if not self._speaker.made:
            return None
        text, self._to = self._speaker.made.popleft()
        return proceed(self._speaker, text)


class Exchange:
    """Exchange after exchange of what came back."""

    expected = b"200"

    def __init__(self, speaker: Speaker, handed: deque[tuple[bytes, bytes]]) -> None:
        self._speaker = speaker
        self._handed = handed

    def next(self, _: bytes) -> bytes | None:
        """As the protocol says."""
        return exchange(self._speaker, *self._handed.popleft()) if self._handed else None


class Cycle:
    """The life of a link: create, continue, exchange, in turns."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._to = b""
        self._step = 0
        self.expected = b"200"

    def next(self, answer: bytes) -> bytes:
        """As the protocol says."""
        step, self._step = self._step, (self._step + 1) % 3
        self.expected = b"200" if step else b"201"
        if step == 0:
            self._to, request = self._speaker.create(more=member(linked=True))
            return request
        return proceed(self._speaker, answer[_ID]) if step == 1 else exchange(self._speaker, answer, self._to)


def cycles(speaker: Speaker) -> Iterator[tuple[str, Callable[[], Script]]]:
    """The whole life, as one load."""
    yield CYCLE, lambda: Cycle(speaker)


def pairs(speaker: Speaker, *, linked_first: bool) -> Iterator[tuple[str, Callable[[], Script]]]:
    """Creating with a link held against creating without one, which begins and ends, or the other way about.

    What comes later meets more rows, so each stands before the other and after it. And what begins meets a server that
    has rested: the same held against itself was found 1 to 2 % slower in the middle. So both have to begin equally
    often.
    """
    for linked in (linked_first, not linked_first, not linked_first, linked_first):
        yield (LINKED if linked else ALONE), partial(CreateLinked, speaker, linked=linked)


def single(speaker: Speaker) -> Iterator[tuple[str, Callable[[], Script]]]:
    """Each request by itself."""
    handed: deque[tuple[bytes, bytes]] = deque()
    yield CREATE, lambda: CreateLinked(speaker, linked=True)
    yield CONTINUE, lambda: Continue(speaker, handed)
    # A hand-off code is good for a minute; a phase is shorter.
    yield EXCHANGE, lambda: Exchange(speaker, handed)
