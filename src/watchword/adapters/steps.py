"""The atomic steps of a store, over any tables that are read and written as if inside one transaction.

The memory store and SQLite run these very functions, so that both decide alike; what differs is how rows are
kept (``Tables``) and how a transaction begins and ends (the store).

Rules: a step refuses (raises a ``RefusedError``) before its first write, so that a refusal leaves nothing behind
and costs its neighbours in a batch nothing; a step may run again from the start after a rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from watchword.adapters import guard_steps, pay_steps
from watchword.adapters.app_steps import AppTables
from watchword.adapters.notice_steps import NoticeRows, tie
from watchword.core import verification as rules
from watchword.core.delivery import (
    Delivery,
    DeliveryStatus,
    Due,
    Report,
    Settlement,
    claim,
    heard,
    not_sent,
    settle,
    settled,
)
from watchword.core.guard import Plan
from watchword.core.instant import Instant, Span, seconds_until
from watchword.core.limit import Charge, Guesses, GuessLimits
from watchword.core.verification import (
    CODE,
    Expected,
    Judgement,
    Outcome,
    Resend,
    Status,
    Verification,
    guess_key,
)
from watchword.errors import (
    ChannelClosedError,
    EndedError,
    IdempotencyReusedError,
    InvalidInputError,
    RateLimitedError,
    SendsSpentError,
    UnknownError,
)
from watchword.ports import Added, Idempotency


class Tables(AppTables, pay_steps.PayTables, Protocol):
    """Rows, read and written inside one transaction. Nothing here decides anything."""

    @property
    def notices(self) -> NoticeRows:
        """Addresses and notices."""
        ...

    def verification(self, app: bytes, verification: bytes) -> Verification | None:
        """The row of that id, if it is that app's."""
        ...

    def add_verification(self, verification: Verification, idempotency: Idempotency | None) -> None:
        """Write a new row."""
        ...

    def change_verification(self, verification: Verification) -> None:
        """Write the columns that change: status, attempts, sends, resend_at, lane, words."""
        ...

    def replay(self, app: bytes, key: bytes) -> tuple[Verification, bytes] | None:
        """The verification made under an idempotency key, and the hash of its request."""
        ...

    def forget_replay(self, app: bytes, key: bytes) -> None:
        """Free an idempotency key."""
        ...

    def guesses(self, key: bytes) -> Guesses:
        """A bucket of wrong guesses; untried where there is none."""
        ...

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        """Write a bucket of wrong guesses."""
        ...

    def deliveries(self, verification: bytes) -> Sequence[Delivery]:
        """The deliveries of a verification, in order."""
        ...

    def put_delivery(self, delivery: Delivery) -> None:
        """Write a delivery, new or changed."""
        ...

    def queue_delivery(self, verification: bytes, number: int, now: Instant) -> None:
        """Write a new delivery that is due now: ``put_delivery`` for the hot path."""
        ...

    def due(self, now: Instant, most: int) -> Sequence[tuple[Delivery, Verification, str]]:
        """Deliveries due by now with their verification and its app's name, longest due first."""
        ...


def add(
    tables: Tables,
    verification: Verification,
    charges: Sequence[Charge],
    guesses: GuessLimits,
    idempotency: Idempotency | None,
    now: Instant,
    plan: Plan | None = None,
) -> Added:
    """``VerificationStore.add``."""
    stale = False
    if idempotency is not None:
        earlier, stale = _replay(tables, verification.app, idempotency, now)
        if earlier is not None:
            return Added(earlier, replayed=True)
    _refuse_closed(tables, verification, guesses)
    paid = pay_steps.pay(tables, charges, plan, now)
    if idempotency is not None and stale:
        tables.forget_replay(verification.app, idempotency.key)
    if paid.quiet:
        verification = msgspec.structs.replace(verification, decoy=True)
    if paid.verdict.decision == "challenge":
        verification = guard_steps.held(verification, now)
    tables.add_verification(verification, idempotency)
    if verification.sends:
        tables.queue_delivery(verification.id, 1, now)
    return Added(verification, replayed=False, verdict=paid.verdict, left=paid.left, quiet=paid.quiet)


def _replay(tables: Tables, app: bytes, idempotency: Idempotency, now: Instant) -> tuple[Verification | None, bool]:
    """What was made under this key, and whether the key is taken by something too old to count."""
    found = tables.replay(app, idempotency.key)
    if found is None:
        return None, False
    verification, request = found
    if now - verification.created_at >= idempotency.lifetime:
        return None, True
    if request != idempotency.request:
        raise IdempotencyReusedError
    return verification, False


