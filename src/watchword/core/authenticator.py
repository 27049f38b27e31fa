"""The state rules of authenticators: what binds one, what a check may accept, what a guess costs.

    pending ── right code in time ──▶ active ── revoked ──▶ gone, with its seed
       ├────── right code at its page ──▶ confirmed ── collected by its app, with the verifier ──▶ active
       └────── ten minutes, or ten wrong codes ──▶ void, gates and satisfies nothing

Format and rules: docs/spec/totp.md, sections 6 to 8.

Not handled here: seeds and codes (``core/totp.py``: they come as matches), sealing (``flows/authenticator_seal.py``),
atomicity (the stores).

Rules:

* what a page did makes nothing active: that takes its app, with the verifier of the session that asked;
* a time step is accepted once: every authenticator whose seed matched must see a newer one, or all are refused;
* a wrong guess costs one unit for each authenticator it was tested against, in exact sliding logs;
* what a budget or a lock refuses was not looked at and costs nothing;
* a right code ends a streak of wrong ones and buys no units back;
* a slow or fast clock moves the window, never widens it, and never by more than ``MOST_DRIFT`` steps.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from watchword.core.instant import DAY, HOUR, MINUTE, Instant, Span
from watchword.core.limit import Guesses, GuessLimits, Rate, guess_wait, note_right, note_wrong

PENDING_TIME: Span = 10 * MINUTE
REMEMBERED: Span = DAY  # a pending one that lapsed, so that its end can be told
MOST_TRIES = 10  # wrong codes until a pending one is void
HANDOVER_TRIES = 5  # the same, where its recipient confirms it at a link
MOST_ACTIVE = 5  # of a subject: with more, one guess would cost more than five minutes hold
MOST_PENDING = 5
SEED_SIZE = 20  # bytes: 160 bit, RFC 4226 section 4, R6
LONGEST_PERIOD = 120  # seconds, NIST SP 800-63B-4 section 3.1.4.1
SKEW = 1
MOST_DRIFT = 2  # steps; with the skew three, and G7 of the checklist allows four
LEANS = 3  # codes in a row from the same edge of the window until it moves
NEVER: int = -1  # no step was accepted yet; step 0 is a step

BUDGETS = (Rate(5, 5 * MINUTE), Rate(20, HOUR), Rate(30, DAY))


class Origin(StrEnum):
    """How an authenticator came to be."""

    ENROLLED = "enrolled"
    IMPORTED = "imported"
    HANDED_OVER = "handed_over"


class Status(StrEnum):
    """How an authenticator stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    ACTIVE = "active"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    REVOKED = "revoked"


class Authenticator(msgspec.Struct, frozen=True):
    """What a store knows of one. ``subject`` and ``fingerprint`` are keyed hashes, ``seed`` and ``names`` are sealed.

    ``link`` is the secret link at which its recipient confirms it, and nobody else can; ``rotate_by`` is when its app
    wants a new seed made. ``key_number`` names the key of both seals. ``drift`` is where the middle of the window lies,
    in steps, ``lean`` how often in a row a code came from the same edge of it.

    ``challenge`` is there where it is confirmed at the hosted page and then collected, ``page_key`` the number of the
    key its ticket follows from, ``proven_at`` when that page saw a right code, and ``codes`` are the hashes of the
    recovery codes it then showed, one after another: they count once it is active.
    """

    id: bytes
    app: bytes
    subject: bytes
    seed: bytes
    names: bytes
    fingerprint: bytes
    key_number: int
    origin: str
    created_at: Instant
    expires_at: Instant | None
    confirmed_at: Instant | None = None
    used_at: Instant | None = None
    last_step: int = NEVER
    drift: int = 0
    lean: int = 0
    tries: int = 0
    link: bytes | None = None
    rotate_by: Instant | None = None
    challenge: bytes | None = None
    page_key: int | None = None
    proven_at: Instant | None = None
    codes: bytes = b""

    def __repr__(self) -> str:
        return f"Authenticator(confirmed_at={self.confirmed_at})"

    @property
    def is_active(self) -> bool:
        """Whether a code confirmed it."""
        return self.confirmed_at is not None

    @property
    def tries_left(self) -> int:
        """How many codes may be tried on it while it is pending."""
        return max(0, self.most_tries - self.tries)

    @property
    def most_tries(self) -> int:
        """How many wrong codes make it void while it is pending."""
        return MOST_TRIES if self.link is None else HANDOVER_TRIES

    @property
    def is_shared(self) -> bool:
        """Whether its seed went to somebody by a link."""
        return self.link is not None

    def status_at(self, now: Instant) -> Status:
        """The status as its app should see it now."""
        if self.is_active:
            return Status.ACTIVE
        if self.tries >= self.most_tries:
            return Status.EXHAUSTED
        if self.expires_at is None or now >= self.expires_at:
            return Status.EXPIRED
        return Status.PENDING if self.proven_at is None else Status.CONFIRMED


