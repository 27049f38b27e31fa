"""Authenticators: enrol, confirm, check by subject, get, list, rename, revoke.

Not handled here: state rules (``core/authenticator.py``), seals (``flows/authenticator_seal.py``), recovery codes
(``flows/recovery.py``), re-sealing (``flows/authenticator_keeping.py``), atomicity (the store).

Rules:

* a seed leaves in the answer to its enrolment and in no other, and in no event;
* a check is one step of the store, in which all active seeds of the subject are opened and compared
  (``flows/authenticator_compare.py``);
* a row that does not open ends the check: nothing is accepted beside something that was tampered with;
* for a subject without authenticators the same work is done, so that time tells nobody who has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from watchword.core import authenticator as rules
from watchword.core import ids, magic_link, passcode, recovery, totp
from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Judged, Origin, Outcome, Status
from watchword.core.instant import Instant, seconds_until
from watchword.core.keyring import Keyring
from watchword.core.magic_link import LinkWanted
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import (
    AlreadyBoundError,
    AlreadyUsedError,
    ConflictError,
    DisabledError,
    EndedError,
    ExhaustedError,
    ExpiredError,
    InvalidInputError,
    KeyringError,
    MismatchError,
    NotAcceptedError,
    NotEnrolledError,
    OverloadedError,
    RateLimitedError,
    TamperedError,
    UnknownSubjectError,
)
from watchword.flows import authenticator_seal as seal
from watchword.flows.authenticator_compare import Typed
from watchword.flows.authenticator_seal import Names
from watchword.flows.keys import Keys
from watchword.flows.notice import draw_notice
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_authenticator import AuthenticatorStore, Resealed

_READS = 8  # how often a renaming looks again because the row was sealed anew meanwhile
_ENROLLED_RANDOM = ids.AUTHENTICATOR_RANDOM + rules.SEED_SIZE + seal.SEALS
_FULL = f"A subject has at most {rules.MOST_ACTIVE} active authenticators: revoke one first."

_NOT_ACCEPTED: dict[Outcome, type[NotAcceptedError]] = {
    Outcome.MISMATCH: MismatchError,
    Outcome.USED: AlreadyUsedError,
    Outcome.LOCKED: DisabledError,
    Outcome.NONE_ACTIVE: NotEnrolledError,
    Outcome.UNKNOWN: UnknownSubjectError,
    Outcome.EXPIRED: ExpiredError,
    Outcome.EXHAUSTED: ExhaustedError,
}


class NewAuthenticator(msgspec.Struct, frozen=True):
    """What an app asks for. ``issuer`` and ``account`` are what the person's own app shows, ``label`` what we list.

    With ``link`` it is confirmed at the hosted page and collected by the session that asks.
    """

    subject: str
    label: str = ""
    issuer: str | None = None
    account: str | None = None
    algorithm: str = totp.DEFAULT_ALGORITHM
    digits: int = totp.DEFAULT_DIGITS
    period: int = totp.DEFAULT_PERIOD
    link: LinkWanted | None = None


class Shown(msgspec.Struct, frozen=True):
    """An authenticator as its app may see it, without its seed."""

    authenticator: Authenticator
    names: Names
    status: Status


class Enrolled(msgspec.Struct, frozen=True):
    """A pending authenticator, and its key in this one answer. ``ticket`` leads to its page, where there is one."""

    shown: Shown
    key: AuthenticatorKey
    ticket: bytes | None = None

    def __repr__(self) -> str:
        return f"Enrolled({self.shown.authenticator!r})"


class Confirmed(msgspec.Struct, frozen=True):
    """An active authenticator. ``codes`` are the subject's first recovery codes, in this one answer, or none."""

    shown: Shown
    codes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Confirmed({self.shown.authenticator!r})"