def _refuse_closed(tables: Tables, verification: Verification, guesses: GuessLimits) -> None:
    """Refuse to send what could not be checked: after too many wrong guesses in a row only ``binding`` goes on."""
    if verification.purpose != "binding" and tables.guesses(guess_key(verification)).streak >= guesses.ceiling:
        raise ChannelClosedError


def attempt(
    tables: Tables,
    app: bytes,
    raw: bytes,
    digits: int,
    matches: bool,  # noqa: FBT001 - a fact of the check, passed by the store in order
    expected: Expected,
    limits: GuessLimits,
    now: Instant,
) -> Judgement:
    """``VerificationStore.attempt``."""
    verification = _with_code(tables, app, raw)
    key = guess_key(verification)
    guesses = tables.guesses(key)
    judgement = rules.judge(verification, guesses, limits, digits=digits, matches=matches, expected=expected, now=now)
    return _written(tables, verification, key, guesses, judgement, now)


def confirm_code(
    tables: Tables,
    app: bytes,
    raw: bytes,
    digits: int,
    matches: bool,  # noqa: FBT001 - as in attempt
    limits: GuessLimits,
    now: Instant,
) -> Judgement:
    """``VerificationStore.confirm_code``."""
    verification = _with_code(tables, app, raw)
    key = guess_key(verification)
    guesses = tables.guesses(key)
    judgement = rules.judge(
        verification,
        guesses,
        limits,
        digits=digits,
        matches=matches,
        expected=Expected(),
        now=now,
        grants=Status.CONFIRMED,
    )
    return _written(tables, verification, key, guesses, judgement, now)


def confirm_word(
    tables: Tables,
    app: bytes,
    raw: bytes,
    matches: bool,  # noqa: FBT001 - as in attempt
    now: Instant,
) -> tuple[Outcome, Verification]:
    """``VerificationStore.confirm_word``."""
    verification = _known(tables, app, raw)
    outcome, confirmed = rules.confirm(verification, matches=matches, now=now)
    if confirmed is not verification:
        tables.change_verification(confirmed)
    return outcome, confirmed


def exchange(
    tables: Tables,
    app: bytes,
    raw: bytes,
    challenge: bytes,
    expected: Expected,
    handed_over: bool,  # noqa: FBT001 - as in attempt
    limits: GuessLimits,
    now: Instant,
) -> Judgement:
    """``VerificationStore.exchange``."""
    verification = _known(tables, app, raw)
    key = guess_key(verification)
    guesses = tables.guesses(key)
    judgement = rules.exchange(
        verification, guesses, limits, challenge=challenge, expected=expected, handed_over=handed_over, now=now
    )
    return _written(tables, verification, key, guesses, judgement, now)


def _written(
    tables: Tables, verification: Verification, key: bytes, guesses: Guesses, judgement: Judgement, now: Instant
) -> Judgement:
    """Write what a judgement changes, and nothing where it changes nothing."""
    if judgement.verification is not verification:
        tables.change_verification(judgement.verification)
    if judgement.guesses is not guesses:
        tables.set_guesses(key, judgement.guesses)
    right = verification.status is Status.PENDING and judgement.verification.status in {
        Status.CONFIRMED,
        Status.APPROVED,
    }
    if right and verification.traits:
        guard_steps.note_verified(tables, verification.traits, verification.lane, now)
    if judgement.verification.status is Status.APPROVED is not verification.status:
        tie(tables, verification, now)
    return judgement


