"""The verification's state rules: everything that moves a verification from one status to another.

    pending ── right code, from the app ────────────▶ approved
       │ ├──── link, exchanged by who asked ─────────▶ approved
       │ ├──── right code on the hosted page ────────▶ confirmed ── exchanged, or a right code ─▶ approved
       │ ├──── first word, from another device ──────▶ confirmed
       │ ├──── last allowed wrong code ──────────────▶ exhausted   (from confirmed, too)
       │ ├──── app withdraws it ─────────────────────▶ canceled    (from confirmed, too)
       │ └──── could not be delivered ───────────────▶ failed
       └────── lifetime over ────────────────────────▶ expired     (from confirmed, too; never stored)

Not handled here: deriving and comparing codes and proofs (``core/passcode.py``, ``core/magic_link.py``), which step
is atomic (``ports.py``).

Rules:

* everything that decides about a check lives in ``judge``, about an exchange in ``exchange``, about a word in
  ``confirm``; every store runs them inside one atomic step;
* finished, expired or closed verifications evaluate nothing, so they are no oracle and cost no budget;
* the attempt is counted with the guess, in the same step, never after it;
* the recipient's budget keeps a unit only for a wrong guess that was really evaluated;
* what anybody but the app's backend does comes to ``confirmed`` at most;
* every stored status but ``pending`` and ``confirmed`` is final; ``expired`` is never stored, and may yet turn out to
  be ``failed``.
"""

from __future__ import annotations

import hmac
from enum import StrEnum

import msgspec

from watchword.core import limit
from watchword.core.instant import Instant, Span

CODE = 1  # the methods of a verification, as bits
LINK = 2
WORDS = 3  # guesses of the first word that another device has

# Whoever recovers or binds has, or may have, somebody else beside them who tells them what to type.
NOT_ELSEWHERE = frozenset({"recovery", "binding"})


class Status(StrEnum):
    """How a verification stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    CANCELED = "canceled"
    FAILED = "failed"


_OPEN = frozenset({Status.PENDING, Status.CONFIRMED})


class Verification(msgspec.Struct, frozen=True, array_like=True):
    """One request to prove control of an address. Holds no code and nothing a code could be computed from.

    ``recipient`` is the keyed hash of the folded address, for limits; ``address`` that of the address itself, to
    compare with what an app expects; ``sealed`` the deliverable address under the keyring.
    ``notice`` is the version of the notice about SMS that was acknowledged, ``traits`` what the guard keeps of one.
    ``lane`` is 1 for a device that proved itself before, and has budgets of its own.
    ``methods`` are ``CODE``, ``LINK`` or both; ``challenge`` is the PKCE challenge of the session that asked, as it
    came, where it collects by exchange; ``action`` the keyed hash of what is approved; ``words`` how many first words
    were wrong.
    ``subject`` is the keyed hash of whom the address becomes tied to once it is approved, ``contact`` the address
    sealed for that (``core/notice.py``).
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
    methods: int = CODE
    challenge: bytes | None = None
    action: bytes | None = None
    words: int = 0
    notice: str = ""
    traits: bytes = b""
    subject: bytes | None = None
    contact: bytes | None = None

    def status_at(self, now: Instant) -> Status:
        """The status as anybody should see it now."""
        if now >= self.expires_at and self.status in _OPEN:
            return Status.EXPIRED
        return self.status

    @property
    def has_page(self) -> bool:
        """Whether there is a hosted page where its code is typed."""
        return self.challenge is not None and bool(self.methods & CODE)

    @property
    def is_held(self) -> bool:
        """Whether its message waits for work that is done at that page: nothing was ever sent."""
        return self.sends == 0 and self.status is Status.PENDING

    @property
    def words_remaining(self) -> int:
        """How many wrong first words another device still has."""
        return WORDS - self.words

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
    return limit.guesses_key(verification.lane, verification.app, verification.recipient)


class Expected(msgspec.Struct, frozen=True, array_like=True):
    """What the app believes it is checking. None is not compared, but for ``action``: what has one must be told it.

    The SDK always gives purpose and address.
    """

    purpose: str | None = None
    address: bytes | None = None
    action: bytes | None = None


class Outcome(StrEnum):
    """What became of one check, exchange or word."""

    APPROVED = "approved"
    CONFIRMED = "confirmed"
    MISMATCH = "mismatch"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    USED = "used"
    PENDING = "pending"
    CANCELED = "canceled"
    FAILED = "failed"
    CLOSED = "closed"
    LIMITED = "limited"


class Judgement(msgspec.Struct, frozen=True, array_like=True):
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


def over(verification: Verification, now: Instant) -> Outcome | None:
    """How it ended, as whoever comes after is told; None while it is open."""
    return _OVER.get(verification.status_at(now))


_GRANTED = {Status.APPROVED: Outcome.APPROVED, Status.CONFIRMED: Outcome.CONFIRMED}


