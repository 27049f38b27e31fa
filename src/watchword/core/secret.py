"""The state rules of secrets: everything that moves a secret from being shared to being gone.

    uploading ── last file arrived ──▶ waiting ── last view claimed ──▶ opened
        │                                 ├────── lifetime over ──────▶ expired   (never stored: the clock says it)
        └── a day, or its lifetime ─▶     └────── its maker ──────────▶ burnt
            forgotten, without a trace

Not handled here: proofs (they come as marks: keyed hashes), ciphertext (the stores), files (``adapters/blobs.py``).

Rules:

* a view is spent by a claim and by nothing else; the same claim is given the same again while its lease lives;
* a live claim is its own proof, so that no stranger's wrong passphrases can part a reader from what was opened;
* a wrong passphrase counts and pauses and spends nothing; what is over, paused or locked evaluates none;
* wrong passphrases are counted over the whole life: a right one does not buy more guesses to whoever has the link;
* ciphertext is erased as soon as no view and no live lease remain; what stays for 30 days is a tombstone.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import NamedTuple

import msgspec

from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Instant, Span
from watchword.core.limit import Rate

KDFS = ("pbkdf2-sha256-600000",)  # docs/spec/secret-link.md; nothing else is taken, so nobody can lower the rounds

NONCE_SIZE = 16
CLAIM_SIZE = 16
PROOF_SIZE = 32  # link, auth, manage token, and the hashes of them
MOST_VIEWS = 100
MOST_FILES = 16

LEASE: Span = 15 * MINUTE  # after the last byte
LONGEST_LEASE: Span = DAY  # after the claim, however often it is fetched again
UPLOAD_TIME: Span = DAY
REMEMBERED: Span = 30 * DAY  # a tombstone
DEFAULT_LIFETIME: Span = DAY
SHORTEST_LIFETIME: Span = MINUTE

FREE_GUESSES = 5
PAUSES: tuple[Span, ...] = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
MOST_GUESSES = 20

CREATION = ("on", "off", "key")
OUTCOMES = ("read", "enrolled")
VOID = "void"  # a hand-over that ended by too many wrong codes
KIB = 1024


class SecretRules(NamedTuple):
    """What the operator decides. ``creates`` and ``kib`` are what one source may make; None is no limit."""

    creation: str = "on"
    max_text: int = 64 * KIB
    max_file: int = 10 * KIB * KIB
    longest: Span = 30 * DAY
    creates: Rate | None = Rate(100, MINUTE)
    kib: Rate | None = Rate(100 * KIB, DAY)

    @property
    def max_jwe(self) -> int:
        """Characters of a sealed text: twice its size for escapes and padding, in base64url, with four short parts."""
        return -(-2 * self.max_text * 4 // 3) + 256


class Toll(NamedTuple):
    """What making a secret costs its source: one of ``creates`` and ``kib`` of its bytes, in one bucket."""

    key: bytes
    rates: tuple[Rate, ...]
    amounts: tuple[int, ...]


class State(StrEnum):
    """How a secret stands."""

    UPLOADING = "uploading"
    WAITING = "waiting"
    OPENED = "opened"
    EXPIRED = "expired"
    BURNT = "burnt"


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """One claim: its mark, when it was made, until when it may fetch. ``acked`` claims fetch no more."""

    mark: bytes
    began: Instant
    until: Instant
    acked: bool = False

    def lives(self, now: Instant) -> bool:
        """Whether its holder may fetch."""
        return not self.acked and now < self.until


class Secret(msgspec.Struct, frozen=True, array_like=True):
    """What a server knows of a secret, without the ciphertext. Marks are keyed hashes of proofs.

    ``sizes`` are those of its files, ``arrived`` has a bit for each that is there. A ``handover`` is the seed of a
    pending authenticator: it ends by a right code, not by the word of its reader.
    """

    id: bytes
    link: bytes
    auth: bytes | None
    manage: bytes
    nonce: bytes
    kdf: str | None
    views: int
    views_left: int
    created_at: Instant
    expires_at: Instant
    sizes: tuple[int, ...] = ()
    arrived: int = 0
    leases: tuple[Lease, ...] = ()
    wrong: int = 0
    paused_until: Instant = 0
    opened_at: Instant | None = None
    burnt_at: Instant | None = None
    outcome: str = ""
    erased: bool = False
    handover: bool = False

    def __repr__(self) -> str:
        return f"Secret(views_left={self.views_left}, erased={self.erased})"

    @property
    def is_whole(self) -> bool:
        """Whether all its files have arrived."""
        return self.arrived == (1 << len(self.sizes)) - 1

    @property
    def is_locked(self) -> bool:
        """Whether no passphrase is tried any more until its maker unlocks it."""
        return self.wrong >= MOST_GUESSES

    def state_at(self, now: Instant) -> State:
        """The state as anybody with the right to know should see it now."""
        if self.burnt_at is not None:
            return State.BURNT
        if self.views_left == 0:
            return State.OPENED
        if not self.is_whole:
            return State.UPLOADING
        # What a purge erased has expired, also where its clock leapt and came back: there is nothing to hand out.
        return State.EXPIRED if self.erased or now >= self.expires_at else State.WAITING

    def over_at(self, now: Instant) -> Instant | None:
        """When it ended; None while it has not."""
        ends = {State.BURNT: self.burnt_at, State.OPENED: self.opened_at, State.EXPIRED: self.expires_at}
        return ends.get(self.state_at(now))

    def lease(self, mark: bytes, now: Instant) -> Lease | None:
        """The live lease of a claim."""
        return next((each for each in self.leases if each.lives(now) and is_same(each.mark, mark)), None)


def is_same(ours: bytes, theirs: bytes) -> bool:
    """Compare two marks in constant time."""
    return hmac.compare_digest(ours, theirs)


def public_wait(span: Span) -> int:
    """What a stranger is told to wait, in seconds: one of two figures, so that it tells little of any bucket."""
    return 30 if span <= 30 * SECOND else 300


class Outcome(StrEnum):
    """What became of one claim."""

    GRANTED = "granted"
    AGAIN = "again"
    MISMATCH = "mismatch"
    UNPROVEN = "unproven"
    PAUSED = "paused"
    LOCKED = "locked"
    OPENED = "opened"
    EXPIRED = "expired"
    BURNT = "burnt"


class Claimed(NamedTuple):
    """What a claim changes. ``secret`` is the very object given where nothing changed."""

    outcome: Outcome
    secret: Secret
    wait: Span = 0

    @property
    def is_granted(self) -> bool:
        """Whether the ciphertext may be handed out."""
        return self.outcome in {Outcome.GRANTED, Outcome.AGAIN}


_OVER = {State.OPENED: Outcome.OPENED, State.EXPIRED: Outcome.EXPIRED, State.BURNT: Outcome.BURNT}


def claim(secret: Secret, mark: bytes, auth: bytes | None, now: Instant) -> Claimed:
    """Decide one claim by somebody who holds the link, given what was read in the same atomic step."""
    held = secret.lease(mark, now)
    if held is not None and not secret.erased:
        return Claimed(Outcome.AGAIN, _leased(secret, mark, held.began, now))
    state = secret.state_at(now)
    if state is not State.WAITING:
        return Claimed(_OVER.get(state, Outcome.EXPIRED), secret)
    refused = _tried(secret, auth, now) if secret.auth is not None else None
    if refused is not None:
        return refused
    spent = msgspec.structs.replace(secret, views_left=secret.views_left - 1, opened_at=now)
    return Claimed(Outcome.GRANTED, _leased(spent, mark, now, now))


def _tried(secret: Secret, auth: bytes | None, now: Instant) -> Claimed | None:
    """Refuse what has no right passphrase; None where it is right."""
    if auth is None:
        return Claimed(Outcome.UNPROVEN, secret)
    if secret.is_locked:
        return Claimed(Outcome.LOCKED, secret)
    wait = secret.paused_until - now
    # A pause longer than any was written by a clock that leapt and came back.
    if 0 < wait <= PAUSES[-1]:
        return Claimed(Outcome.PAUSED, secret, wait)
    if is_same(secret.auth or b"", auth):
        return None
    wrong = secret.wrong + 1
    over = wrong - FREE_GUESSES
    pause = PAUSES[min(over, len(PAUSES) - 1)] if over >= 0 else 0
    return Claimed(Outcome.MISMATCH, msgspec.structs.replace(secret, wrong=wrong, paused_until=now + pause))


def guesses_before_pause(secret: Secret) -> int:
    """How many more may be tried until the first pause."""
    return max(0, FREE_GUESSES - secret.wrong)


def _leased(secret: Secret, mark: bytes, began: Instant, now: Instant) -> Secret:
    lease = Lease(mark, began, min(now + LEASE, began + LONGEST_LEASE))
    others = tuple(each for each in secret.leases if not is_same(each.mark, mark))
    return msgspec.structs.replace(secret, leases=(*others, lease))


def stay(secret: Secret, mark: bytes, now: Instant) -> Secret:
    """Move the end of a live lease: a file's last byte went out just now."""
    held = secret.lease(mark, now)
    return secret if held is None or secret.erased else _leased(secret, mark, held.began, now)


