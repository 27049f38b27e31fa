"""What steps will certainly ask for, so that a batch reads it at once for all of them.

Not handled here: what a step asks for besides, which it finds out by itself (``lane.py``).

Each function takes what its step takes, or the first of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from watchword.adapters import authenticator_steps, notice_steps, secret_steps, steps
from watchword.adapters.postgres.lane import Call
from watchword.adapters.postgres.tables import PostgresTables
from watchword.core.authenticator import bucket
from watchword.core.delivery import Due
from watchword.core.guard import Plan
from watchword.core.instant import Instant
from watchword.core.limit import Charge, GuessLimits
from watchword.core.notice import NoticeDue
from watchword.core.secret import Secret, Toll
from watchword.core.verification import Verification, guess_key
from watchword.ports import Idempotency
from watchword.ports_authenticator import Resealed

Wants = Callable[..., None]


def call_of(step: Callable[..., Any], arguments: tuple[Any, ...]) -> Call:
    """A step with its arguments, and with what it will ask for."""
    wants, follows = _AT_ONCE.get(step), _THEN.get(step)
    return Call(
        lambda tables: step(tables, *arguments),
        None if wants is None else lambda tables: wants(tables, *arguments),
        None if follows is None else lambda tables: follows(tables, *arguments),
    )


def _made(
    tables: PostgresTables,
    verification: Verification,
    charges: Sequence[Charge],
    guesses: GuessLimits,  # noqa: ARG001 - as the step
    idempotency: Idempotency | None,
    now: Instant,  # noqa: ARG001 - as the step
    plan: Plan | None,
) -> None:
    if idempotency is not None:
        tables.replays.want(verification.app + idempotency.key)
    tables.guess_buckets.want(guess_key(verification))
    tables.send_buckets.want(*(charge.key for charge in charges))
    tables.want_planned(plan)


def _made_before(
    tables: PostgresTables,
    verification: Verification,
    charges: Sequence[Charge],  # noqa: ARG001 - as the step
    guesses: GuessLimits,  # noqa: ARG001 - as the step
    idempotency: Idempotency | None,
    *_: object,
) -> None:
    if idempotency is not None:
        tables.want_replayed(verification.app, idempotency)


def _judged(tables: PostgresTables, app: bytes, verification: bytes, *_: object) -> None:  # noqa: ARG001 - as the step
    tables.verifications.want(verification)


def _guessed(tables: PostgresTables, app: bytes, verification: bytes, *_: object) -> None:  # noqa: ARG001 - as the step
    tables.want_guesses_of(verification)


def _sent(tables: PostgresTables, app: bytes, verification: bytes, *_: object) -> None:  # noqa: ARG001 - as the step
    tables.verifications.want(verification)
    tables.outbox.want_groups(verification)


def _sent_again(
    tables: PostgresTables,
    app: bytes,  # noqa: ARG001 - as the step
    verification: bytes,
    charges: Sequence[Charge],
    schedule: object,  # noqa: ARG001 - as the step
    guesses: GuessLimits,  # noqa: ARG001 - as the step
    now: Instant,  # noqa: ARG001 - as the step
    plan: Plan | None,
) -> None:
    tables.want_guesses_of(verification)
    tables.send_buckets.want(*(charge.key for charge in charges))
    tables.want_planned(plan)


def _settled(tables: PostgresTables, due: Due, *_: object) -> None:
    tables.verifications.want(due.verification.id)
    tables.outbox.want_groups(due.verification.id)


def _notice_settled(tables: PostgresTables, due: NoticeDue, *_: object) -> None:
    tables.notices.outbox.want_groups(due.notice.subject)


def _secret_made(tables: PostgresTables, secret: Secret, jwe: bytes, toll: Toll | None, *_: object) -> None:  # noqa: ARG001 - as the step
    if toll is not None and toll.rates:
        tables.send_buckets.want(toll.key)


def _secret_claimed(tables: PostgresTables, secret: bytes, *_: object) -> None:
    tables.secrets.rows.want(secret)
    tables.secrets.bodies.want(secret)


def _compared(tables: PostgresTables, subject: bytes, compare: object, lane: int, *_: object) -> None:  # noqa: ARG001 - as the step
    tables.authenticators.rows.want_groups(subject)
    tables.guess_buckets.want(bucket(subject, lane))


def _resealed(tables: PostgresTables, rows: Sequence[Resealed]) -> None:
    tables.authenticators.rows.want(*(row.id for row in rows))


_AT_ONCE: Final[Mapping[Callable[..., Any], Wants]] = {
    steps.add: _made,
    steps.attempt: _judged,
    steps.confirm_code: _judged,
    steps.exchange: _judged,
    steps.resend: _sent,
    steps.report: _sent,
    steps.settle_due: _settled,
    notice_steps.settle_due: _notice_settled,
    secret_steps.add: _secret_made,
    secret_steps.claim: _secret_claimed,
    authenticator_steps.check: _compared,
    authenticator_steps.reseal: _resealed,
}
# Once there are the verification, which says whose guesses count, or the key that it was made under.
_THEN: Final[Mapping[Callable[..., Any], Wants]] = {
    steps.add: _made_before,
    steps.attempt: _guessed,
    steps.confirm_code: _guessed,
    steps.exchange: _guessed,
    steps.resend: _sent_again,
}