def judge(
    verification: Verification,
    guesses: limit.Guesses,
    limits: limit.GuessLimits,
    *,
    digits: int,
    matches: bool,
    expected: Expected,
    now: Instant,
    grants: Status = Status.APPROVED,
) -> Judgement:
    """Decide one check, given what was read in the same atomic step.

    ``digits`` is the length of what was typed, ``matches`` whether it equals the derived code. ``grants`` is what a
    right code comes to: ``approved`` for the app's backend, ``confirmed`` for the hosted page.
    """
    status = verification.status_at(now)
    if status not in _OPEN:
        return Judgement(_OVER[status], verification, guesses)
    if _closed(verification, guesses, limits):
        return Judgement(Outcome.CLOSED, verification, guesses)
    wait = limit.guess_wait(guesses.log, limits.budgets, now)
    if wait > 0:
        return Judgement(Outcome.LIMITED, verification, guesses, wait)
    if grants is Status.APPROVED and not _as_expected(verification, expected):
        # Counted, so that a confused caller cannot go on for ever, but no guess was looked at: the budget stays.
        return Judgement(Outcome.MISMATCH, _count(verification), guesses)
    if matches and digits == verification.digits and not verification.decoy:
        return Judgement(_GRANTED[grants], _move(verification, grants), _forgiven(guesses))
    return Judgement(Outcome.MISMATCH, _count(verification), limit.note_wrong(guesses, limits, now))


def exchange(
    verification: Verification,
    guesses: limit.Guesses,
    limits: limit.GuessLimits,
    *,
    challenge: bytes,
    expected: Expected,
    handed_over: bool,
    now: Instant,
) -> Judgement:
    """Decide one exchange: ``challenge`` is what the verifier of whoever asks comes to.

    ``handed_over`` tells that a hand-off code came with it. Without one the verification must be ``confirmed``.
    Nothing but ``approved`` changes anything: who guesses at 256 bits needs no counting.
    """
    kept = verification.challenge
    # Compared before the status is looked at: only the session that asked learns how it stands.
    if kept is None or not hmac.compare_digest(kept, challenge) or verification.decoy:
        return Judgement(Outcome.MISMATCH, verification, guesses)
    status = verification.status_at(now)
    if status not in _OPEN:
        return Judgement(_OVER[status], verification, guesses)
    if not _as_expected(verification, expected):
        return Judgement(Outcome.MISMATCH, verification, guesses)
    if _closed(verification, guesses, limits):
        return Judgement(Outcome.CLOSED, verification, guesses)
    if status is Status.PENDING and not handed_over:
        return Judgement(Outcome.PENDING, verification, guesses)
    return Judgement(Outcome.APPROVED, _move(verification, Status.APPROVED), _forgiven(guesses))


def confirm(verification: Verification, *, matches: bool, now: Instant) -> tuple[Outcome, Verification]:
    """Decide one first word that was typed on another device. Three wrong ones close this way and no other."""
    status = verification.status_at(now)
    if status not in _OPEN:
        return _OVER[status], verification
    if verification.words_remaining <= 0:
        return Outcome.EXHAUSTED, verification
    if not matches or verification.decoy:
        return Outcome.MISMATCH, msgspec.structs.replace(verification, words=verification.words + 1)
    return Outcome.CONFIRMED, _move(verification, Status.CONFIRMED)


def _closed(verification: Verification, guesses: limit.Guesses, limits: limit.GuessLimits) -> bool:
    return guesses.streak >= limits.ceiling and verification.purpose != "binding"


def _forgiven(guesses: limit.Guesses) -> limit.Guesses:
    return limit.note_right(guesses) if guesses.streak else guesses


def _move(verification: Verification, status: Status) -> Verification:
    return verification if verification.status is status else msgspec.structs.replace(verification, status=status)


def _as_expected(verification: Verification, expected: Expected) -> bool:
    return (
        expected.purpose in {None, verification.purpose}
        and expected.address in {None, verification.address}
        and expected.action == verification.action
    )


def _count(verification: Verification) -> Verification:
    attempts = verification.attempts + 1
    status = Status.EXHAUSTED if attempts >= verification.max_attempts else verification.status
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
    if without_leap(verification, schedule, now).resend_at > now:
        return Resend.EARLY, verification
    sends = verification.sends + 1
    return Resend.SENT, msgspec.structs.replace(
        verification, sends=sends, resend_at=resend_at(schedule, sends, now, verification.expires_at)
    )


def without_leap(verification: Verification, schedule: tuple[Span, ...], now: Instant) -> Verification:
    """As it counts: a wait far longer than any was written by a clock that leapt and came back, and is none."""
    if verification.resend_at - now <= 2 * max(schedule) or verification.sends_remaining <= 0:
        return verification
    return msgspec.structs.replace(verification, resend_at=now)


def resend_at(schedule: tuple[Span, ...], sends: int, now: Instant, expires_at: Instant) -> Instant:
    """When the next send may be asked for, after ``sends`` of them. With none left: the end of the lifetime."""
    return now + schedule[sends - 1] if sends <= len(schedule) else expires_at


def cancel(verification: Verification, now: Instant) -> Verification | None:
    """Withdraw a verification; None where it is over already. Cancelling twice is no error: it is canceled."""
    status = verification.status_at(now)
    if status is Status.CANCELED:
        return verification
    if status not in _OPEN:
        return None
    return msgspec.structs.replace(verification, status=Status.CANCELED)


def fail(verification: Verification) -> Verification:
    """Note that no message will reach the recipient. Whatever has ended stays as it ended."""
    if verification.status is not Status.PENDING:
        return verification
    return msgspec.structs.replace(verification, status=Status.FAILED)
