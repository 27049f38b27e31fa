"""Ports: what flows ask of the world, one page; those of secrets have a page of their own (``ports_secret.py``).

Every verb of a store is ONE atomic step with one winner, however many callers, processes and hosts ask at once
(docs/adr/0003). There is no ``get`` for anything one-time. Adapters obey these promises and are held to them by
the contract suite in ``tests/contract``.

Failure policy, the same for every verb: what cannot be read or written raises ``StoreError`` and has changed
nothing; a refusal is raised as the error named and has changed nothing either. A store behind a network adds one
case: where the connection broke while a commit was under way, ``StoreError`` means all or nothing, and nobody asks
again on the caller's behalf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from watchword.core.app import App
from watchword.core.delivery import Delivery, Due, Report, Settlement
from watchword.core.guard import ALLOWED, Plan, Verdict
from watchword.core.instant import Instant, Span
from watchword.core.limit import Charge, GuessLimits, Left
from watchword.core.message import PasscodeMessage, Receipt
from watchword.core.verification import Expected, Judgement, Outcome, Verification
from watchword.ports_app import AppStore
from watchword.ports_authenticator import AuthenticatorStore
from watchword.ports_handover import HandoverStore
from watchword.ports_limit import GuessStore, LimitStore
from watchword.ports_notice import NoticeStore
from watchword.ports_secret import SecretStore

Facts = Mapping[str, Mapping[str, float]]  # a store's figures by its name, which is one of four: a label of metrics


class Clock(Protocol):
    """The only source of now."""

    def now(self) -> Instant:
        """Milliseconds since the Unix epoch, UTC."""
        ...


class Entropy(Protocol):
    """The only source of chance."""

    def draw(self, size: int) -> bytes:
        """``size`` bytes from a cryptographic generator."""
        ...


class Audit(Protocol):
    """Where what happened is written down. Facts hold no secret and no full address."""

    def record(self, event: str, /, **facts: object) -> None:
        """Write one event. Never raises and never waits."""
        ...


class Mailer(Protocol):
    """Hands messages over. Renders a message only at that moment and keeps nothing of it."""

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        """Hand over one message to one recipient.

        Raises:
            DeliveryError: it was not taken (or, where ``uncertain``, perhaps was).
            CancelledError: with ``NOT_HANDED_OVER`` as its argument it was not taken, else perhaps it was.
        """
        ...


class Idempotency(NamedTuple):
    """Keyed hashes of an idempotency key and of the request it came with, 16 bytes each."""

    key: bytes
    request: bytes
    lifetime: Span


class Added(msgspec.Struct, frozen=True, array_like=True):
    """A verification that stands in the store. ``replayed`` where an earlier request with this key had made it.

    ``verdict`` is the guard's, where it was asked; ``left`` what the tightest bucket that was charged takes still;
    ``quiet`` tells that nothing is sent, and that nobody but the operator hears of it.
    """

    verification: Verification
    replayed: bool
    verdict: Verdict = ALLOWED
    left: Left | None = None
    quiet: bool = False


class VerificationStore(Protocol):
    """Verifications and the buckets they pay into."""

    async def add(
        self,
        verification: Verification,
        *,
        charges: Sequence[Charge],
        guesses: GuessLimits,
        idempotency: Idempotency | None,
        now: Instant,
        plan: Plan | None = None,
    ) -> Added:
        """Charge every bucket, then write the verification and its first delivery, due now: all or nothing.

        ``plan`` is there where the message costs money: ``core.guard.decide`` is then run in the same step, on rows
        that any number of sends at once never bring past a ceiling.

        Where the last rate of a ``quiet`` charge is spent, and nothing else is, the verification is written as a decoy.

        A known idempotency key charges and writes nothing and returns what is there.

        Raises:
            IdempotencyReusedError: the key came with another request before.
            ChannelClosedError: the recipient's streak is at the ceiling and the purpose is not ``binding``.
            RateLimitedError: a bucket is empty; none was charged.
            BlockedError: the guard sends nothing there; nothing was charged.
        """
        ...

    async def find(self, app: bytes, verification: bytes) -> tuple[Verification, Sequence[Delivery]]:
        """What an app may see of its verification, with its deliveries in order.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def attempt(
        self,
        app: bytes,
        verification: bytes,
        *,
        digits: int,
        matches: bool,
        expected: Expected,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        """Run ``core.verification.judge`` on row and bucket and write what it changes, in one step.

        Of any number of simultaneous right checks exactly one is ``approved``; wrong ones never exceed a limit.
        With the approval the address is tied to the verification's subject, if it has one, and what that changes is
        queued to be told (``ports_notice.py``), in the same step.

        Raises:
            UnknownError: there is none of that id in that app.
            InvalidInputError: it has no code.
        """
        ...

    async def look(self, verification: bytes) -> tuple[Verification, App]:
        """A verification by its id alone, with its app, for the public routes.

        What is read here proves nothing and decides nothing: id, app, address and challenge never change, and whatever
        may change is looked at again in the step that changes it.

        Raises:
            UnknownError: there is none of that id.
        """
        ...

    async def confirm_code(
        self,
        app: bytes,
        verification: bytes,
        *,
        digits: int,
        matches: bool,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        """``attempt`` from the hosted page: counts in the very same attempts and budgets, comes to ``confirmed`` only.

        A right code for what is confirmed already changes nothing and is ``confirmed`` again.

        Raises:
            UnknownError: there is none of that id in that app.
            InvalidInputError: it has no code.
        """
        ...

    async def recognise(self, app: bytes, verification: bytes) -> Verification:
        """Move a verification into the lane of devices that proved themselves before; in it already, it stays.

        Whatever is counted from then on, checks and sends, is counted there.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def confirm_word(
        self, app: bytes, verification: bytes, *, matches: bool, now: Instant
    ) -> tuple[Outcome, Verification]:
        """Run ``core.verification.confirm``: a first word from another device comes to ``confirmed``.

        Wrong ones are counted, and never exceed their number; all other ways stay open.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def exchange(
        self,
        app: bytes,
        verification: bytes,
        *,
        challenge: bytes,
        expected: Expected,
        handed_over: bool,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        """Run ``core.verification.exchange``: compare the challenge and approve, in one step.

        Of any number of simultaneous exchanges and checks exactly one is ``approved``; what is refused changes nothing.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def resend(
        self,
        app: bytes,
        verification: bytes,
        *,
        charges: Sequence[Charge],
        schedule: tuple[Span, ...],
        guesses: GuessLimits,
        now: Instant,
        plan: Plan | None = None,
    ) -> Added:
        """Charge every bucket and queue the same message again. A send still queued is superseded.

        Where the last rate of a ``quiet`` charge is spent, and nothing else is, the delivery is written as a decoy's.

        Raises:
            UnknownError: there is none of that id in that app.
            EndedError: it is over.
            SendsSpentError: it has no sends left.
            ChannelClosedError: the code could not be checked any more, see ``add``.
            RateLimitedError: too early by its schedule, or a bucket is empty.
            BlockedError: see ``add``.
        """
        ...

    async def cancel(self, app: bytes, verification: bytes, *, now: Instant) -> Verification:
        """Withdraw a verification. What is canceled already stays so without error.

        Raises:
            UnknownError: there is none of that id in that app.
            EndedError: it is over in another way.
        """
        ...


class CourierStore(Protocol):
    """The outbox, seen by couriers. Any number of them may run at once."""

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        """Take up to ``most`` due deliveries, each by one courier alone until ``now + lease``.

        The verification's status is looked at in the same step: what is no longer pending is ``dropped``, what
        would arrive too late ``failed`` (reason ``expired``), a decoy is marked ``sent`` (T0); none is returned.
        """
        ...

    async def settle(self, due: Due, settlement: Settlement) -> None:
        """Write what became of a delivery that was claimed.

        ``sent`` is always written; anything else only under the latest claim (``tries``). Where the last open
        delivery fails and none was ever sent, the verification becomes ``failed`` in the same step.
        """
        ...

    async def report(self, app: bytes, verification: bytes, number: int, report: Report, *, now: Instant) -> bool:
        """Note what a provider says of a message that it took; False where that changes nothing.

        Where it did not arrive and no other send did, the verification becomes ``failed`` in the same step.
        """
        ...

    async def next_due(self) -> Instant | None:
        """When the earliest open delivery is due, or None where the outbox is empty."""
        ...

    async def backlog(self, *, now: Instant) -> int:
        """How many deliveries are due now; counting stops at 10 000."""
        ...


class RecentStore(Protocol):
    """What the development mailbox lists, and what a key file is tried on at a start."""

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        """The latest deliveries that were sent and not decoys, with their app's name, newest first."""
        ...


class PurgeStore(Protocol):
    """Removing what is over."""

    async def purge(self, *, made_before: Instant, now: Instant, step: int) -> int:
        """Remove up to ``step`` verifications made before that instant, and up to ``step`` buckets that limit nothing.

        Returns how many rows went; 0 means that nothing is left to remove. Gives the space back to the system.
        """
        ...


class FastStore(VerificationStore, CourierStore, RecentStore, LimitStore, Protocol):
    """The short-lived half of a store, where it lies apart from what must last."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def aclose(self) -> None:
        """Finish what is under way and let go."""
        ...

    async def ping(self) -> None:
        """Prove that it can be written.

        Raises:
            StoreError: it cannot; the text says why, for the operator.
        """
        ...

    def facts(self) -> Facts:
        """Figures for metrics."""
        ...


class Store(VerificationStore, CourierStore, RecentStore, AppStore, GuessStore, PurgeStore, LimitStore, Protocol):
    """All of it, as one adapter provides it."""

    @property
    def secrets(self) -> SecretStore:
        """The part of it that keeps secrets. Usable while the store is open."""
        ...

    @property
    def authenticators(self) -> AuthenticatorStore:
        """The part of it that keeps authenticators. Usable while the store is open."""
        ...

    @property
    def handovers(self) -> HandoverStore:
        """Authenticators and secrets together, where one becomes the other. Usable while the store is open."""
        ...

    @property
    def notices(self) -> NoticeStore:
        """The part of it that keeps confirmed addresses and notices. Usable while the store is open."""
        ...

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""
        ...

    async def aclose(self) -> None:
        """Finish what is under way and let go."""
        ...

    async def ping(self) -> None:
        """Prove that the store can be read and written.

        Raises:
            StoreError: it cannot; the text says why, for the operator.
        """
        ...

    def facts(self) -> Facts:
        """Figures for metrics: queue depth, batches and operations so far."""
        ...
