"""Magic links, hosted code pages, and the exchange that ends both.

Not handled here: making verifications (``flows/verification.py``), what a mail looks like (``adapters/letter.py``),
state rules (``core/verification.py``), atomicity (the store).

Rules:

* a proof is compared before anything is looked at, and a wrong one is an unknown id: one answer, counted nowhere;
* ``open`` answers everybody in one shape, and only the link tells a context from nothing;
* what a page does comes to ``confirmed`` at most; a hand-off is a promise of nothing without the verifier;
* what a page is told of limits names no bucket: it is 30 seconds, or 300.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from watchword.core import magic_link, particulars, passcode, pkce, recipient, work
from watchword.core.action import Action
from watchword.core.app import App
from watchword.core.envelope import IV_SIZE
from watchword.core.handoff import LIFETIME, Kind, read_handoff, write_handoff
from watchword.core.instant import SECOND, Instant, rfc3339
from watchword.core.keyring import NONCE_SIZE, Keyring
from watchword.core.known_device import is_known, remember
from watchword.core.particulars import Particulars
from watchword.core.verification import CODE, LINK, NOT_ELSEWHERE, Outcome, Status, Verification, over
from watchword.core.words import is_sign
from watchword.core.work import WorkDone, WorkSet
from watchword.errors import (
    ChallengeError,
    ChannelClosedError,
    ForbiddenError,
    InvalidInputError,
    KeyringError,
    MismatchError,
    RateLimitedError,
    UnknownError,
)
from watchword.flows.keys import Keys
from watchword.flows.source_limit import SourceLimit
from watchword.flows.verification import NOT_ACCEPTED, Shown, Verifications
from watchword.ports import Audit, Clock, Entropy, VerificationStore
from watchword.ports_limit import Work

SHORT_WAIT, LONG_WAIT = 30, 300  # seconds: all that a public route tells of any limit

_EXCHANGED = "The exchange was not accepted."
_LINKED = "This link is over."
_TYPED = "The word was not accepted."
_encode = msgspec.json.Encoder().encode


class Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the landing page shows to whoever has the link."""

    status: str
    app: str
    purpose: str
    to: str
    countersign: str
    requested_at: str
    expires_at: str
    other_device: bool
    code: bool
    words_remaining: int
    device: str | None = None
    action: str | None = None


class PageSeen(msgspec.Struct, frozen=True):
    """What the hosted page shows to whoever has the ticket; and where it goes on, once it is confirmed."""

    shown: Shown
    app: str
    action: str
    redirect_to: str = ""

    def __repr__(self) -> str:
        return f"PageSeen(status={self.shown.status})"


class CodeRight(NamedTuple):
    """Where the browser goes, with a hand-off code, and by what it is known again."""

    redirect_to: str
    device: str


