"""Port of authenticators and recovery codes. Promises and failure policy: as in ``ports.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Compare, Confirmed, Judged, Match
from watchword.core.instant import Instant
from watchword.core.limit import GuessLimits


class Bound(NamedTuple):
    """What became of a confirmation. ``coded`` tells that the recovery codes that came with it were kept."""

    confirmed: Confirmed
    coded: bool


class Burnt(NamedTuple):
    """What became of a recovery code: whether it was unused until now, is one at all, and how many are left."""

    accepted: bool
    known: bool
    remaining: int


class Resealed(NamedTuple):
    """A row with new seals. It is written where ``seed`` still is what the row holds."""

    id: bytes
    seed: bytes
    authenticator: Authenticator


class AuthenticatorStore(Protocol):
    """Authenticators, their budgets and recovery codes. ``subject`` is the keyed hash of app and subject.

    Verbs that change a subject's ways in queue a notice to its confirmed addresses in the same step; ``notice`` is the
    id it is given (``ports_notice.py``).
    """

    async def add(self, authenticator: Authenticator) -> None:
        """Write a pending authenticator. Of more than a few pending ones of its subject the oldest go.

        Raises:
            ConflictError: the subject has as many active ones as it may have.
        """
        ...

    async def add_active(self, authenticators: Sequence[Authenticator]) -> Sequence[bool]:
        """Write authenticators that are active already, all or none; False for each whose seed the subject has.

        Raises:
            ConflictError: a subject would have more than it may have.
        """
        ...

    async def find(self, app: bytes, authenticator: bytes) -> Authenticator:
        """What an app may see of one.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def of_subject(self, subject: bytes) -> Sequence[Authenticator]:
        """All of a subject, oldest first, pending ones too. Whatever they say is decided again by the step."""
        ...

    async def confirm(
        self,
        app: bytes,
        authenticator: bytes,
        *,
        match: Match | None,
        codes: Sequence[bytes],
        notice: bytes,
        now: Instant,
    ) -> Bound:
        """Run ``core.authenticator.confirm`` and write what it changes, in one step.

        Where it is approved, the subject's streaks end, and ``codes`` (hashes) are kept if it has none unused.
        Of any number of confirmations at once exactly one is approved.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def look(self, authenticator: bytes) -> tuple[Authenticator, App]:
        """One by its id alone, with its app: for its page, whose ticket is what tells who may see anything.

        Raises:
            UnknownError: there is none of that id.
        """
        ...

    async def prove(
        self, app: bytes, authenticator: bytes, *, match: Match | None, codes: Sequence[bytes], now: Instant
    ) -> Bound:
        """Run ``core.authenticator.prove`` and write what it changes, in one step.

        ``codes`` (hashes) are kept with the row, and count for nothing yet, if the subject has none unused.
        Of any number at once exactly one is ``confirmed``.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def collect(
        self, app: bytes, authenticator: bytes, *, subject: bytes, challenge: bytes, notice: bytes, now: Instant
    ) -> Bound:
        """Run ``core.authenticator.collect`` and write what it changes, in one step.

        Where it is approved, the subject's streaks end, and the codes its page showed count from now on if the
        subject has none unused. Of any number at once exactly one is approved.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def check(
        self, subject: bytes, *, compare: Compare, lane: int, limits: GuessLimits, notice: bytes, now: Instant
    ) -> Judged:
        """Run ``core.authenticator.judge`` on rows and bucket and write what it changes, in one step.

        Of any number of simultaneous right checks of one step exactly one is ``approved``, whichever of the
        subject's authenticators they match; wrong ones never exceed a budget. The failure that reaches the ceiling, and
        no other, queues a notice.

        ``compare`` is called inside the step with the active rows that it read there, once or more often, so it must be
        quick, wait for nothing and raise nothing. Where it says that a row does not open, nothing changes (``shut``).
        """
        ...

    async def rename(self, app: bytes, resealed: Resealed) -> bool:
        """Write new seals of one authenticator. False where it changed meanwhile."""
        ...

    async def revoke(self, app: bytes, authenticator: bytes, *, notice: bytes, now: Instant) -> Authenticator:
        """Remove one, with its seed. Only the end of an active one is told.

        Raises:
            UnknownError: there is none of that id in that app.
        """
        ...

    async def set_codes(self, subject: bytes, codes: Sequence[bytes], *, notice: bytes, now: Instant) -> None:
        """Replace all recovery codes of a subject, used or not, by hashes of new ones."""
        ...

    async def burn_code(self, subject: bytes, code: bytes, *, notice: bytes, now: Instant) -> Burnt:
        """Use up a recovery code, by its hash. Of any number at once exactly one is accepted."""
        ...

    async def codes_left(self, subject: bytes) -> int:
        """How many recovery codes of a subject are unused."""
        ...

    async def key_numbers(self) -> Sequence[int]:
        """The keys under which any row is sealed, ascending."""
        ...

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Authenticator]:
        """Up to ``most`` rows that are sealed under a key, in the order of their ids, from ``after`` on."""
        ...

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        """Write new seals where the old ones still stand; returns how many were."""
        ...

    async def purge(self, *, now: Instant, step: int) -> int:
        """Remove up to ``step`` pending ones that lapsed a day ago; returns how many went."""
        ...
