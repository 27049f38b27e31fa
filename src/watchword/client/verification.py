"""Verifications, seen by the app that asks for them: requests written, answers read.

Not handled here: when to ask again (``client/protocol.py``), the rules of a verification (the service).

Rules:

* checks and exchanges fail closed: they return only where the service says ``approved``, of this id and purpose;
* ``purpose`` and ``to`` are compared by the service, so an empty one is refused here and not quietly left out;
* a code and an address travel in a body, never in a path;
* times are aware, an answer with one that is not is not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from watchword.client import given
from watchword.client.allowance import Allowance
from watchword.client.protocol import Ask, Read, Reply, Steps, once, persistently
from watchword.client.session import BrowserSession, demand_asked, link_of
from watchword.core import ids
from watchword.errors import InvalidInputError, UnavailableError

_PATH = "/v1/verifications"
_EXCHANGE = "/v1/exchange"
_APPROVED = "approved"
_LONGEST_KEY = 255
_JSON = {"Content-Type": "application/json"}

_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What the handshake with the relay proved."""

    version: str
    cipher: str
    certificate_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one send. ``transport`` is the level that was proven: T0 no network, T1 verified TLS.

    ``status`` is ``queued``, ``sent``, ``delivered``, ``failed``, ``dropped`` or ``superseded``.
    """

    at: _Aware
    channel: str
    status: str
    transport: str | None = None
    reason: str | None = None
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One request to prove control of an address, as its app may see it.

    ``status`` is ``pending``, ``confirmed`` (by its link, and not collected yet), ``approved``, ``expired``,
    ``exhausted``, ``canceled`` or ``failed``. ``to`` is masked. ``watchword`` is for the page of whoever asked: show
    both words, the message has the second. ``deliveries`` are filled by ``get`` alone.
    """

    id: str
    status: str
    channel: str
    to: str
    purpose: str
    methods: tuple[str, ...]
    # The first word is for the requesting device alone, so it stays out of logs that print this object.
    watchword: str = field(repr=False)
    created_at: _Aware
    expires_at: _Aware
    attempts_remaining: int
    resend_at: _Aware
    sends_remaining: int
    # The hosted code page, for the browser that asked and in the answer to ``create`` alone. It is a secret.
    page_url: str | None = field(default=None, repr=False)
    deliveries: tuple[Delivery, ...] = ()
    # "proof_of_work" while nothing was sent, because the browser at the hosted page must work for it first.
    challenge: str | None = None
    # What the answer's headers say of the limits: after ``create``, ``resend`` and ``check``, where any applied.
    allowance: Allowance | None = None


_decode = msgspec.json.Decoder(Verification).decode


def create(  # noqa: PLR0913 - one argument a field of the request
    *,
    to: str,
    purpose: str,
    channel: str,
    locale: str | None,
    expires_in: timedelta | None,
    digits: int | None,
    requester_ip: str | None,
    user_agent: str | None,
    known_device: bool | None,
    methods: Sequence[str] | None,
    link: BrowserSession | None,
    action: Mapping[str, object] | None,
    decoy: bool,
    subject: str | None,
    notice_acknowledged: str | None,
    idempotency_key: str,
    jitter: Callable[[], float],
) -> Steps[Verification]:
    """Ask for a verification."""
    asked = {
        "channel": given.text("channel", channel),
        "to": given.text("to", to),
        "purpose": given.text("purpose", purpose),
        "locale": locale,
        "expires_in": None if expires_in is None else given.whole_seconds(expires_in),
        "digits": digits,
        "requester": _given({"ip": requester_ip, "user_agent": user_agent, "known_device": known_device}) or None,
        "methods": None if methods is None else list(methods),
        "link": None if link is None else link_of(link),
        "action": action,
        "decoy": decoy or None,
        "subject": None if subject is None else given.text("subject", subject),
        "notice_acknowledged": notice_acknowledged,
    }
    ask = Ask("POST", _PATH, _encode(_given(asked)), _JSON | {"Idempotency-Key": _key(idempotency_key)})
    return persistently(ask, _read, jitter)


def check(
    verification: str, code: str, *, purpose: str, to: str, action: Mapping[str, object] | None = None
) -> Steps[Verification]:
    """Ask whether a code is right. Never asked twice: a lost answer may have been the one approval."""
    asked = {
        "code": given.text("code", code),
        "purpose": given.text("purpose", purpose),
        "to": given.text("to", to),
        "action": action,
    }
    path = _path(verification, "/check")
    return once(Ask("POST", path, _encode(_given(asked)), _JSON), _approval(verification, purpose))


def exchange(
    session: BrowserSession,
    *,
    purpose: str,
    code: str | None = None,
    state: str | None = None,
    action: Mapping[str, object] | None = None,
) -> Steps[Verification]:
    """Collect for a browser that came back with a hand-off code, or without one what was confirmed elsewhere.

    Never asked twice: a lost answer may have been the one approval.
    """
    demand_asked(session)
    asked = {
        "code_verifier": given.text("code_verifier", session.verifier),
        "purpose": given.text("purpose", purpose),
        "to": given.text("to", session.to),
        "action": action,
    }
    given.id_text(ids.VERIFICATION, session.id)
    if code is None:
        asked["id"] = session.id
    else:
        session.check_state(state)
        asked["code"] = given.text("code", code)
    return once(Ask("POST", _EXCHANGE, _encode(_given(asked)), _JSON), _approval(session.id, purpose))


def _approval(verification: str, purpose: str) -> Read[Verification]:
    def read(reply: Reply) -> Verification:
        found = _read_of(verification, reply)
        if found.status != _APPROVED or found.purpose != purpose:
            raise UnavailableError("The answer does not say that this was approved, so it is not.")
        return found

    return read


def resend(verification: str) -> Steps[Verification]:
    """Ask for the same code again."""
    return once(Ask("POST", _path(verification, "/resend")), lambda reply: _read_of(verification, reply))


def cancel(verification: str) -> Steps[Verification]:
    """Withdraw."""
    return once(Ask("POST", _path(verification, "/cancel")), lambda reply: _read_of(verification, reply))


def get(verification: str) -> Steps[Verification]:
    """Ask how it stands."""
    return once(Ask("GET", _path(verification)), lambda reply: _read_of(verification, reply))


def _path(verification: str, verb: str = "") -> str:
    # An id may have come through a browser. Only the one spelling of an id can become part of a path.
    return f"{_PATH}/{given.id_text(ids.VERIFICATION, verification)}{verb}"


def _read(reply: Reply) -> Verification:
    found = _parse(reply.body)
    if found is None:
        raise UnavailableError("The answer is not a verification that this client understands.")
    return replace(found, allowance=reply.allowance)


def _read_of(verification: str, reply: Reply) -> Verification:
    found = _read(reply)
    if found.id != verification:
        raise UnavailableError("The answer is about another verification.")
    return found


def _parse(body: bytes) -> Verification | None:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _key(text: object) -> str:
    if not isinstance(text, str) or not 1 <= len(text) <= _LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise InvalidInputError(
            f"An idempotency key has 1 to {_LONGEST_KEY} printable ASCII characters.", field="Idempotency-Key"
        )
    return text


def _encode(asked: Mapping[str, object]) -> bytes:
    # A lone surrogate cannot be written as UTF-8. The error that says so holds the text, which may be a code.
    try:
        content = msgspec.json.encode(asked)
    except UnicodeEncodeError:
        content = b""
    if not content:
        raise InvalidInputError("A field holds characters that cannot be sent.")
    return content
