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
from ipaddress import IPv6Address, ip_address

import msgspec

from watchword.core import ids, passcode, policy, recipient
from watchword.core.app import App
from watchword.core.delivery import Delivery
from watchword.core.instant import DAY, Instant, seconds_until
from watchword.core.keyring import INDEX_IDEMPOTENCY, INDEX_SOURCE, NONCE_SIZE, Keyring
from watchword.core.limit import Charge
from watchword.core.verification import Expected, Outcome, Status, Verification, resend_at
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
    RateLimitedError,
    UndeliverableError,
)
from watchword.flows.authenticator_seal import subject_key
from watchword.flows.keys import Keys
from watchword.flows.notice_seal import seal_contact
from watchword.ports import Audit, Clock, Entropy, Idempotency, VerificationStore

IDEMPOTENCY_LIFETIME = DAY
MAX_IDEMPOTENCY_KEY = 255
DEFAULT_LOCALE = "en"

# IPv4 as nearly everybody writes it; ipaddress takes four times as long. A property holds that both read the same.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")

_NOT_ACCEPTED: dict[Outcome, type[NotAcceptedError]] = {
    Outcome.MISMATCH: MismatchError,
    Outcome.EXPIRED: ExpiredError,
    Outcome.EXHAUSTED: ExhaustedError,
    Outcome.USED: AlreadyUsedError,
    Outcome.CANCELED: CanceledError,
    Outcome.FAILED: UndeliverableError,
}


class Request(msgspec.Struct, frozen=True):
    """What an app asks for. ``to`` is as typed; spans are seconds, as on the wire.

    ``source`` is the address of the person's device, as the app passes it; ``known_device`` that this device
    proved itself before. ``subject`` is the app's own name for the person, to whom the address is tied once it is
    approved. ``fingerprint`` is the request's own bytes, compared under an idempotency key.
    """

    channel: str
    to: str
    purpose: str
    methods: Sequence[str] | None = None
    locale: str | None = None
    expires_in: int | None = None
    digits: int | None = None
    source: str | None = None
    known_device: bool = False
    decoy: bool = False
    subject: str | None = None
    idempotency_key: str | None = None
    fingerprint: bytes = b""

    def __repr__(self) -> str:
        return f"Request(channel={self.channel!r}, purpose={self.purpose!r})"


