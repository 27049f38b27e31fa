"""Authenticators and recovery codes, seen by the app that asks for them: requests written, answers read.

Not handled here: when to ask again (``client/protocol.py``), the rules of authenticators (the service).

Rules:

* a check fails closed: it returns only where the service says ``approved``, of this subject;
* codes and subjects travel in bodies; a list alone names its subject in the address, because it is a GET;
* keys and recovery codes are hidden from ``repr``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, TypeVar
from urllib.parse import urlencode

import msgspec

from watchword.client import given
from watchword.client.protocol import Ask, Reply, Steps, once, persistently
from watchword.client.session import BrowserSession, demand_asked, link_of
from watchword.core import ids
from watchword.errors import InvalidInputError, UnavailableError

_PATH = "/v1/authenticators"
_CODES = "/v1/recovery-codes"
_ADDRESSES = "/v1/notice-addresses"
_APPROVED = "approved"
_JSON = {"Content-Type": "application/json"}

_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Shape = TypeVar("_Shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """An authenticator as its app may see it. ``recovery_codes`` are filled by a subject's first ``confirm`` alone.

    ``status`` is ``pending``, ``confirmed`` (at the hosted page, and not exchanged yet), ``active``, ``expired``,
    ``exhausted`` or ``revoked``.
    """

    id: str
    status: str
    subject: str
    label: str
    origin: str
    created_at: _Aware
    expires_at: _Aware | None = None
    confirmed_at: _Aware | None = None
    used_at: _Aware | None = None
    shared: bool = False
    rotate_by: _Aware | None = None
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A pending authenticator with its key, three ways to show it: base32, URI, QR code. Keep none of them.

    Where a ``link`` was given, ``page_url`` is the hosted page that shows it instead.
    """

    id: str
    status: str
    subject: str
    label: str
    created_at: _Aware
    expires_at: _Aware
    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)
    page_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A pending authenticator whose key is behind a link. ``url`` is for its recipient, the rest for you."""

    id: str
    status: str
    subject: str
    label: str
    created_at: _Aware
    expires_at: _Aware
    url: str = field(repr=False)
    secret_id: str
    manage_token: str = field(repr=False)
    status_url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorList:
    """All of a subject, and how many recovery codes are left."""

    authenticators: tuple[Authenticator, ...]
    recovery_codes_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedAddress:
    """An address that notices about a subject go to. ``to`` is masked."""

    to: str
    confirmed_at: _Aware


@dataclass(frozen=True, slots=True, kw_only=True)
class _Addresses:
    addresses: tuple[ConfirmedAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Removed:
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Approved:
    status: str
    authenticator: Authenticator


@dataclass(frozen=True, slots=True, kw_only=True)
class _CodeSet:
    subject: str
    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CodeUsed:
    status: str
    subject: str
    remaining: int


_shown = msgspec.json.Decoder(Authenticator).decode
_enrolled = msgspec.json.Decoder(Enrolment).decode
_handed_over = msgspec.json.Decoder(Handover).decode
_listed = msgspec.json.Decoder(AuthenticatorList).decode
_approved = msgspec.json.Decoder(_Approved).decode
_code_set = msgspec.json.Decoder(_CodeSet).decode
_addresses = msgspec.json.Decoder(_Addresses).decode
_removed = msgspec.json.Decoder(_Removed).decode
_code_used = msgspec.json.Decoder(_CodeUsed).decode


def enrol(
    subject: str,
    *,
    label: str | None,
    issuer: str | None,
    account: str | None,
    algorithm: str | None,
    digits: int | None,
    period: int | None,
    link: BrowserSession | None,
) -> Steps[Enrolment]:
    """Ask for a pending authenticator. Not asked twice: a lost answer leaves one that lapses by itself."""
    asked = {
        "subject": given.text("subject", subject),
        "label": label,
        "issuer": issuer,
        "account": account,
        "algorithm": algorithm,
        "digits": digits,
        "period": period,
        "link": None if link is None else link_of(link),
    }

    def read(reply: Reply) -> Enrolment:
        return _about(subject, _read(_enrolled, reply))

    return once(_post(_PATH, asked), read)


def hand_over(
    subject: str,
    *,
    label: str | None,
    issuer: str | None,
    account: str | None,
    expires_in: timedelta | None,
    passphrase: str | None,
    rotate_by: datetime | None,
) -> Steps[Handover]:
    """Ask for a hand-over. Not asked twice: a lost answer leaves a link that nobody has, which ends by itself."""
    if rotate_by is not None:
        given.instant("rotate_by", rotate_by)
    asked = {
        "subject": given.text("subject", subject),
        "label": label,
        "issuer": issuer,
        "account": account,
        "expires_in": None if expires_in is None else given.whole_seconds(expires_in),
        "passphrase": None if passphrase is None else given.text("passphrase", passphrase),
        "rotate_by": None if rotate_by is None else rotate_by.isoformat(),
    }

    def read(reply: Reply) -> Handover:
        return _about(subject, _read(_handed_over, reply))

    return once(_post(_PATH + "/handover", asked), read)


def confirm(authenticator: str, code: str) -> Steps[Authenticator]:
    """Ask to make it active."""

    def read(reply: Reply) -> Authenticator:
        return _in_state("active", _named(authenticator, _read(_shown, reply)))

    return once(_post(_path(authenticator, "/confirm"), {"code": given.text("code", code)}), read)


def exchange(session: BrowserSession, subject: str, *, code: str, state: str) -> Steps[Authenticator]:
    """Ask to make active what the hosted page confirmed. Never asked twice: a lost answer may have been the one yes."""
    demand_asked(session)
    given.id_text(ids.AUTHENTICATOR, session.id)
    session.check_state(state)
    asked = {
        "subject": given.text("subject", subject),
        "code": given.text("code", code),
        "code_verifier": session.verifier,
    }

    def read(reply: Reply) -> Authenticator:
        return _in_state("active", _named(session.id, _about(subject, _read(_shown, reply))))

    return once(_post(_PATH + "/exchange", asked), read)


def check(subject: str, code: str, *, known_device: bool) -> Steps[Authenticator]:
    """Ask whether a code is right. Never asked twice: a lost answer may have been the one approval."""
    asked = {
        "subject": given.text("subject", subject),
        "code": given.text("code", code),
        "requester": {"known_device": True} if known_device else None,
    }

    def read(reply: Reply) -> Authenticator:
        found = _read(_approved, reply)
        if found.status != _APPROVED:
            raise UnavailableError("The answer to the check does not say that this was approved, so it is not.")
        return _in_state("active", _about(subject, found.authenticator))

    return once(_post(_PATH + "/check", asked), read)


def get(authenticator: str, jitter: Callable[[], float]) -> Steps[Authenticator]:
    """Ask how it stands."""
    ask = Ask("GET", _path(authenticator))
    return persistently(ask, lambda reply: _named(authenticator, _read(_shown, reply)), jitter)


def of_subject(subject: str, jitter: Callable[[], float]) -> Steps[AuthenticatorList]:
    """Ask for all of a subject."""

    def read(reply: Reply) -> AuthenticatorList:
        found = _read(_listed, reply)
        for each in found.authenticators:
            _about(subject, each)
        return found

    return persistently(Ask("GET", f"{_PATH}?{_query(subject)}"), read, jitter)


def rename(authenticator: str, label: str) -> Steps[Authenticator]:
    """Ask for another label."""
    ask = _post(_path(authenticator, "/rename"), {"label": label})
    return once(ask, lambda reply: _named(authenticator, _read(_shown, reply)))


def revoke(authenticator: str) -> Steps[Authenticator]:
    """Ask to remove it."""

    def read(reply: Reply) -> Authenticator:
        return _in_state("revoked", _named(authenticator, _read(_shown, reply)))

    return once(Ask("DELETE", _path(authenticator)), read)


def renew_codes(subject: str) -> Steps[tuple[str, ...]]:
    """Ask for a new set of recovery codes."""

    def read(reply: Reply) -> tuple[str, ...]:
        return _about(subject, _read(_code_set, reply)).codes

    return once(_post(_CODES, {"subject": given.text("subject", subject)}), read)


def check_code(subject: str, code: str) -> Steps[int]:
    """Ask whether a recovery code is right, which uses it up. Never asked twice."""

    def read(reply: Reply) -> int:
        found = _about(subject, _read(_code_used, reply))
        if found.status != _APPROVED:
            raise UnavailableError("The answer to the check does not say that this was approved, so it is not.")
        return found.remaining

    return once(
        _post(_CODES + "/check", {"subject": given.text("subject", subject), "code": given.text("code", code)}), read
    )


def addresses(subject: str, jitter: Callable[[], float]) -> Steps[tuple[ConfirmedAddress, ...]]:
    """Ask for the confirmed addresses of a subject."""
    ask = Ask("GET", f"{_ADDRESSES}?{_query(subject)}")
    return persistently(ask, lambda reply: _read(_addresses, reply).addresses, jitter)


def remove_address(subject: str, to: str | None) -> Steps[int]:
    """Ask to untie an address, or all."""
    asked = {"subject": given.text("subject", subject), "to": None if to is None else given.text("to", to)}
    return once(_post(_ADDRESSES + "/remove", asked), lambda reply: _read(_removed, reply).removed)


def _query(subject: str) -> str:
    try:
        query = urlencode({"subject": given.text("subject", subject)})
    except UnicodeEncodeError:
        query = ""  # the error holds the text, so ours is raised out of its reach
    if not query:
        raise InvalidInputError("A field holds characters that cannot be sent.", field="subject")
    return query


def _path(authenticator: str, verb: str = "") -> str:
    # An id may have come through a browser. Only the one spelling of an id can become part of a path.
    return f"{_PATH}/{given.id_text(ids.AUTHENTICATOR, authenticator)}{verb}"


_Named = TypeVar("_Named", Authenticator, Enrolment)
_Subject = TypeVar("_Subject", Authenticator, Enrolment, Handover, _CodeSet, _CodeUsed)


def _named(authenticator: str, found: _Named) -> _Named:
    if found.id != authenticator:
        raise UnavailableError("The answer is about another authenticator.")
    return found


def _about(subject: str, found: _Subject) -> _Subject:
    if found.subject != subject:
        raise UnavailableError("The answer is about another subject.")
    return found


def _in_state(status: str, found: Authenticator) -> Authenticator:
    if found.status != status:
        raise UnavailableError(f"The answer does not say that it is {status}.")
    return found


def _read(decode: Callable[[bytes], _Shape], reply: Reply) -> _Shape:
    found = None
    try:
        found = decode(reply.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    if found is None:
        raise UnavailableError("The answer is not one that this client understands.")
    return found


def _post(path: str, asked: Mapping[str, object]) -> Ask:
    given = {name: value for name, value in asked.items() if value is not None}
    # A lone surrogate cannot be written as UTF-8. The error that says so holds the text, which may be a code.
    try:
        content = msgspec.json.encode(given)
    except UnicodeEncodeError:
        content = b""
    if not content:
        raise InvalidInputError("A field holds characters that cannot be sent.")
    return Ask("POST", path, content, _JSON)