class MagicLinks:
    """The flow. ``limit`` counts what one source asks of the public routes."""

    def __init__(
        self,
        store: VerificationStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        verifications: Verifications,
        work: Work,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._verifications = verifications
        self._work = work
        self.limit = SourceLimit(clock, verifications.rules.limits.public_requests)

    async def open(self, verification: bytes | None, source: str) -> str:
        """The sealed context of a link, or for an id that has none something that nobody can open.

        Raises:
            RateLimitedError, StoreError, KeyringError.
        """
        self.limit.charge(source)
        random = self._entropy.draw(IV_SIZE + magic_link.TOKEN_SIZE)
        iv, token = random[:IV_SIZE], random[IV_SIZE:]
        context = b"{}"
        found = None if verification is None else await self._found(verification)
        if found is not None and found[0].methods & LINK:
            row, app = found
            token = self._keys.with_ring(lambda ring: magic_link.derive_token(ring, app.id, row.id))
            context = _encode(self._context(row, app))
        return magic_link.seal_context(token, context, iv=iv)

    async def proceed(self, verification: bytes, proof: bytes, source: str) -> str:
        """*Continue here*: where the browser goes, with a hand-off code. Spends nothing, however often.

        Raises:
            UnknownError: no verification with a link of that id and proof.
            NotAcceptedError: it is over; one of its children says how.
            RateLimitedError, StoreError, KeyringError.
        """
        row, app = await self._by_link(verification, proof, source)
        ended = over(row, self._clock.now())
        if ended is not None:
            raise NOT_ACCEPTED[ended](_LINKED)
        self._verifications.record("verification.continued", row)
        return self._hand_off(row, app)

    async def confirm(self, verification: bytes, proof: bytes, word: str, source: str) -> None:
        """*I asked on another device*: the first word, which only the device that asked shows.

        Raises:
            UnknownError: no verification with a link of that id and proof.
            InvalidInputError: this is no word of ours; nothing was counted.
            ForbiddenError: not for this purpose.
            NotAcceptedError: another word, or it is over; ``exhausted`` after three wrong ones.
            RateLimitedError, StoreError, KeyringError.
        """
        row, app = await self._by_link(verification, proof, source)
        if row.purpose in NOT_ELSEWHERE:
            raise ForbiddenError("This can only be continued on the device that asked, or with the code.")
        if not is_sign(word):
            raise InvalidInputError("This is not one of our words: type the first word that you see.", field="word")
        sign, _ = self._keys.with_ring(lambda ring: passcode.derive_watchword(ring, app.id, row.id))
        matches = passcode.matches(sign, word.strip().casefold())
        outcome, judged = await self._store.confirm_word(app.id, row.id, matches=matches, now=self._clock.now())
        if outcome is not Outcome.CONFIRMED:
            self._verifications.record("verification.refused", judged, reason=outcome.value)
            raise NOT_ACCEPTED[outcome](_TYPED, attempts_remaining=judged.words_remaining)
        self._verifications.record("verification.confirmed", judged, by="word")

    async def look(self, verification: bytes, proof: bytes, source: str) -> PageSeen:
        """What the hosted page shows, and once it is confirmed, elsewhere say, a hand-off, as after a right code.

        Raises:
            UnknownError: no verification with a hosted page of that id and proof.
            RateLimitedError, StoreError, KeyringError.
        """
        row, app = await self._by_ticket(verification, proof, source)
        seen = self._seen(self._verifications.show(row, self._clock.now()), app)
        if seen.shown.status is not Status.CONFIRMED:
            return seen
        return msgspec.structs.replace(seen, redirect_to=self._hand_off(row, app))

    async def check(
        self, verification: bytes, proof: bytes, typed: str, source: str, device: str | None = None
    ) -> CodeRight:
        """A code that was typed at the hosted page. ``device`` is what its browser was given after an earlier one.

        Raises:
            InvalidInputError: the input cannot be a code; nothing was counted.
            UnknownError: no verification with a hosted page of that id and proof.
            NotAcceptedError: one of its children says why.
            RateLimitedError, StoreError, KeyringError: nothing was evaluated.
        """
        digits = passcode.read_digits(typed)
        row, app = await self._by_ticket(verification, proof, source)
        row = await self._recognised(row, device)
        judgement = await self._store.confirm_code(
            app.id,
            row.id,
            digits=len(digits),
            matches=self._keys.with_ring(lambda ring: passcode.is_code(ring, app.id, row.id, digits)),
            guesses=self._verifications.rules.guesses,
            now=self._clock.now(),
        )
        outcome, judged = judgement.outcome, judgement.verification
        if outcome is Outcome.CONFIRMED:
            if row.status is not Status.CONFIRMED:
                self._verifications.record("verification.confirmed", judged, by="code")
            ring, now = self._keys.ring, self._clock.now()
            return CodeRight(self._hand_off(judged, app), remember(ring, device or "", app.id, row.recipient, now))
        self._verifications.record("verification.refused", judged, reason=outcome.value)
        if outcome in {Outcome.CLOSED, Outcome.LIMITED}:
            raise _later(judgement.retry_after // SECOND if outcome is Outcome.LIMITED else LONG_WAIT)
        raise NOT_ACCEPTED[outcome](attempts_remaining=judged.attempts_remaining)

    async def challenge(self, verification: bytes, proof: bytes, source: str) -> WorkSet:
        """A piece of work for the next send, whether the guard would ask for one or not: this tells nothing of it.

        Raises:
            UnknownError: no verification with a hosted page of that id and proof.
            RateLimitedError, StoreError, KeyringError.
        """
        row, app = await self._by_ticket(verification, proof, source)
        sms, until = self._verifications.rules.sms, self._clock.now() + work.LIFETIME
        cost = (sms and sms.challenge) or work.COST
        return self._work.give(self._work_key(row, app), cost=cost, until=until)

    async def resend(
        self,
        verification: bytes,
        proof: bytes,
        source: str,
        done: WorkDone | None = None,
        device: str | None = None,
    ) -> PageSeen:
        """Send the message again, or what was held for the first time, as the hosted page asks.

        Raises:
            ChallengeError: work must be done before, or this is not the work that was given for this send.
            UnknownError: no verification with a hosted page of that id and proof.
            EndedError, SendsSpentError, RateLimitedError, StoreError, KeyringError.
        """
        row, app = await self._by_ticket(verification, proof, source)
        row = await self._recognised(row, device)
        try:
            worked = None if done is None else self._worked(row, app, done)
            shown = await self._verifications.resend(app, row.id, source=source, worked=worked)
        except RateLimitedError as error:
            raise _later(error.retry_after) from None
        except ChannelClosedError:
            raise _later(LONG_WAIT) from None
        return self._seen(shown, app)

    async def exchange(
        self,
        app: App,
        verification: bytes | None,
        code: str | None,
        verifier: str,
        *,
        purpose: str | None = None,
        to: str | None = None,
        action: Action | None = None,
    ) -> Shown:
        """Collect what was confirmed, or what a hand-off code is of. Returns only where this call alone approved it.

        Raises:
            InvalidInputError: not exactly one of id and hand-off code, or no verifier.
            UnknownError: no such verification in this app.
            NotAcceptedError: one of its children says why; nothing was spent.
            ChannelClosedError, StoreError, KeyringError: nothing was spent.
        """
        challenge = pkce.challenge_of(verifier)
        if (verification is None) == (code is None):
            raise InvalidInputError("Give the hand-off code, or the id of what was confirmed.", field="code")
        now, address = self._clock.now(), None if to is None else recipient.read(to)
        raw = verification if verification is not None else self._read_handoff(app, code or "", now)
        await self._keys.hold(raw, lambda: self._store.find(app.id, raw))
        judgement = await self._store.exchange(
            app.id,
            raw,
            challenge=challenge,
            expected=self._verifications.expect(app, raw, purpose, address, action),
            handed_over=code is not None,
            guesses=self._verifications.rules.guesses,
            now=now,
        )
        outcome, judged = judgement.outcome, judgement.verification
        if outcome is Outcome.APPROVED:
            self._verifications.record("verification.approved", judged)
            return self._verifications.show(judged, now, address=address)
        replayed = outcome is Outcome.USED
        event = "verification.exchange_replayed" if replayed else "verification.refused"
        self._verifications.record(event, judged, **({} if replayed else {"reason": outcome.value}))
        if outcome is Outcome.CLOSED:
            raise ChannelClosedError
        raise NOT_ACCEPTED[outcome](_EXCHANGED if outcome is not Outcome.PENDING else "")

    def _read_handoff(self, app: App, code: str, now: Instant) -> bytes:
        try:
            return self._keys.with_ring(lambda ring: read_handoff(ring, app.id, Kind.VERIFICATION, code, now=now))
        except KeyringError:
            raise MismatchError(_EXCHANGED) from None  # nobody sealed it who has our keys: a made-up number

    async def _found(self, verification: bytes) -> tuple[Verification, App] | None:
        try:
            return await self._store.look(verification)
        except UnknownError:
            return None

    async def _by_link(self, verification: bytes, proof: bytes, source: str) -> tuple[Verification, App]:
        self.limit.charge(source)
        row, app = await self._store.look(verification)
        token = self._keys.with_ring(lambda ring: magic_link.derive_token(ring, app.id, row.id))
        if not magic_link.is_proof(magic_link.link_proof(token), proof) or not row.methods & LINK:
            raise UnknownError
        return row, app

    async def _by_ticket(self, verification: bytes, proof: bytes, source: str) -> tuple[Verification, App]:
        self.limit.charge(source)
        row, app = await self._store.look(verification)
        ticket = self._keys.with_ring(lambda ring: magic_link.derive_ticket(ring, app.id, row.id))
        if not magic_link.is_proof(magic_link.page_proof(ticket), proof) or not row.has_page:
            raise UnknownError
        return row, app

    async def _recognised(self, row: Verification, device: str | None) -> Verification:
        """The row, in the lane of known devices where its browser is one: there it counts apart from all others."""
        now = self._clock.now()
        if row.lane or not device or not is_known(self._keys.ring, device, row.app, row.recipient, now):
            return row
        self._verifications.record("verification.recognised", row)
        return await self._store.recognise(row.app, row.id)

    def _worked(self, row: Verification, app: App, done: WorkDone) -> int:
        if work.is_late(done, self._clock.now()) or not self._work.is_done(self._work_key(row, app), done):
            self._verifications.record("verification.work_refused", row)
            raise ChallengeError
        return row.sends

    def _work_key(self, row: Verification, app: App) -> bytes:
        return self._keys.with_ring(lambda ring: work.key_of(ring, app.id, row.id, row.sends))

    def _hand_off(self, row: Verification, app: App) -> str:
        expires_at, nonce = self._clock.now() + LIFETIME, self._entropy.draw(NONCE_SIZE)

        def sealed(ring: Keyring) -> str:
            kept = _kept(ring, row)
            magic_link.demand_registered(kept.redirect_uri, app.redirect_uris)
            code = write_handoff(ring, app.id, Kind.VERIFICATION, row.id, expires_at=expires_at, nonce=nonce)
            return magic_link.redirect_to(kept.redirect_uri, code, kept.state)

        return self._keys.with_ring(sealed)

    def _context(self, row: Verification, app: App) -> Context:
        status = row.status_at(self._clock.now())

        def told(ring: Keyring) -> Context:
            address, kept = particulars.read(ring.open(row.sealed, bound_to=row.app + row.id))
            here_only = row.purpose in NOT_ELSEWHERE or row.words_remaining <= 0
            return Context(
                status=status.value,
                app=app.name,
                purpose=row.purpose,
                to=recipient.mask(address),
                countersign=passcode.derive_watchword(ring, row.app, row.id)[1],
                requested_at=rfc3339(row.created_at),
                expires_at=rfc3339(row.expires_at),
                other_device=status is Status.PENDING and not here_only,
                code=bool(row.methods & CODE),
                words_remaining=row.words_remaining,
                device=kept.device or None,
                action=kept.action or None,
            )

        return self._keys.with_ring(told)

    def _seen(self, shown: Shown, app: App) -> PageSeen:
        action = self._keys.with_ring(lambda ring: _kept(ring, shown.verification)).action
        return PageSeen(shown, app.name, action)


def _kept(ring: Keyring, row: Verification) -> Particulars:
    return particulars.read(ring.open(row.sealed, bound_to=row.app + row.id))[1]


def _later(seconds: int) -> RateLimitedError:
    return RateLimitedError(retry_after=SHORT_WAIT if seconds <= SHORT_WAIT else LONG_WAIT)