class Match(NamedTuple):
    """The step a seed matched, and at which edge of its window: -1, 0 or 1."""

    step: int
    edge: int


Matches = Mapping[bytes, Match | None]
# What a typed code comes to at active rows: inside the step that read them. None where one of them does not open.
Compare = Callable[[Sequence["Authenticator"]], Matches | None]


class Outcome(StrEnum):
    """What became of one check or one confirmation."""

    APPROVED = "approved"
    CONFIRMED = "confirmed"
    PENDING = "pending"
    MISMATCH = "mismatch"
    USED = "used"
    LOCKED = "locked"
    LIMITED = "limited"
    NONE_ACTIVE = "no_authenticator"
    UNKNOWN = "unknown_subject"
    SHUT = "shut"  # one of them does not open: nothing was compared
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    BOUND = "bound"
    FULL = "full"
    DONE = "done"  # it is active already


class Judged(NamedTuple):
    """What a check changes. ``guesses`` is the very object given where nothing changed; ``changed`` are new rows."""

    outcome: Outcome
    guesses: Guesses
    changed: Sequence[Authenticator] = ()
    wait: Span = 0


def limits_of(ceiling: int) -> GuessLimits:
    """The budgets of a subject, with a profile's ceiling of consecutive failures."""
    return GuessLimits(BUDGETS, ceiling)


def bucket(subject: bytes, lane: int) -> bytes:
    """The bucket of wrong guesses: one a subject (of one app) and lane."""
    return b"t%d" % lane + subject


def judge(
    rows: Sequence[Authenticator], compare: Compare, guesses: Guesses, limits: GuessLimits, now: Instant
) -> Judged:
    """Decide one check by subject, given all its rows as read in the same atomic step."""
    active = [row for row in rows if row.is_active]
    if active and guesses.streak >= limits.ceiling:
        return Judged(Outcome.LOCKED, guesses)
    wait = units_wait(guesses, limits, max(1, len(active)), now)
    if wait > 0:
        return Judged(Outcome.LIMITED, guesses, wait=wait)
    matches = compare(active)
    if matches is None:
        return Judged(Outcome.SHUT, guesses)
    if active:
        return _compared(active, matches, guesses, limits, now)
    # Charged like any other, so that a refusal for too many tells nobody who has an authenticator; no streak, because
    # a streak is kept for ever.
    charged = Guesses(note_wrong(guesses, limits, now).log, guesses.streak)
    return Judged(Outcome.NONE_ACTIVE if rows else Outcome.UNKNOWN, charged)


def _compared(
    active: Sequence[Authenticator], matches: Matches, guesses: Guesses, limits: GuessLimits, now: Instant
) -> Judged:
    matched = [(row, match) for row in active if (match := matches[row.id]) is not None]
    if not matched:
        return Judged(Outcome.MISMATCH, wrong(guesses, limits, len(active), now))
    if any(match.step <= row.last_step for row, match in matched):
        return Judged(Outcome.USED, guesses)
    return Judged(Outcome.APPROVED, note_right(guesses), [_accepted(row, match, now) for row, match in matched])


def units_wait(guesses: Guesses, limits: GuessLimits, units: int, now: Instant) -> Span:
    """How long until ``units`` more fit into every budget; 0 where they do now."""
    if not guesses.log and all(units <= rate.count for rate in limits.budgets):
        return 0  # as nearly always
    budgets = tuple(Rate(max(1, rate.count - units + 1), rate.per) for rate in limits.budgets)
    return guess_wait(guesses.log, budgets, now)


