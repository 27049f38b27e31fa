"""Seeds and names of authenticators, sealed and opened, and the keyed hashes they are found by.

Format: docs/spec/totp.md, section 7.

Not handled here: cryptography (``core/keyring.py``), rows (the stores).

Rules:

* both seals are bound to app, id and subject: in another row, of another person say, they do not open;
* everything that decides which code is right (seed, algorithm, digits, period) is inside, so that none can be edited;
* an opened seed lives in the call that needs it.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Match
from watchword.core.instant import SECOND, Instant
from watchword.core.keyring import INDEX_SEED, INDEX_SUBJECT, NONCE_SIZE, Keyring
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.totp import matching_step, step_at
from watchword.errors import InvalidInputError, TamperedError

SEALS = 2 * NONCE_SIZE  # random bytes that sealing one authenticator takes
MOST_SUBJECT = 256  # characters
MOST_LABEL = 100

_SEED, _NAMES = b"watchword/v1/authenticator/seed", b"watchword/v1/authenticator/names"

_write = msgspec.msgpack.Encoder().encode
_read_key = msgspec.msgpack.Decoder(tuple[bytes, str, str, str, int, int]).decode
_read_names = msgspec.msgpack.Decoder(Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=4)]).decode


class Names(NamedTuple):
    """The subject as its app knows it, and what people call this authenticator.

    Where it is confirmed at the hosted page, also where the browser goes on from there, with the app's own state.
    """

    subject: str
    label: str
    redirect_uri: str = ""
    state: str = ""


def subject_key(ring: Keyring, app: App, subject: str) -> bytes:
    """The keyed hash of an app's subject.

    Raises:
        InvalidInputError: it is empty, too long, or no text that could be written down.
    """
    if not 1 <= len(subject) <= MOST_SUBJECT or not subject.isprintable():
        raise InvalidInputError(f"A subject has 1 to {MOST_SUBJECT} printable characters.", field="subject")
    return ring.lookup(INDEX_SUBJECT, app.id + subject.encode())


def read_label(label: str, name: str = "label") -> str:
    """A label, or an issuer or account, as it may be kept.

    Raises:
        InvalidInputError: it is too long or holds what nobody can read.
    """
    if len(label) > MOST_LABEL or not label.isprintable():
        raise InvalidInputError(f"This has at most {MOST_LABEL} printable characters.", field=name)
    return label


def fingerprint(ring: Keyring, subject: bytes, secret: bytes) -> bytes:
    """By which a seed that a subject has already is known."""
    return ring.lookup(INDEX_SEED, subject + secret)


def sealed(ring: Keyring, row: Authenticator, key: AuthenticatorKey, names: Names, nonces: bytes) -> Authenticator:
    """The row with both seals, under the current key. ``nonces`` are 24 random bytes."""
    inside = _write((key.secret, key.issuer, key.account, key.algorithm, key.digits, key.period))
    outside = tuple(names) if names.redirect_uri else names[:2]
    first, second = nonces[:NONCE_SIZE], nonces[NONCE_SIZE:]
    return msgspec.structs.replace(
        row,
        seed=ring.seal(inside, bound_to=_SEED + _bound(row), nonce=first),
        names=ring.seal(_write(outside), bound_to=_NAMES + _bound(row), nonce=second),
        key_number=ring.current,
    )


def open_key(ring: Keyring, row: Authenticator) -> AuthenticatorKey:
    """The key of a row.

    Raises:
        TamperedError: it was altered, cut short or moved here from another row.
        KeyringError: sealed under a key that is not here.
    """
    inside = ring.open(row.seed, bound_to=_SEED + _bound(row))
    try:
        return AuthenticatorKey(*_read_key(inside))
    except msgspec.MsgspecError:
        raise TamperedError from None


def open_names(ring: Keyring, row: Authenticator) -> Names:
    """The names of a row.

    Raises:
        TamperedError, KeyringError: as ``open_key``.
    """
    inside = ring.open(row.names, bound_to=_NAMES + _bound(row))
    try:
        return Names(*_read_names(inside))
    except msgspec.MsgspecError:
        raise TamperedError from None


def match(key: AuthenticatorKey, row: Authenticator, typed: str, now: Instant, skew: int) -> Match | None:
    """The step of the row's window that a code belongs to. The window lies where its clock has been seen to be."""
    # A profile that allows no step besides the current one allows none for a clock that is off, either.
    drift = row.drift if skew else 0
    middle = max(0, now + drift * key.period * SECOND)
    step = matching_step(
        key.secret, typed, middle, skew=skew, algorithm=key.algorithm, digits=key.digits, period=key.period
    )
    if step is None:
        return None
    off = step - step_at(middle, key.period)
    return Match(step, (off > 0) - (off < 0))


def _bound(row: Authenticator) -> bytes:
    return row.app + row.id + row.subject
