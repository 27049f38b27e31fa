"""The atomic steps of secrets, over any tables that are read and written inside one transaction.

Not handled here: what a claim, an ack or time changes (``core/secret.py``). Rules: as in ``steps.py``.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from watchword.core import limit
from watchword.core import secret as rules
from watchword.core.authenticator import Authenticator
from watchword.core.instant import Instant, seconds_until
from watchword.core.limit import Arrivals
from watchword.core.secret import Claimed, Secret, State, Toll
from watchword.errors import ConflictError, RateLimitedError, UnauthenticatedError, UnknownError
from watchword.ports_secret import Swept

BY_CODE = "This is handed over: a right code of the authenticator ends it. Nothing was lost."

_NOBODYS = bytes(16)


class SecretRows(Protocol):
    """Secrets and ciphertexts, read and written inside one transaction. Nothing here decides anything."""

    def get(self, secret: bytes) -> Secret | None:
        """The row of that id."""
        ...

    def add(self, secret: Secret, jwe: bytes) -> None:
        """Write a new row and its ciphertext."""
        ...

    def change(self, secret: Secret) -> None:
        """Write everything about it that changes."""
        ...

    def jwe(self, secret: bytes) -> bytes:
        """The ciphertext."""
        ...

    def erase(self, secret: bytes) -> None:
        """Remove the ciphertext."""
        ...

    def forget(self, secret: bytes) -> None:
        """Remove the row."""
        ...

    def due(self, now: Instant, most: int) -> list[Secret]:
        """Rows that time alone changes by now."""
        ...


class HandedOver(Protocol):
    """Authenticators that are confirmed at a secret (part of ``authenticator_steps.AuthenticatorRows``)."""

    def at_link(self, secret: bytes) -> Authenticator | None:
        """The row that is confirmed at that secret."""
        ...

    def change(self, row: Authenticator) -> None:
        """Write everything about it that changes."""
        ...


class Tables(Protocol):
    """What a step reads and writes: secrets, the buckets that making them pays into, and what they hand over."""

    @property
    def authenticators(self) -> HandedOver:
        """Authenticators."""
        ...

    @property
    def secrets(self) -> SecretRows:
        """Secrets."""
        ...

    def arrivals(self, key: bytes) -> Arrivals:
        """A bucket; fresh where there is none."""
        ...

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        """Write a bucket."""
        ...


def add(tables: Tables, secret: Secret, jwe: bytes, toll: Toll | None, now: Instant) -> None:
    """``SecretStore.add``."""
    if toll is not None and toll.rates:
        arrivals, wait = limit.spend(tables.arrivals(toll.key), toll.rates, toll.amounts, now)
        if wait:
            raise RateLimitedError(retry_after=seconds_until(now + wait, now))
        tables.set_arrivals(toll.key, arrivals)
    tables.secrets.add(secret, jwe)


def known(rows: SecretRows, raw: bytes, link: bytes) -> Secret:
    """The secret of that id and link, once it is whole."""
    secret = rows.get(raw)
    # Compared also where there is nothing to compare with, so that an unknown id takes the time of a wrong link.
    right = rules.is_same(_NOBODYS if secret is None else secret.link, link)
    if secret is None or not right or secret.state_at(0) is State.UPLOADING:
        raise UnknownError
    return secret


def managed(rows: SecretRows, raw: bytes, manage: bytes) -> Secret:
    """The secret of that id and manage token."""
    secret = rows.get(raw)
    right = rules.is_same(_NOBODYS if secret is None else secret.manage, manage)
    if secret is None or not right:
        raise UnauthenticatedError
    return secret


def leased(rows: SecretRows, raw: bytes, mark: bytes, now: Instant) -> Secret:
    """The secret of that id with a live claim on it."""
    secret = rows.get(raw)
    if secret is None or secret.erased or secret.lease(mark, now) is None:
        raise UnknownError
    return secret


def claim(
    tables: Tables, raw: bytes, link: bytes, auth: bytes | None, mark: bytes, now: Instant
) -> tuple[Claimed, bytes]:
    """``SecretStore.claim``."""
    rows = tables.secrets
    secret = known(rows, raw, link)
    claimed = rules.claim(secret, mark, auth, now)
    if claimed.secret is not secret:
        rows.change(claimed.secret)
    return claimed, rows.jwe(raw) if claimed.is_granted else b""


def ack(tables: Tables, raw: bytes, link: bytes, mark: bytes, outcome: str, now: Instant) -> Secret:
    """``SecretStore.ack``."""
    secret = known(tables.secrets, raw, link)
    acked = rules.ack(secret, mark, outcome, now)
    if acked is None:
        raise UnknownError
    if secret.handover and not secret.erased:
        raise ConflictError(BY_CODE)
    return write(tables, secret, acked)


def burn(tables: Tables, raw: bytes, manage: bytes, now: Instant) -> Secret:
    """``SecretStore.burn``."""
    secret = managed(tables.secrets, raw, manage)
    return write(tables, secret, rules.burn(secret, now))


def unlock(tables: Tables, raw: bytes, manage: bytes) -> Secret:
    """``SecretStore.unlock``."""
    secret = managed(tables.secrets, raw, manage)
    return write(tables, secret, rules.unlock(secret))


def arrive(tables: Tables, raw: bytes, manage: bytes, number: int) -> Secret:
    """``SecretStore.arrive``."""
    secret = managed(tables.secrets, raw, manage)
    return write(tables, secret, rules.arrive(secret, number))


def stay(tables: Tables, raw: bytes, mark: bytes, now: Instant) -> None:
    """``SecretStore.stay``."""
    secret = tables.secrets.get(raw)
    if secret is not None:
        write(tables, secret, rules.stay(secret, mark, now))


def purge(tables: Tables, now: Instant, step: int) -> Swept:
    """``SecretStore.purge``."""
    rows = tables.secrets
    gone: list[bytes] = []
    due = rows.due(now, step)
    for secret in due:
        if rules.is_forgotten(secret, now):
            rows.erase(secret.id)
            rows.forget(secret.id)
            gone.append(secret.id)
        elif write(tables, secret, rules.settled(secret, now)).erased:
            gone.append(secret.id)
    return Swept(len(due), gone)


def take_back(tables: Tables, raw: bytes, now: Instant) -> None:
    """End the hand-over of an authenticator that goes before it was confirmed."""
    secret = tables.secrets.get(raw)
    if secret is not None:
        write(tables, secret, rules.burn(secret, now))


def write(tables: Tables, before: Secret, after: Secret) -> Secret:
    """Write what changed, and take the ciphertext with the last who could fetch it."""
    rows = tables.secrets
    if after is not before:
        rows.change(after)
    if after.erased and not before.erased:
        rows.erase(after.id)
        if after.handover:
            _lapse(tables, after)
    return after


def _lapse(tables: Tables, secret: Secret) -> None:
    """An authenticator waits as long as the link at which it would be confirmed."""
    row = tables.authenticators.at_link(secret.id)
    if row is not None and not row.is_active:
        ended = secret.burnt_at or secret.opened_at or secret.expires_at
        tables.authenticators.change(msgspec.structs.replace(row, expires_at=ended))
