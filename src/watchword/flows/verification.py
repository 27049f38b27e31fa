"""Verifications: create, check, resend, cancel, get.

Not handled here: who the app is (``web/guards.py``), delivering (``flows/courier.py``), state rules
(``core/verification.py``), atomicity (the store).

Rules, in the order they are kept:

* input is read and refused before anything is charged;
* limits are charged in the same atomic step that writes, so a refusal costs nothing and a crash loses nothing;
* a decoy takes the same path as everything else, to the same row, so that neither answer nor timing tells;
* a check computes its comparison first, because the code follows from the id; the store then decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec import structs

from watchword.core import ids, magic_link, particulars, passcode, policy, recipient
from watchword.core.action import Action, digest, say
from watchword.core.app import App
from watchword.core.delivery import Delivery
from watchword.core.device import describe
from watchword.core.guard import write_traits
from watchword.core.instant import Instant
from watchword.core.keyring import NONCE_SIZE, Keyring
from watchword.core.limit import Allowance
from watchword.core.magic_link import LinkWanted
from watchword.core.source import network_of
from watchword.core.verification import Expected, Outcome, Status, Verification, resend_at, without_leap
from watchword.errors import (
    AlreadyUsedError,
    CanceledError,
    ChannelClosedError,
    ExhaustedError,
    ExpiredError,
    InvalidInputError,
    KeyringError,
    MismatchError,
    NotAcceptedError,
    NotConfirmedError,
    UndeliverableError,
)
from watchword.flows import guard
from watchword.flows.idempotency import read_idempotency
from watchword.flows.keys import Keys
from watchword.flows.notice_seal import named
from watchword.ports import Audit, Clock, Entropy, Idempotency, VerificationStore

DEFAULT_LOCALE = "en"

_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")

NOT_ACCEPTED: dict[Outcome, type[NotAcceptedError]] = {
    Outcome.MISMATCH: MismatchError,
    Outcome.EXPIRED: ExpiredError,
    Outcome.EXHAUSTED: ExhaustedError,
    Outcome.USED: AlreadyUsedError,
    Outcome.PENDING: NotConfirmedError,
    Outcome.CANCELED: CanceledError,
    Outcome.FAILED: UndeliverableError,
}


class Request(msgspec.Struct, frozen=True):
    """What an app asks for. ``to`` is as typed; spans are seconds, as on the wire.

    ``source`` is the address of the person's device, as the app passes it; ``known_device`` that this device
    proved itself before. ``subject`` is the app's own name for the person, to whom the address is tied once it is
    approved. ``fingerprint`` is the request's own bytes, compared under an idempotency key.
    ``link`` is the session that asked, where it collects by exchange; ``action`` what a step-up approves.
    """

    channel: str
    to: str
    purpose: str
    methods: Sequence[str] | None = None
    locale: str | None = None
    expires_in: int | None = None
    digits: int | None = None
    source: str | None = None
    user_agent: str | None = None
    known_device: bool = False
    link: LinkWanted | None = None
    action: Action | None = None
    decoy: bool = False
    notice_acknowledged: str | None = None
    subject: str | None = None
    idempotency_key: str | None = None
    fingerprint: bytes = b""

    def __repr__(self) -> str:
        return f"Request(channel={self.channel!r}, purpose={self.purpose!r})"


class Shown(msgspec.Struct):
    """A verification as its app may see it: masked address, watchword, status at ``now``.

    ``ticket`` opens its hosted page, and is known to the answer that made it alone; ``left`` is what the limits that
    were charged take still.
    """

    verification: Verification
    to: str
    watchword: str
    status: Status
    deliveries: Sequence[Delivery] = ()
    replayed: bool = False
    ticket: bytes | None = None
    left: Allowance | None = None


class Verifications:
    """The flow. ``rules`` may be replaced while running; ``wake`` tells the courier of this process about news."""

    def __init__(
        self,
        store: VerificationStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        rules: policy.Rules,
        wake: Callable[[], None] = lambda: None,
        sms: guard.SmsGuard | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._wake = wake
        self._sms = sms if sms is not None else guard.SmsGuard(audit)
        self.rules = rules

    async def create(self, app: App, request: Request) -> Shown:
        """Make a verification and queue its message; with a known idempotency key, show the one that is there.

        Raises:
            InvalidInputError, ChannelForbiddenError, CountryForbiddenError, NoticeError, ChannelClosedError,
            RedirectForbiddenError, RateLimitedError, BlockedError, IdempotencyReusedError, StoreError. None of them
            has sent, charged or counted anything.
        """
        now = self._clock.now()
        ring = self._keys.ring
        self._demand_rule(request)
        number, traits, notice = None, None, ""
        if request.channel == "sms":
            number, notice = await self._sms.admit(self.rules, request.to, request.purpose, request.notice_acknowledged)
        address = recipient.read_email(request.to) if number is None else number.e164
        idempotency = read_idempotency(ring, app, request.idempotency_key, request.fingerprint)
        new = self._draw(ring, app, request, address, idempotency, now)
        if number is not None:
            traits = guard.traits_of(ring, number, new.recipient)
            new = structs.replace(new, notice=notice, traits=write_traits(traits))
        source = None if request.source is None else network_of(request.source)
        # While nobody waits for it: afterwards it only has to be sent.
        shown = self.show(new, now, address=address, made=True)
        plan = guard.plan_of(self.rules, ring, new, source, traits, page=True, holds=True)
        adding = self._store.add(
            new,
            charges=guard.charges_of(self.rules, ring, new, source),
            guesses=self.rules.guesses,
            idempotency=idempotency,
            now=now,
            plan=plan,
        )
        added = await self._sms.watch(self.rules, new, plan, adding)
        verification, replayed = added.verification, added.replayed
        self._record("verification.replayed" if replayed else "verification.created", verification)
        self._wake()
        if replayed or verification.is_held:
            return self.show(verification, now, replayed=replayed, made=True)
        shown.left = guard.sends_left(self.rules, verification, added.left)
        return shown

    async def check(
        self,
        app: App,
        verification: bytes,
        typed: str,
        *,
        purpose: str | None = None,
        to: str | None = None,
        action: Action | None = None,
    ) -> Shown:
        """Check a code. Returns only where it was accepted, and then this call alone accepted it.

        Raises:
            InvalidInputError: the input cannot be a code; nothing was counted.
            UnknownError: no such verification in this app.
            NotAcceptedError: one of its children says why; for the app's backend only.
            ChannelClosedError, RateLimitedError: nothing was evaluated and nothing counted.
            StoreError, KeyringError: nothing was evaluated.
        """
        digits = passcode.read_digits(typed)
        address = None if to is None else recipient.read(to)
        expected = self.expect(app, verification, purpose, address, action)
        now = self._clock.now()
        try:
            matches = self._keys.with_ring(lambda ring: passcode.is_code(ring, app.id, verification, digits))
        except KeyringError:
            await self._store.find(app.id, verification)  # an id that nobody made is unknown, not a missing key
            raise
        judgement = await self._store.attempt(
            app.id,
            verification,
            digits=len(digits),
            matches=matches,
            expected=expected,
            guesses=self.rules.guesses,
            now=now,
        )
        outcome, judged = judgement.outcome, judgement.verification
        if outcome is Outcome.APPROVED:
            self._record("verification.approved", judged)
            left = guard.guesses_left(self.rules, judgement.guesses, now)
            return self.show(judged, now, address=address, left=left)
        self._record("verification.refused", judged, reason=outcome.value)
        if outcome is Outcome.CLOSED:
            raise ChannelClosedError
        if outcome is Outcome.LIMITED:
            raise guard.too_many_guesses(self.rules, judgement.retry_after)
        raise NOT_ACCEPTED[outcome](attempts_remaining=judged.attempts_remaining)

    def expect(
        self, app: App, verification: bytes, purpose: str | None, address: str | None, action: Action | None
    ) -> Expected:
        """What an app believes it is checking, as it is compared. ``address`` is read already.

        Raises:
            InvalidInputError: there is no such purpose.
        """
        if purpose is not None and purpose not in policy.PURPOSES:
            raise InvalidInputError(f"Known purposes are {', '.join(policy.PURPOSES)}.", field="purpose")
        return Expected(
            purpose,
            None if address is None else recipient.identify(self._keys.ring, recipient.channel_of(address), address),
            None if action is None else digest(self._keys.ring, app.id, verification, action),
        )

    async def resend(
        self, app: App, verification: bytes, *, source: str | None = None, worked: int | None = None
    ) -> Shown:
        """Send the same code again. ``source`` is who asks at the hosted page; ``worked`` is the plan's.

        Raises:
            ChallengeError, UnknownError, EndedError, SendsSpentError, ChannelClosedError, RateLimitedError, StoreError.
        """
        ring = await self._keys.hold(verification, lambda: self._store.find(app.id, verification))
        now, network = self._clock.now(), None if source is None else network_of(source)
        found, _ = await self._store.find(app.id, verification)
        plan = guard.plan_of(self.rules, ring, found, network, page=source is not None, worked=worked)
        resending = self._store.resend(
            app.id,
            verification,
            charges=guard.charges_of(self.rules, ring, found, network),
            schedule=self.rules.profile.resend_after,
            guesses=self.rules.guesses,
            now=now,
            plan=plan,
        )
        added = await self._sms.watch(self.rules, found, plan, resending)
        resent = added.verification
        self._record("verification.resent", resent)
        self._wake()
        return self.show(resent, now, left=guard.sends_left(self.rules, resent, added.left))

    async def cancel(self, app: App, verification: bytes) -> Shown:
        """Withdraw a verification for good. Messages that still wait are not sent.

        Raises:
            UnknownError, EndedError, StoreError, KeyringError.
        """
        await self._keys.hold(verification, lambda: self._store.find(app.id, verification))
        now = self._clock.now()
        canceled = await self._store.cancel(app.id, verification, now=now)
        self._record("verification.canceled", canceled)
        return self.show(canceled, now)

    async def get(self, app: App, verification: bytes) -> Shown:
        """Show a verification and its deliveries.

        Raises:
            UnknownError, StoreError.
        """
        found, deliveries = await self._store.find(app.id, verification)
        return self.show(found, self._clock.now(), deliveries=deliveries)

    def _demand_rule(self, request: Request) -> None:
        if request.locale is not None and not _LOCALE.fullmatch(request.locale):
            raise InvalidInputError("A locale is a language tag such as en or de-AT.", field="locale")
        self.rules.profile.rule(request.channel, request.purpose)
        if request.channel != "sms" and request.notice_acknowledged is not None:
            raise InvalidInputError("Only SMS has a notice to acknowledge.", field="notice_acknowledged")

    def _draw(
        self, ring: Keyring, app: App, request: Request, address: str, idempotency: Idempotency | None, now: Instant
    ) -> Verification:
        profile = self.rules.profile
        lifetime = policy.read_lifetime(profile.rule(request.channel, request.purpose), request.expires_in)
        digits = policy.read_length(request.digits)
        asked = guard.text_methods(request.methods) if request.channel == "sms" else request.methods
        methods = magic_link.read_methods(asked, linked=request.link is not None)
        challenge = None if request.link is None else magic_link.read_wanted(request.link, app.redirect_uris)
        kept = self._particulars(app, request, address)
        random = self._entropy.draw(ids.VERIFICATION_RANDOM + NONCE_SIZE)
        chance = random[: ids.VERIFICATION_RANDOM]
        if idempotency is not None:
            # So that a store of many parts finds both in the same one (adapters/valkey/layout.py). 64 bits of chance
            # are left to an id, which is no secret and opens nothing.
            chance = chance[:-1] + idempotency.key[:1]
        raw = ids.verification_id(now, ring.current, chance)
        subject, contact = named(ring, app, request.subject, request.channel, address, self._entropy)
        return Verification(
            id=raw,
            app=app.id,
            channel=request.channel,
            purpose=request.purpose,
            recipient=recipient.lookup(ring, request.channel, address),
            address=recipient.identify(ring, request.channel, address),
            sealed=ring.seal(kept, bound_to=app.id + raw, nonce=random[ids.VERIFICATION_RANDOM :]),
            locale=request.locale or DEFAULT_LOCALE,
            digits=digits,
            max_attempts=profile.attempts,
            max_sends=profile.max_sends,
            created_at=now,
            expires_at=now + lifetime,
            resend_at=resend_at(profile.resend_after, 1, now, now + lifetime),
            lane=int(request.known_device),
            decoy=request.decoy,
            methods=methods,
            challenge=challenge,
            action=None if request.action is None else digest(ring, app.id, raw, request.action),
            subject=subject,
            contact=contact,
        )

    def _particulars(self, app: App, request: Request, address: str) -> bytes:
        link, action = request.link, request.action
        if action is not None and request.purpose != "step_up":
            raise InvalidInputError("An action is what a step_up approves.", field="action")
        said = "" if action is None else say(self.rules.actions, app.name, action, request.locale or DEFAULT_LOCALE)
        if link is None:
            return particulars.write(address, action=said)
        return particulars.write(address, link.redirect_uri, link.state or "", describe(request.user_agent), said)

    def show(
        self,
        verification: Verification,
        now: Instant,
        *,
        address: str | None = None,
        deliveries: Sequence[Delivery] = (),
        replayed: bool = False,
        made: bool = False,
        left: Allowance | None = None,
    ) -> Shown:
        """Show it, to whoever ``made`` it with its ticket. ``address``, where it is known, spares opening its own."""

        def shown(ring: Keyring) -> Shown:
            app, raw = verification.app, verification.id
            known = address or particulars.read(ring.open(verification.sealed, bound_to=app + raw))[0]
            ticket = magic_link.derive_ticket(ring, app, raw)
            return Shown(
                without_leap(verification, self.rules.profile.resend_after, now),
                recipient.mask(known),
                " ".join(passcode.watchword_of(ticket)),
                verification.status_at(now),
                deliveries,
                replayed,
                ticket if made and verification.has_page else None,
                left,
            )

        return self._keys.with_ring(shown)

    def record(self, event: str, verification: Verification, **facts: object) -> None:
        """Write down what happened to a verification."""
        self._record(event, verification, **facts)

    def _record(self, event: str, verification: Verification, **facts: object) -> None:
        self._audit.record(
            event,
            verification=ids.to_text(ids.VERIFICATION, verification.id),
            app=ids.app_text(verification.app),
            channel=verification.channel,
            purpose=verification.purpose,
            **facts,
        )