def wrong(guesses: Guesses, limits: GuessLimits, units: int, now: Instant) -> Guesses:
    """Note a wrong guess that was tested against ``units`` seeds: each of them was a guess."""
    for _ in range(units):
        guesses = note_wrong(guesses, limits, now)
    return guesses


def _accepted(row: Authenticator, match: Match, now: Instant) -> Authenticator:
    drift, lean = _clock(row, match.edge)
    return msgspec.structs.replace(row, last_step=match.step, used_at=now, drift=drift, lean=lean)


def _clock(row: Authenticator, edge: int) -> tuple[int, int]:
    """Where the window lies after a code from this edge of it. One late typist must not move it."""
    lean = row.lean + edge if row.lean * edge > 0 else edge
    if abs(lean) < LEANS:
        return row.drift, lean
    return max(-MOST_DRIFT, min(MOST_DRIFT, row.drift + edge)), 0


class Confirmed(NamedTuple):
    """What a confirmation changes. ``authenticator`` is the very object given where nothing changed."""

    outcome: Outcome
    authenticator: Authenticator


def confirm(row: Authenticator, rows: Sequence[Authenticator], match: Match | None, now: Instant) -> Confirmed:
    """Decide the code that binds a pending authenticator, given all rows of its subject."""
    status = row.status_at(now)
    over = {Status.ACTIVE: Outcome.DONE, Status.EXPIRED: Outcome.EXPIRED, Status.EXHAUSTED: Outcome.EXHAUSTED}
    if status in over:
        return Confirmed(over[status], row)
    if match is None:
        return Confirmed(Outcome.MISMATCH, msgspec.structs.replace(row, tries=row.tries + 1))
    refused = may_bind(row, rows)
    if refused is not None:
        return Confirmed(refused, row)
    bound = msgspec.structs.replace(row, expires_at=None, confirmed_at=now)
    return Confirmed(Outcome.APPROVED, _accepted(bound, match, now))


def prove(
    row: Authenticator, rows: Sequence[Authenticator], match: Match | None, codes: bytes, now: Instant
) -> Confirmed:
    """Decide a code that was typed at the hosted page. It still gates and satisfies nothing, whatever the code."""
    status = row.status_at(now)
    if status is not Status.PENDING:
        return Confirmed(_PROVEN_BEFORE[status], row)
    if match is None:
        return Confirmed(Outcome.MISMATCH, msgspec.structs.replace(row, tries=row.tries + 1))
    refused = may_bind(row, rows)
    if refused is not None:
        return Confirmed(refused, row)
    # Whoever types the code in the last minute still has recovery codes to write down.
    proven = msgspec.structs.replace(row, proven_at=now, codes=codes, expires_at=now + PENDING_TIME)
    return Confirmed(Outcome.CONFIRMED, _accepted(proven, match, now))


def collect(
    row: Authenticator, rows: Sequence[Authenticator], subject: bytes, challenge: bytes, now: Instant
) -> Confirmed:
    """Decide the step that makes active what its page confirmed: for that subject, and the session that asked."""
    if row.challenge is None or not hmac.compare_digest(row.challenge, challenge) or row.subject != subject:
        return Confirmed(Outcome.MISMATCH, row)
    status = row.status_at(now)
    if status is Status.PENDING:
        return Confirmed(Outcome.PENDING, row)
    if status is not Status.CONFIRMED:
        return Confirmed(_PROVEN_BEFORE[status], row)
    refused = may_bind(row, rows)
    if refused is not None:
        return Confirmed(refused, row)
    return Confirmed(Outcome.APPROVED, msgspec.structs.replace(row, expires_at=None, confirmed_at=now, codes=b""))


_PROVEN_BEFORE = {
    Status.CONFIRMED: Outcome.USED,
    Status.ACTIVE: Outcome.USED,
    Status.EXPIRED: Outcome.EXPIRED,
    Status.EXHAUSTED: Outcome.EXHAUSTED,
}


def may_bind(row: Authenticator, rows: Sequence[Authenticator]) -> Outcome | None:
    """Why an authenticator cannot become active beside the others of its subject; None where it can."""
    active = [each for each in rows if each.is_active and each.id != row.id]
    if any(each.fingerprint == row.fingerprint for each in active):
        return Outcome.BOUND
    return Outcome.FULL if len(active) >= MOST_ACTIVE else None
