"""The verification's state rules: everything that moves a verification from one status to another.

    pending ── right code ──────────────▶ approved
       │ └──── last allowed wrong code ─▶ exhausted
       ├────── app withdraws it ────────▶ canceled
       ├────── could not be delivered ──▶ failed
       └────── lifetime over ───────────▶ expired   (never stored: it follows from the clock)

Not handled here: deriving and comparing codes (``core/passcode.py``), which step is atomic (``ports.py``).

Rules:

* everything that decides about a check lives in ``judge``, which every store runs inside one atomic step;
* finished, expired or closed verifications evaluate nothing, so they are no oracle and cost no budget;
* the attempt is counted with the guess, in the same step, never after it;
* the recipient's budget keeps a unit only for a wrong guess that was really evaluated;
* every stored status but ``pending`` is final; ``expired`` is never stored, and may yet turn out to be ``failed``.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchword.core import limit
from watchword.core.instant import Instant, Span


class Status(StrEnum):
    """How a verification stands."""

    PENDING = "pending"
    APPROVED = "approved"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    CANCELED = "canceled"
    FAILED = "failed"


class Verification(msgspec.Struct, frozen=True):
    """One request to prove control of an address. Holds no code and nothing a code could be computed from.

    ``recipient`` is the keyed hash of the folded address, for limits; ``address`` that of the address itself, to
    compare with what an app expects; ``sealed`` the deliverable address under the keyring.
    ``lane`` is 1 for a device that proved itself before, and has budgets of its own. ``subject`` is the keyed hash of
    whom the address becomes tied to once it is approved, ``contact`` the address sealed for that (``core/notice.py``).
    """

    id: bytes
    app: bytes
    channel: str
    purpose: str
    recipient: bytes
    address: bytes
    sealed: bytes
    locale: str
    digits: int
    max_attempts: int
    max_sends: int
    created_at: Instant
    expires_at: Instant
    resend_at: Instant
    status: Status = Status.PENDING
    attempts: int = 0
    sends: int = 1
    lane: int = 0
    decoy: bool = False
    subject: bytes | None = None
    contact: bytes | None = None

    def status_at(self, now: Instant) -> Status:
        """The status as anybody should see it now."""
        if self.status is Status.PENDING and now >= self.expires_at:
            return Status.EXPIRED
        return self.status

    @property
    def attempts_remaining(self) -> int:
        """How many wrong guesses it still takes."""
        return self.max_attempts - self.attempts

    @property
    def sends_remaining(self) -> int:
        """How often the message may go out again."""
        return self.max_sends - self.sends


def guess_key(verification: Verification) -> bytes:
    """The bucket of wrong guesses: one an app, recipient and lane, across all their verifications."""
    return b"g%d" % verification.lane + verification.app + verification.recipient


class Expected(msgspec.Struct, frozen=True):
    """What the app believes it is checking. None is not compared; the SDK always gives both."""

    purpose: str | None = None
    address: bytes | None = None


class Outcome(StrEnum):
    """What became of one check."""

    APPROVED = "approved"
    MISMATCH = "mismatch"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    USED = "used"
    CANCELED = "canceled"
    FAILED = "failed"
    CLOSED = "closed"
    LIMITED = "limited"


class Judgement(msgspec.Struct, frozen=True):
    """What a check changes. ``verification`` and ``guesses`` are the very objects given where nothing changed."""

    outcome: Outcome
    verification: Verification
    guesses: limit.Guesses
    retry_after: Span = 0


_OVER = {
    Status.APPROVED: Outcome.USED,
    Status.EXPIRED: Outcome.EXPIRED,
    Status.EXHAUSTED: Outcome.EXHAUSTED,
    Status.CANCELED: Outcome.CANCELED,
    Status.FAILED: Outcome.FAILED,
}


def judge(
    verification: Verification,
    guesses: limit.Guesses,
    limits: limit.GuessLimits,
    *,
    digits: int,
    matches: bool,
    expected: Expected,
    now: Instant,
) -> Judgement:
    """Decide one check, given what was read in the same atomic step.

    ``digits`` is the length of what was typed, ``matches`` whether it equals the derived code.
    """
    status = verification.status_at(now)
    if status is not Status.PENDING:
        return Judgement(_OVER[status], verification, guesses)
    if guesses.streak >= limits.ceiling and verification.purpose != "binding":
        return Judgement(Outcome.CLOSED, verification, guesses)
    wait = limit.guess_wait(guesses.log, limits.budgets, now)
    if wait > 0:
        return Judgement(Outcome.LIMITED, verification, guesses, wait)
    if not _as_expected(verification, expected):
        # Counted, so that a confused caller cannot go on for ever, but no guess was looked at: the budget stays.
        return Judgement(Outcome.MISMATCH, _count(verification), guesses)
    if matches and digits == verification.digits and not verification.decoy:
        approved = msgspec.structs.replace(verification, status=Status.APPROVED)
        return Judgement(Outcome.APPROVED, approved, limit.note_right(guesses) if guesses.streak else guesses)
    return Judgement(Outcome.MISMATCH, _count(verification), limit.note_wrong(guesses, limits, now))


def _as_expected(verification: Verification, expected: Expected) -> bool:
    return expected.purpose in {None, verification.purpose} and expected.address in {None, verification.address}


def _count(verification: Verification) -> Verification:
    attempts = verification.attempts + 1
    status = Status.EXHAUSTED if attempts >= verification.max_attempts else Status.PENDING
    return msgspec.structs.replace(verification, attempts=attempts, status=status)


class Resend(StrEnum):
    """What became of a request to send again."""

    SENT = "sent"
    ENDED = "ended"
    SPENT = "spent"
    EARLY = "early"


def resend(verification: Verification, schedule: tuple[Span, ...], now: Instant) -> tuple[Resend, Verification]:
    """Decide a resend: the same code again, if it is still wanted, allowed and not too early."""
    if verification.status_at(now) is not Status.PENDING:
        return Resend.ENDED, verification
    if verification.sends_remaining <= 0:
        return Resend.SPENT, verification
    if now < verification.resend_at:
        return Resend.EARLY, verification
    sends = verification.sends + 1
    return Resend.SENT, msgspec.structs.replace(
        verification, sends=sends, resend_at=resend_at(schedule, sends, now, verification.expires_at)
    )


def resend_at(schedule: tuple[Span, ...], sends: int, now: Instant, expires_at: Instant) -> Instant:
    """When the next send may be asked for, after ``sends`` of them. With none left: the end of the lifetime."""
    return now + schedule[sends - 1] if sends <= len(schedule) else expires_at


def cancel(verification: Verification, now: Instant) -> Verification | None:
    """Withdraw a verification; None where it is over already. Cancelling twice is no error: it is canceled."""
    status = verification.status_at(now)
    if status is Status.CANCELED:
        return verification
    if status is not Status.PENDING:
        return None
    return msgspec.structs.replace(verification, status=Status.CANCELED)


def fail(verification: Verification) -> Verification:
    """Note that no message will reach the recipient. Whatever has ended stays as it ended."""
    if verification.status is not Status.PENDING:
        return verification
    return msgspec.structs.replace(verification, status=Status.FAILED)
