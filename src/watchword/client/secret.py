"""Secrets, seen by those who share and open them: requests written, answers read.

Not handled here: sealing (``core/envelope.py``, ``core/records.py``), when to ask again (``client/protocol.py``), the
rules of a secret (the service).

Rules:

* proofs, claims and manage tokens travel in bodies and headers, never in a path, and are hidden from ``repr``;
* a claim, once made, may be asked again: the service gives the same to the same claim;
* creating is asked once: a lost answer leaves a secret that nobody has a link to, and that expires;
* files go in pieces, so that one that breaks off goes on where it was and memory stays small;
* the paths of files are made here: nothing that an answer says decides what is asked next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec

from watchword.client import given
from watchword.client.protocol import RETRIES, Ask, Read, Reply, Steps, once, pause, persistently
from watchword.core import binary, ids
from watchword.core.envelope import Sealed
from watchword.errors import ConflictError, InvalidInputError, UnavailableError

PIECE = 1 << 20  # bytes of a file in one request

_PATH = "/v1/secrets"
_JSON = {"Content-Type": "application/json"}

_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Answer = TypeVar("_Answer")
_Jitter = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSecret:
    """A secret that was just made. ``manage_token`` is for its status, to burn and to unlock it."""

    id: str
    expires_at: _Aware
    views: int
    manage_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSecret:
    """A secret as a holder of its link sees it. ``nonce`` and ``kdf`` are there as long as it is."""

    state: str
    expires_at: _Aware
    views_remaining: int
    locked: bool = False
    nonce: str | None = None
    kdf: str | None = None
    opened_at: _Aware | None = None
    ended_at: _Aware | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedSecret:
    """What a claim brings. ``envelope`` is for ``core.envelope.read_envelope``."""

    envelope: dict[str, Any] = field(repr=False)
    lease_expires_at: _Aware
    views_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStatus:
    """A secret as its maker sees it. ``outcome`` is ``read``, ``enrolled`` or ``void`` once it is known.

    ``state`` is ``uploading``, ``waiting``, ``opened``, ``expired`` or ``burnt``.
    """

    id: str
    state: str
    created_at: _Aware
    expires_at: _Aware
    views: int
    views_remaining: int
    locked: bool = False
    wrong_passphrases: int = 0
    opened_at: _Aware | None = None
    ended_at: _Aware | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """How much of a file is there."""

    received: int
    size: int
    complete: bool


def create(
    sealed: Sealed, *, sizes: Iterable[int] = (), expires_in: timedelta | None = None, views: int | None = None
) -> Steps[MadeSecret]:
    """Have a sealed secret kept. ``sizes`` are those of its sealed files, which are uploaded next."""
    blobs = [{"size": size} for size in sizes]
    asked = sealed.to_wire()
    asked |= {"blobs": blobs} if blobs else {}
    asked |= {} if expires_in is None else {"expires_in": given.whole_seconds(expires_in)}
    asked |= {} if views is None else {"views": views}
    return once(Ask("POST", _PATH, msgspec.json.encode(asked), _JSON), _reader(MadeSecret))


def open_(secret: str, link: bytes, jitter: _Jitter) -> Steps[SeenSecret]:
    """Ask how a secret stands. Spends nothing."""
    return persistently(_post(secret, "/open", {"link": binary.encode(link)}), _reader(SeenSecret), jitter)


def claim(secret: str, link: bytes, claim: bytes, auth: bytes | None, jitter: _Jitter) -> Steps[GrantedSecret]:
    """Take one view, for this claim. A wrong passphrase is answered and therefore never asked again."""
    asked = {"link": binary.encode(link), "claim": binary.encode(claim)}
    if auth is not None:
        asked["auth"] = binary.encode(auth)
    return persistently(_post(secret, "/claim", asked), _reader(GrantedSecret), jitter)


def ack(secret: str, link: bytes, claim: bytes, outcome: str, jitter: _Jitter) -> Steps[SeenSecret]:
    """Say that the reader has it."""
    asked = {"link": binary.encode(link), "claim": binary.encode(claim), "outcome": outcome}
    return persistently(_post(secret, "/ack", asked), _reader(SeenSecret), jitter)


def status(secret: str, token: str, jitter: _Jitter) -> Steps[SecretStatus]:
    """Ask how it stands, as its maker."""
    return persistently(Ask("GET", _path(secret, "/status"), headers=_bearer(token)), _status_of(secret), jitter)


def burn(secret: str, token: str, jitter: _Jitter) -> Steps[SecretStatus]:
    """End it now. Twice is no error."""
    return persistently(Ask("DELETE", _path(secret), headers=_bearer(token)), _status_of(secret), jitter)


def unlock(secret: str, token: str, jitter: _Jitter) -> Steps[SecretStatus]:
    """Let passphrases be tried again."""
    return persistently(Ask("POST", _path(secret, "/unlock"), headers=_bearer(token)), _status_of(secret), jitter)


def upload(secret: str, token: str, number: int, pieces: Iterable[bytes], size: int, jitter: _Jitter) -> Steps[None]:
    """Send a sealed file of ``size`` bytes, piece by piece. What broke off goes on where it was."""
    at = 0
    for piece in pieces:
        yield from _send(_path(secret, f"/blobs/{number}"), token, piece, (at, size), jitter)
        at += len(piece)
    if at != size:
        raise InvalidInputError("The file has another size than was announced.", field="blobs")


def download(secret: str, claim: bytes, number: int, span: tuple[int, int], jitter: _Jitter) -> Steps[bytes]:
    """Fetch a sealed file from the first byte of a span until before its second, under a live claim."""
    start, stop = span
    headers = {"Watchword-Claim": binary.encode(claim), "Range": f"bytes={start}-{stop - 1}"}

    def read(reply: Reply) -> bytes:
        if len(reply.body) != stop - start:
            raise UnavailableError("The answer is not the part of the file that was asked for.")
        return reply.body

    return persistently(Ask("GET", _path(secret, f"/blobs/{number}"), headers=headers), read, jitter)


def spans(size: int) -> Iterable[tuple[int, int]]:
    """A file in pieces: where each begins, and where the next one does."""
    return ((start, min(start + PIECE, size)) for start in range(0, size, PIECE))


def _send(path: str, token: str, piece: bytes, place: tuple[int, int], jitter: _Jitter) -> Steps[None]:
    """Send one piece that lies ``at`` a place in a file of ``size`` bytes."""
    at, size = place
    end, arrived, retry = at + len(piece), _reader(_Arrived), 0
    while at < end:
        headers = _bearer(token) | {"Content-Type": "application/octet-stream"}
        ask = Ask("PUT", path, piece, headers | {"Content-Range": f"bytes {at}-{end - 1}/{size}"})
        try:
            there = (yield from once(ask, arrived)).received
        except (UnavailableError, ConflictError):
            # A conflict is what is left of a connection that broke: the service has not seen its end yet.
            if retry == RETRIES:
                raise
            there = -1
        if there < 0:
            yield pause(retry, jitter)
            retry += 1
            look = Ask("PUT", path, headers=headers | {"Content-Range": f"bytes */{size}"})
            there = (yield from persistently(look, arrived, jitter)).received
        if not at <= there <= end:
            raise UnavailableError("The service has another part of the file than it was sent.")
        at, piece = there, piece[there - at :]


def _path(secret: str, verb: str = "") -> str:
    # Only the one spelling of an id can become part of a path.
    return f"{_PATH}/{given.id_text(ids.SECRET, secret)}{verb}"


def _post(secret: str, verb: str, asked: Mapping[str, object]) -> Ask:
    return Ask("POST", _path(secret, verb), msgspec.json.encode(asked), _JSON)


def _bearer(token: str) -> dict[str, str]:
    # None would be sent as a word, and a line end would break the header.
    return {"Authorization": f"Bearer {given.token('manage_token', token)}"}


def _reader(kind: type[_Answer]) -> Read[_Answer]:
    decode = msgspec.json.Decoder(kind).decode

    def read(reply: Reply) -> _Answer:
        try:
            found = decode(reply.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            found = None
        if found is None:
            raise UnavailableError("The answer is not one that this client understands.")
        return found

    return read


def _status_of(secret: str) -> Read[SecretStatus]:
    reads = _reader(SecretStatus)

    def read(reply: Reply) -> SecretStatus:
        found = reads(reply)
        if found.id != secret:
            raise UnavailableError("The answer is about another secret.")
        return found

    return read