def ack(secret: Secret, mark: bytes, outcome: str, now: Instant) -> Secret | None:
    """End a claim's lease because its holder has it; None where there is no such claim. A second time is no error.

    ``enrolled`` stays, whatever other readers say.
    """
    held = next((each for each in secret.leases if is_same(each.mark, mark)), None)
    if held is None:
        return None
    leases = tuple(msgspec.structs.replace(each, acked=True) if each is held else each for each in secret.leases)
    told = secret.outcome if secret.outcome == "enrolled" or held.acked else outcome
    return settled(msgspec.structs.replace(secret, leases=leases, outcome=told), now)


def burn(secret: Secret, now: Instant) -> Secret:
    """End it now, leases too. What is over already stays as it ended, and loses what is left of it."""
    ended = secret if secret.over_at(now) is not None else msgspec.structs.replace(secret, burnt_at=now)
    leases = tuple(msgspec.structs.replace(each, acked=True) for each in ended.leases)
    return settled(msgspec.structs.replace(ended, leases=leases), now)


def void(secret: Secret, now: Instant) -> Secret:
    """End a hand-over after too many wrong codes."""
    return msgspec.structs.replace(burn(secret, now), outcome=VOID)


def unlock(secret: Secret) -> Secret:
    """Let passphrases be tried from the start again."""
    return msgspec.structs.replace(secret, wrong=0, paused_until=0) if secret.wrong else secret