class Authenticators:
    """The flow. ``ceiling`` is the profile's: how many failures in a row disable a subject's authenticators.

    ``wake`` tells the courier of notices of this process about news.
    """

    def __init__(
        self,
        store: AuthenticatorStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        ceiling: int,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._wake = wake
        self.ceiling = ceiling
        self.skew = rules.SKEW

    async def enrol(self, app: App, new: NewAuthenticator) -> Enrolled:
        """Make a pending authenticator. It gates and satisfies nothing until a code confirms it, within ten minutes.

        Raises:
            InvalidInputError, RedirectForbiddenError, ConflictError, StoreError.
        """
        now, ring = self._clock.now(), self._keys.ring
        challenge = None if new.link is None else magic_link.read_wanted(new.link, app.redirect_uris)
        row, key, names = pending_row(ring, app, new, now, self._entropy)
        ticket = None
        if challenge is not None:
            row = msgspec.structs.replace(row, challenge=challenge, page_key=ring.current)
            ticket = magic_link.derive_enrolment_ticket(ring, ring.current, app.id, row.id)
        await self._store.add(row)
        self._record("authenticator.enrolled", row)
        return Enrolled(Shown(row, names, Status.PENDING), key, ticket)

    async def confirm(self, app: App, raw: bytes, typed: str) -> Confirmed:
        """Bind a pending authenticator by a code it shows. The subject's first one brings its recovery codes.

        Raises:
            InvalidInputError: the input cannot be a code; nothing was counted.
            UnknownError: no such authenticator in this app.
            NotAcceptedError: wrong, too late or too often.
            EndedError: it is active already.
            AlreadyBoundError, ConflictError: the subject has this seed, or as many as it may have.
            TamperedError, StoreError, KeyringError.
        """
        digits = passcode.read_digits(typed)
        now = self._clock.now()
        row = await self._store.find(app.id, raw)
        key = self._opened(row)
        found = seal.match(key, row, digits, now, self.skew)
        codes, hashes = draw_codes(self._entropy, app, row.subject)
        notice = draw_notice(self._entropy, now)
        (outcome, bound), coded = await self._store.confirm(
            app.id, raw, match=found, codes=hashes, notice=notice, now=now
        )
        if outcome is not Outcome.APPROVED:
            self._record("authenticator.refused", bound, reason=outcome.value)
            raise not_bound(outcome, bound)
        self._record("authenticator.confirmed", bound, codes=coded)
        self._wake()
        return Confirmed(self._show(bound, now), codes if coded else ())

    async def check(self, app: App, subject: str, typed: str, *, known_device: bool = False) -> Shown:
        """Check a code against all active authenticators of a subject. Returns only where this call alone accepted it.

        Raises:
            InvalidInputError: the input cannot be a code; nothing was counted.
            NotAcceptedError: one of its children says why; for the app's backend only.
            RateLimitedError: nothing was looked at and nothing counted.
            TamperedError: a seed does not open; nothing was accepted.
            StoreError, KeyringError, OverloadedError: nothing was looked at.
        """
        digits = passcode.read_digits(typed)
        who = seal.subject_key(self._keys.ring, app, subject)
        now = self._clock.now()
        judged = await self._judged(who, digits, int(known_device), now)
        if judged.outcome is Outcome.APPROVED:
            accepted = judged.changed[0]
            self._record("authenticator.approved", accepted)
            return self._show(accepted, now)
        self._audit.record("authenticator.refused", app=ids.app_text(app.id), reason=judged.outcome.value)
        if judged.outcome is Outcome.LIMITED:
            raise RateLimitedError(retry_after=seconds_until(now + judged.wait, now))
        raise _NOT_ACCEPTED[judged.outcome]

    async def get(self, app: App, raw: bytes) -> Shown:
        """Show one, without its seed.

        Raises:
            UnknownError, TamperedError, StoreError.
        """
        return self._show(await self._store.find(app.id, raw), self._clock.now())

    async def of_subject(self, app: App, subject: str) -> Sequence[Shown]:
        """Show all of a subject, oldest first. A subject that nobody enrolled has none.

        Raises:
            InvalidInputError, TamperedError, StoreError.
        """
        rows = await self._store.of_subject(seal.subject_key(self._keys.ring, app, subject))
        now = self._clock.now()
        return [self._show(row, now) for row in rows]

    async def rename(self, app: App, raw: bytes, label: str) -> Shown:
        """Give one another label.

        Raises:
            InvalidInputError, UnknownError, TamperedError, StoreError.
        """
        read = seal.read_label(label)
        for _ in range(_READS):
            row = await self._store.find(app.id, raw)
            key, names = self._opened(row), self._names(row)._replace(label=read)
            new = seal.sealed(self._keys.ring, row, key, names, self._entropy.draw(seal.SEALS))
            if await self._store.rename(app.id, Resealed(raw, row.seed, new)):
                self._record("authenticator.renamed", new)
                return Shown(new, names, new.status_at(self._clock.now()))
        raise OverloadedError

    async def revoke(self, app: App, raw: bytes) -> Shown:
        """Remove one for good, with its seed. The subject's others, and its recovery codes, stay.

        Raises:
            UnknownError, StoreError.
        """
        now = self._clock.now()
        row = await self._store.revoke(app.id, raw, notice=draw_notice(self._entropy, now), now=now)
        self._record("authenticator.revoked", row)
        self._wake()
        try:
            names = self._names(row)
        except (TamperedError, KeyringError):
            names = Names("", "")  # what cannot be opened can be removed all the same
        return Shown(row, names, Status.REVOKED)

    async def _judged(self, who: bytes, digits: str, lane: int, now: Instant) -> Judged:
        limits, notice = rules.limits_of(self.ceiling), draw_notice(self._entropy, now)
        while True:
            typed = Typed(self._keys.ring, digits, now, self.skew)
            judged = await self._store.check(
                who, compare=typed.against, lane=lane, limits=limits, notice=notice, now=now
            )
            if typed.shut is None:
                return judged
            # Raises, unless the key file has the row's key by now: each turn but the last brought a key.
            self._opened(typed.shut)

    def _opened(self, row: Authenticator) -> AuthenticatorKey:
        try:
            return self._keys.with_ring(lambda ring: seal.open_key(ring, row))
        except TamperedError:
            self._record("authenticator.tampered", row)
            raise

    def _names(self, row: Authenticator) -> Names:
        try:
            return self._keys.with_ring(lambda ring: seal.open_names(ring, row))
        except TamperedError:
            self._record("authenticator.tampered", row)
            raise

    def _show(self, row: Authenticator, now: Instant) -> Shown:
        return Shown(row, self._names(row), row.status_at(now))

    def _record(self, event: str, row: Authenticator, **facts: object) -> None:
        name = ids.to_text(ids.AUTHENTICATOR, row.id)
        self._audit.record(event, authenticator=name, app=ids.app_text(row.app), **facts)


def pending_row(
    ring: Keyring, app: App, new: NewAuthenticator, now: Instant, entropy: Entropy
) -> tuple[Authenticator, AuthenticatorKey, Names]:
    """The row of a new authenticator with a seed drawn for it. Nothing is kept yet.

    Raises:
        InvalidInputError: the app asked for what cannot be.
    """
    _check_kind(new)
    subject = seal.subject_key(ring, app, new.subject)
    random = entropy.draw(_ENROLLED_RANDOM)
    raw, random = ids.authenticator_id(now, random[: ids.AUTHENTICATOR_RANDOM]), random[ids.AUTHENTICATOR_RANDOM :]
    secret, nonces = random[: rules.SEED_SIZE], random[rules.SEED_SIZE :]
    issuer = seal.read_label(app.name if new.issuer is None else new.issuer, "issuer")
    account = seal.read_label(new.subject[: seal.MOST_LABEL] if new.account is None else new.account, "account")
    key = AuthenticatorKey(secret, issuer, account, new.algorithm, new.digits, new.period)
    back = () if new.link is None else (new.link.redirect_uri, new.link.state or "")
    names = Names(new.subject, seal.read_label(new.label), *back)
    row = Authenticator(
        id=raw,
        app=app.id,
        subject=subject,
        seed=b"",
        names=b"",
        fingerprint=seal.fingerprint(ring, subject, secret),
        key_number=0,
        origin=Origin.ENROLLED.value,
        created_at=now,
        expires_at=now + rules.PENDING_TIME,
    )
    return seal.sealed(ring, row, key, names, nonces), key, names


def draw_codes(entropy: Entropy, app: App, subject: bytes) -> tuple[tuple[str, ...], list[bytes]]:
    """A set of recovery codes, and their hashes."""
    codes = tuple(recovery.write(entropy.draw(recovery.CODE_BYTES)) for _ in range(recovery.CODES))
    return codes, [recovery.digest(app.id, subject, recovery.read(code)) for code in codes]


def _check_kind(new: NewAuthenticator) -> None:
    if new.algorithm not in totp.ALGORITHMS:
        raise InvalidInputError(f"Known algorithms are {', '.join(totp.ALGORITHMS)}.", field="algorithm")
    if not totp.MIN_DIGITS <= new.digits <= totp.MAX_DIGITS:
        raise InvalidInputError(f"A code has {totp.MIN_DIGITS} to {totp.MAX_DIGITS} digits.", field="digits")
    if not totp.MIN_PERIOD <= new.period <= rules.LONGEST_PERIOD:
        ends = f"{totp.MIN_PERIOD} to {rules.LONGEST_PERIOD} seconds"
        raise InvalidInputError(f"A period is {ends}.", field="period")


def not_bound(outcome: Outcome, row: Authenticator) -> Exception:
    """Why a code did not make it active."""
    if outcome is Outcome.DONE:
        return EndedError("This authenticator is active already.", status=Status.ACTIVE.value)
    if outcome is Outcome.BOUND:
        return AlreadyBoundError()
    if outcome is Outcome.FULL:
        return ConflictError(_FULL)
    return _NOT_ACCEPTED[outcome](attempts_remaining=row.tries_left)