def resend(  # noqa: PLR0913 - as the port's, and one for those who charge elsewhere
    tables: Tables,
    app: bytes,
    raw: bytes,
    charges: Sequence[Charge],
    schedule: tuple[Span, ...],
    guesses: GuessLimits,
    now: Instant,
    plan: Plan | None = None,
    *,
    quiet: bool = False,
) -> Added:
    """``VerificationStore.resend``. ``quiet`` is given where its buckets were charged elsewhere."""
    verification = _known(tables, app, raw)
    answer, resent = rules.resend(verification, schedule, now)
    if answer is Resend.ENDED:
        raise EndedError(status=verification.status_at(now).value)
    if answer is Resend.SPENT:
        raise SendsSpentError
    if answer is Resend.EARLY:
        raise RateLimitedError(retry_after=seconds_until(verification.resend_at, now))
    _refuse_closed(tables, verification, guesses)
    plan = plan and plan.after(verification.sends)
    paid = pay_steps.pay(tables, charges, plan, now, has_paid=verification.is_held)
    for delivery in tables.deliveries(raw):
        if delivery.due_at is not None and not delivery.handed_over:
            tables.put_delivery(settled(delivery, DeliveryStatus.SUPERSEDED, now, reason=delivery.reason))
    tables.change_verification(resent)
    if quiet or paid.quiet:
        tables.put_delivery(not_sent(Delivery(raw, resent.sends, now, now), now))
    else:
        tables.queue_delivery(raw, resent.sends, now)
    return Added(resent, replayed=False, verdict=paid.verdict, left=paid.left, quiet=paid.quiet)


def cancel(tables: Tables, app: bytes, raw: bytes, now: Instant) -> Verification:
    """``VerificationStore.cancel``."""
    verification = _known(tables, app, raw)
    canceled = rules.cancel(verification, now)
    if canceled is None:
        raise EndedError(status=verification.status_at(now).value)
    if canceled is not verification:
        tables.change_verification(canceled)
    return canceled


MOST_LOOKED_AT = 500  # due deliveries a step may close without handing one out: a few milliseconds


def take_due(tables: Tables, now: Instant, lease: Span, most: int) -> list[Due]:
    """``CourierStore.claim``."""
    taken: list[Due] = []
    looked_at = 0
    while len(taken) < most and looked_at < MOST_LOOKED_AT:
        rows = tables.due(now, most - len(taken))
        if not rows:
            break
        looked_at += len(rows)
        for delivery, verification, app_name in rows:
            claimed, hand_over = claim(delivery, verification, now, lease)
            tables.put_delivery(claimed)
            if hand_over:
                taken.append(Due(verification, app_name, claimed.number, claimed.tries, claimed.uncertain))
            elif claimed.status is DeliveryStatus.FAILED:
                _fail_undelivered(tables, verification)
    return taken


def settle_due(tables: Tables, due: Due, settlement: Settlement) -> None:
    """``CourierStore.settle``."""
    app, raw = due.verification.app, due.verification.id
    entry = next((delivery for delivery in tables.deliveries(raw) if delivery.number == due.number), None)
    changed = entry and settle(entry, due, settlement)
    if not changed:
        return
    tables.put_delivery(changed)
    verification = tables.verification(app, raw)
    if changed.status is DeliveryStatus.FAILED and verification is not None:
        if verification.traits and not changed.uncertain:
            guard_steps.note_unsent(tables, verification.traits, verification.lane, settlement.at)
        _fail_undelivered(tables, verification)


def report(tables: Tables, app: bytes, raw: bytes, number: int, told: Report, now: Instant) -> bool:
    """``CourierStore.report``."""
    verification = tables.verification(app, raw)
    entry = next((delivery for delivery in tables.deliveries(raw) if delivery.number == number), None)
    changed = entry and heard(entry, told, now)
    if verification is None or not changed:
        return False
    tables.put_delivery(changed)
    if changed.status is DeliveryStatus.FAILED:
        _fail_undelivered(tables, verification)
    return True


def _fail_undelivered(tables: Tables, verification: Verification) -> None:
    """Fail a verification of which no message went out and none will. An uncertain one may have arrived."""
    for delivery in tables.deliveries(verification.id):
        arrived = delivery.status in {DeliveryStatus.SENT, DeliveryStatus.DELIVERED}
        if delivery.due_at is not None or arrived or delivery.uncertain:
            return
    failed = rules.fail(verification)
    if failed is not verification:
        tables.change_verification(failed)


def _known(tables: Tables, app: bytes, raw: bytes) -> Verification:
    verification = tables.verification(app, raw)
    if verification is None:
        raise UnknownError
    return verification


def _with_code(tables: Tables, app: bytes, raw: bytes) -> Verification:
    return demand_code(_known(tables, app, raw))


def demand_code(verification: Verification) -> Verification:
    """Refuse to look at a code for what has none."""
    if not verification.methods & CODE:
        # Counting here would let anybody who types at the app's own field end what has no code to be guessed.
        raise InvalidInputError("This verification has no code: its message carries a link alone.", field="code")
    return verification