def arrive(secret: Secret, number: int) -> Secret:
    """Note that a file is there as a whole. With the last one the secret becomes visible."""
    return msgspec.structs.replace(secret, arrived=secret.arrived | 1 << number)


def settled(secret: Secret, now: Instant) -> Secret:
    """Erase what nobody can fetch any more; the very object where something is still wanted."""
    if secret.erased or secret.over_at(now) is None or any(each.lives(now) for each in secret.leases):
        return secret
    return msgspec.structs.replace(secret, erased=True, nonce=b"", auth=None, kdf=None)


def is_forgotten(secret: Secret, now: Instant) -> bool:
    """Whether nothing of it is kept: a tombstone of 30 days, or an upload that was given up."""
    over = secret.over_at(now)
    if over is None:
        return secret.state_at(now) is State.UPLOADING and now >= due_at(secret)
    return secret.erased and now >= over + REMEMBERED


def due_at(secret: Secret) -> Instant:
    """When time alone changes something about it next. A store finds by this what to purge."""
    if secret.erased:
        # Its end, as it will be seen then: a lifetime that is over ends what nothing else ended.
        return (secret.over_at(secret.expires_at) or secret.expires_at) + REMEMBERED
    if not secret.is_whole and secret.burnt_at is None:
        return min(secret.created_at + UPLOAD_TIME, secret.expires_at)
    last = max((each.until for each in secret.leases if not each.acked), default=0)
    return last if secret.views_left == 0 else max(last, secret.expires_at)
