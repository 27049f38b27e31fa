"""Hosted enrolment pages: the seed for whoever has the ticket, a code typed there, and the exchange that binds.

Not handled here: beginning an enrolment (``flows/authenticator.py``), state rules (``core/authenticator.py``),
atomicity (the store).

Rules:

* a proof is compared before anything is looked at, and a wrong one is an unknown id: one answer, counted nowhere;
* the seed is shown while it is pending and not confirmed, and afterwards to nobody;
* what the page does comes to ``confirmed`` at most: the app makes it active, with the verifier of the session that
  asked and for the subject it means, so that a page's address that was stolen binds nobody's app (docs/adr/0026).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from watchword.core import ids, magic_link, passcode, pkce
from watchword.core.app import App
from watchword.core.authenticator import SKEW, Authenticator, Outcome, Status
from watchword.core.handoff import LIFETIME, Kind, read_handoff, write_handoff
from watchword.core.instant import Instant
from watchword.core.keyring import NONCE_SIZE, Keyring
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import AlreadyUsedError, KeyringError, MismatchError, NotConfirmedError, UnknownError
from watchword.flows import authenticator_seal as seal
from watchword.flows.authenticator import Shown, draw_codes, not_bound
from watchword.flows.keys import Keys
from watchword.flows.notice import draw_notice
from watchword.flows.source_limit import SourceLimit
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_authenticator import AuthenticatorStore

_EXCHANGED = "The exchange was not accepted."


class Seen(msgspec.Struct, frozen=True):
    """What the page shows. ``key`` is there while it is pending, ``redirect_to`` once it is confirmed."""

    app: str
    status: Status
    expires_at: Instant
    key: AuthenticatorKey | None = None
    redirect_to: str = ""

    def __repr__(self) -> str:
        return f"Seen(status={self.status!r})"


class Proven(msgspec.Struct, frozen=True):
    """Where the browser may go on, and the subject's first recovery codes, in this one answer, or none."""

    redirect_to: str
    codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "Proven()"


class Enrolments:
    """The flow. ``limit`` counts what one source asks of the public routes, all of them together."""

    def __init__(
        self,
        store: AuthenticatorStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        limit: SourceLimit,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._wake = wake
        self.limit = limit
        self.skew = SKEW

    async def look(self, raw: bytes, proof: bytes, source: str) -> Seen:
        """What the page shows. Changes nothing.

        Raises:
            UnknownError: no enrolment with a page of that id and proof.
            RateLimitedError, TamperedError, StoreError, KeyringError.
        """
        row, app = await self._by_ticket(raw, proof, source)
        status, expires_at = row.status_at(self._clock.now()), row.expires_at or 0
        if status is Status.PENDING:
            return Seen(app.name, status, expires_at, key=self._opened(row))
        to = self._hand_off(row, app) if status is Status.CONFIRMED else ""
        return Seen(app.name, status, expires_at, redirect_to=to)

    async def confirm(self, raw: bytes, proof: bytes, typed: str, source: str) -> Proven:
        """A code that was typed at the page. The authenticator still gates and satisfies nothing.

        Raises:
            InvalidInputError: the input cannot be a code; nothing was counted.
            UnknownError: no enrolment with a page of that id and proof.
            NotAcceptedError: wrong, too late or too often, or confirmed before (``used``).
            AlreadyBoundError, ConflictError: the subject has this seed, or as many as it may have.
            RateLimitedError, TamperedError, StoreError, KeyringError.
        """
        digits = passcode.read_digits(typed)
        row, app = await self._by_ticket(raw, proof, source)
        now = self._clock.now()
        found = seal.match(self._opened(row), row, digits, now, self.skew)
        codes, hashes = draw_codes(self._entropy, app, row.subject)
        (outcome, proven), coded = await self._store.prove(app.id, raw, match=found, codes=hashes, now=now)
        if outcome is not Outcome.CONFIRMED:
            self._record("authenticator.refused", proven, reason=outcome.value)
            raise not_bound(outcome, proven)
        self._record("authenticator.proven", proven, codes=coded)
        return Proven(self._hand_off(proven, app), codes if coded else ())

    async def exchange(self, app: App, code: str, verifier: str, subject: str) -> Shown:
        """Make active what its page confirmed. Returns only where this call alone did.

        Raises:
            InvalidInputError: no verifier, or no subject.
            UnknownError: it was removed meanwhile.
            NotAcceptedError: one of its children says why; nothing changed.
            AlreadyBoundError, ConflictError: the subject has this seed, or as many as it may have.
            TamperedError, StoreError, KeyringError.
        """
        challenge, now = pkce.challenge_of(verifier), self._clock.now()
        who = seal.subject_key(self._keys.ring, app, subject)
        raw = self._read_handoff(app, code, now)
        # Opened first: what has become active cannot be shown in a second answer.
        named = await self._store.find(app.id, raw)
        names = self._keys.with_ring(lambda ring: seal.open_names(ring, named))
        (outcome, row), coded = await self._store.collect(
            app.id, raw, subject=who, challenge=challenge, notice=draw_notice(self._entropy, now), now=now
        )
        if outcome is not Outcome.APPROVED:
            self._record("authenticator.refused", row, reason=outcome.value)
            raise _not_exchanged(outcome, row)
        self._record("authenticator.confirmed", row, codes=coded)
        self._wake()
        return Shown(row, names, Status.ACTIVE)

    async def _by_ticket(self, raw: bytes, proof: bytes, source: str) -> tuple[Authenticator, App]:
        self.limit.charge(source)
        row, app = await self._store.look(raw)
        number = row.page_key
        if number is None:
            raise UnknownError
        ticket = self._keys.with_ring(lambda ring: magic_link.derive_enrolment_ticket(ring, number, app.id, row.id))
        if not magic_link.is_proof(magic_link.page_proof(ticket), proof):
            raise UnknownError
        return row, app

    def _read_handoff(self, app: App, code: str, now: Instant) -> bytes:
        try:
            return self._keys.with_ring(lambda ring: read_handoff(ring, app.id, Kind.ENROLMENT, code, now=now))
        except KeyringError:
            raise MismatchError(_EXCHANGED) from None  # nobody sealed it who has our keys: a made-up number

    def _hand_off(self, row: Authenticator, app: App) -> str:
        expires_at, nonce = self._clock.now() + LIFETIME, self._entropy.draw(NONCE_SIZE)

        def sealed(ring: Keyring) -> str:
            names = seal.open_names(ring, row)
            magic_link.demand_registered(names.redirect_uri, app.redirect_uris)
            code = write_handoff(ring, row.app, Kind.ENROLMENT, row.id, expires_at=expires_at, nonce=nonce)
            return magic_link.redirect_to(names.redirect_uri, code, names.state)

        return self._keys.with_ring(sealed)

    def _opened(self, row: Authenticator) -> AuthenticatorKey:
        return self._keys.with_ring(lambda ring: seal.open_key(ring, row))

    def _record(self, event: str, row: Authenticator, **facts: object) -> None:
        name = ids.to_text(ids.AUTHENTICATOR, row.id)
        self._audit.record(event, authenticator=name, app=ids.app_text(row.app), **facts)


def _not_exchanged(outcome: Outcome, row: Authenticator) -> Exception:
    if outcome is Outcome.PENDING:
        return NotConfirmedError()
    if outcome is Outcome.USED:
        return AlreadyUsedError(_EXCHANGED)
    return MismatchError(_EXCHANGED) if outcome is Outcome.MISMATCH else not_bound(outcome, row)
