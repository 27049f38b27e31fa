"""The atomic steps of hand-overs: a pending authenticator and the secret link at which its recipient confirms it.

Not handled here: what a code changes (``core/authenticator.py``), what ends a secret (``core/secret.py``). Rules: as in
``steps.py``; and both halves change in one step, so that no crash leaves one without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from watchword.adapters import authenticator_steps, secret_steps
from watchword.adapters.authenticator_steps import Tables as AuthenticatorTables
from watchword.core import authenticator as rules
from watchword.core import secret as secrets
from watchword.core.authenticator import Authenticator, Confirmed, Match, Outcome
from watchword.core.instant import Instant
from watchword.core.secret import Secret, Toll
from watchword.errors import ConflictError, UnknownError

Tables = AuthenticatorTables

MANY = f"A subject has at most {rules.MOST_PENDING} hand-overs that wait: burn one first."


class Marks(NamedTuple):
    """Keyed hashes of what a recipient proves: the link, and the claim made on it."""

    link: bytes
    claim: bytes


def add(tables: Tables, row: Authenticator, secret: Secret, jwe: bytes, toll: Toll | None, now: Instant) -> None:
    """``HandoverStore.add``."""
    others = tables.authenticators.of(row.subject)
    if rules.may_bind(row, others) is Outcome.FULL:
        raise ConflictError(authenticator_steps.FULL)
    if _waiting(others, now) >= rules.MOST_PENDING:
        raise ConflictError(MANY)
    secret_steps.add(tables, secret, jwe, toll, now)
    tables.authenticators.add(row)


def _waiting(rows: Sequence[Authenticator], now: Instant) -> int:
    return sum(row.is_shared and row.status_at(now) is rules.Status.PENDING for row in rows)


def find(tables: Tables, raw: bytes, marks: Marks) -> Authenticator:
    """``HandoverStore.find``."""
    secret = secret_steps.known(tables.secrets, raw, marks.link)
    row = tables.authenticators.at_link(raw)
    claimed = any(secrets.is_same(each.mark, marks.claim) for each in secret.leases)
    if row is None or not claimed:
        raise UnknownError
    return row


def confirm(tables: Tables, raw: bytes, marks: Marks, match: Match | None, notice: bytes, now: Instant) -> Confirmed:
    """``HandoverStore.confirm``."""
    row = find(tables, raw, marks)
    if row.is_active:
        return Confirmed(Outcome.DONE, row)
    secret = secret_steps.known(tables.secrets, raw, marks.link)
    if secret.erased or secret.lease(marks.claim, now) is None:
        raise UnknownError
    confirmed = authenticator_steps.bind(tables, row, match, notice, now)
    secret_steps.write(tables, secret, _after(secret, marks.claim, confirmed, now))
    return confirmed


def _after(secret: Secret, claim: bytes, confirmed: Confirmed, now: Instant) -> Secret:
    """The secret after a code: gone with a right one, and with the last wrong one; else its reader has time again."""
    if confirmed.outcome is Outcome.APPROVED:
        # What its maker wants to know of a hand-over is when it was set up, not when somebody first looked.
        enrolled = secrets.ack(secret, claim, "enrolled", now) or secret
        return msgspec.structs.replace(enrolled, opened_at=now)
    if confirmed.outcome is Outcome.MISMATCH and confirmed.authenticator.tries_left:
        return secrets.stay(secret, claim, now)
    return secrets.void(secret, now) if confirmed.outcome is Outcome.MISMATCH else secret