class Shown(msgspec.Struct, frozen=True):
    """A verification as its app may see it: masked address, watchword, status at ``now``."""

    verification: Verification
    to: str
    watchword: str
    status: Status
    deliveries: Sequence[Delivery] = ()
    replayed: bool = False


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
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._wake = wake
        self.rules = rules

    async def create(self, app: App, request: Request) -> Shown:
        """Make a verification and queue its message; with a known idempotency key, show the one that is there.

        Raises:
            InvalidInputError, ChannelForbiddenError, ChannelClosedError, RateLimitedError, IdempotencyReusedError,
            StoreError. None of them has sent, charged or counted anything.
        """
        now = self._clock.now()
        ring = self._keys.ring
        address = self._address(request)
        new = self._draw(ring, app, request, address, now)
        shown = self._show(new, now, address=address)  # while nobody waits for it: afterwards it only has to be sent
        verification, replayed = await self._store.add(
            new,
            charges=self._charges(ring, new, request.source),
            guesses=self.rules.guesses,
            idempotency=_idempotency(ring, app, request),
            now=now,
        )
        self._record("verification.replayed" if replayed else "verification.created", verification)
        self._wake()
        return self._show(verification, now, replayed=True) if replayed else shown

    async def check(
        self, app: App, verification: bytes, typed: str, *, purpose: str | None = None, to: str | None = None
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
        if purpose is not None and purpose not in policy.PURPOSES:
            raise InvalidInputError(f"Known purposes are {', '.join(policy.PURPOSES)}.", field="purpose")
        now = self._clock.now()
        try:
            matches = self._keys.with_ring(lambda ring: _compare(ring, app.id, verification, digits))
        except KeyringError:
            await self._store.find(app.id, verification)  # an id that nobody made is unknown, not a missing key
            raise
        expected = Expected(purpose, None if to is None else self._identify(to))
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
            return self._show(judged, now)
        self._record("verification.refused", judged, reason=outcome.value)
        if outcome is Outcome.CLOSED:
            raise ChannelClosedError
        if outcome is Outcome.LIMITED:
            raise RateLimitedError(retry_after=seconds_until(now + judgement.retry_after, now))
        raise _NOT_ACCEPTED[outcome](attempts_remaining=judged.attempts_remaining)

    async def resend(self, app: App, verification: bytes) -> Shown:
        """Send the same code again.

        Raises:
            UnknownError, EndedError, SendsSpentError, ChannelClosedError, RateLimitedError, StoreError.
        """
        now = self._clock.now()
        found, _ = await self._store.find(app.id, verification)
        resent = await self._store.resend(
            app.id,
            verification,
            charges=self._charges(self._keys.ring, found, None),
            schedule=self.rules.profile.resend_after,
            guesses=self.rules.guesses,
            now=now,
        )
        self._record("verification.resent", resent)
        self._wake()
        return self._show(resent, now)

    async def cancel(self, app: App, verification: bytes) -> Shown:
        """Withdraw a verification for good. Messages that still wait are not sent.

        Raises:
            UnknownError, EndedError, StoreError.
        """
        now = self._clock.now()
        canceled = await self._store.cancel(app.id, verification, now=now)
        self._record("verification.canceled", canceled)
        return self._show(canceled, now)

    async def get(self, app: App, verification: bytes) -> Shown:
        """Show a verification and its deliveries.

        Raises:
            UnknownError, StoreError.
        """
        found, deliveries = await self._store.find(app.id, verification)
        return self._show(found, self._clock.now(), deliveries=deliveries)

    def _identify(self, to: str) -> bytes:
        return recipient.identify(self._keys.ring, "email", recipient.read_email(to))

    def _address(self, request: Request) -> str:
        if request.methods is not None and list(request.methods) != ["code"]:
            raise InvalidInputError("The methods known to this version are ['code'].", field="methods")
        if request.locale is not None and not _LOCALE.fullmatch(request.locale):
            raise InvalidInputError("A locale is a language tag such as en or de-AT.", field="locale")
        self.rules.profile.rule(request.channel, request.purpose)
        return recipient.read_email(request.to)

    def _draw(self, ring: Keyring, app: App, request: Request, address: str, now: Instant) -> Verification:
        profile = self.rules.profile
        lifetime = policy.read_lifetime(profile.rule(request.channel, request.purpose), request.expires_in)
        digits = policy.read_length(request.digits)
        random = self._entropy.draw(ids.VERIFICATION_RANDOM + NONCE_SIZE)
        raw = ids.verification_id(now, ring.current, random[: ids.VERIFICATION_RANDOM])
        subject = None if request.subject is None else subject_key(ring, app, request.subject)
        return Verification(
            id=raw,
            app=app.id,
            channel=request.channel,
            purpose=request.purpose,
            recipient=recipient.lookup(ring, request.channel, address),
            address=recipient.identify(ring, request.channel, address),
            sealed=ring.seal(address.encode(), bound_to=app.id + raw, nonce=random[ids.VERIFICATION_RANDOM :]),
            locale=request.locale or DEFAULT_LOCALE,
            digits=digits,
            max_attempts=profile.attempts,
            max_sends=profile.max_sends,
            created_at=now,
            expires_at=now + lifetime,
            resend_at=resend_at(profile.resend_after, 1, now, now + lifetime),
            lane=int(request.known_device),
            decoy=request.decoy,
            subject=subject,
            contact=subject and seal_contact(ring, app.id, subject, address, self._entropy.draw(NONCE_SIZE)),
        )

    def _charges(self, ring: Keyring, verification: Verification, source: str | None) -> list[Charge]:
        """The buckets a send pays into. Recipient and source are buckets of their own, never one combined key."""
        limits = self.rules.limits
        charges = []
        if limits.recipient_sends:
            charges.append(Charge(b"r%d" % verification.lane + verification.recipient, limits.recipient_sends))
        network = None if source is None else _network(source)  # read first: what is no address is refused anyway
        if network is not None and limits.source_sends:
            charges.append(Charge(b"s" + ring.lookup(INDEX_SOURCE, network), limits.source_sends))
        if limits.app_sends:
            charges.append(Charge(b"a" + verification.app, limits.app_sends))
        if limits.global_sends:
            charges.append(Charge(b"*", limits.global_sends))
        return charges

    def _show(
        self,
        verification: Verification,
        now: Instant,
        *,
        address: str | None = None,
        deliveries: Sequence[Delivery] = (),
        replayed: bool = False,
    ) -> Shown:
        """Show it. ``address`` spares opening the sealed one where it is at hand."""

        def shown(ring: Keyring) -> Shown:
            app, raw = verification.app, verification.id
            known = address or ring.open(verification.sealed, bound_to=app + raw).decode()
            return Shown(
                verification,
                recipient.mask(known),
                " ".join(passcode.derive_watchword(ring, app, raw)),
                verification.status_at(now),
                deliveries,
                replayed,
            )

        return self._keys.with_ring(shown)

    def _record(self, event: str, verification: Verification, **facts: object) -> None:
        self._audit.record(
            event,
            verification=ids.to_text(ids.VERIFICATION, verification.id),
            app=ids.app_text(verification.app),
            channel=verification.channel,
            purpose=verification.purpose,
            **facts,
        )


def _compare(ring: Keyring, app: bytes, verification: bytes, digits: str) -> bool:
    length = len(digits)
    usable = passcode.MIN_DIGITS <= length <= passcode.MAX_DIGITS
    expected = passcode.derive_code(ring, app, verification, length if usable else passcode.MAX_DIGITS)
    return passcode.matches(expected, digits) and usable


def _network(source: str) -> bytes:
    """The network a source counts as: an IPv4 address, or the /64 of an IPv6 one, which is one home's."""
    if _IPV4.fullmatch(source):
        return bytes(map(int, source.split(".")))
    try:
        address = ip_address(source)
    except ValueError:
        raise InvalidInputError("This is not an IP address.", field="requester.ip") from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise InvalidInputError("An IP address here has no scope id.", field="requester.ip")
        mapped = address.ipv4_mapped
        return mapped.packed if mapped else address.packed[:8]
    return address.packed


def _idempotency(ring: Keyring, app: App, request: Request) -> Idempotency | None:
    key = request.idempotency_key
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInputError(
            f"An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters.", field="Idempotency-Key"
        )
    return Idempotency(
        ring.lookup(INDEX_IDEMPOTENCY, app.id + b"key" + key.encode()),
        ring.lookup(INDEX_IDEMPOTENCY, app.id + b"request" + request.fingerprint),
        IDEMPOTENCY_LIFETIME,
    )
