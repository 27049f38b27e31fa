"""Confirmed addresses of a subject: who is told when the ways in change; looked at, and forgotten.

Not handled here: tying an address (an approved verification does it, in its own step), what is told and when
(``core/notice.py``), handing notices over (``flows/notice_courier.py``).

Rule: an address leaves here masked. Whoever wants to untie one must know it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from watchword.core import ids, recipient
from watchword.core.app import App
from watchword.core.instant import Instant
from watchword.core.keyring import Keyring
from watchword.core.notice import Address
from watchword.errors import UnknownError
from watchword.flows.authenticator_seal import subject_key
from watchword.flows.keys import Keys
from watchword.flows.notice_seal import open_address
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_notice import NoticeStore

_UNKNOWN = "This subject has no such confirmed address."


class ShownAddress(NamedTuple):
    """A confirmed address as its app may see it."""

    to: str
    confirmed_at: Instant


def draw_notice(entropy: Entropy, now: Instant) -> bytes:
    """The id of a notice, should one come of what is about to happen."""
    return ids.notice_id(now, entropy.draw(ids.NOTICE_RANDOM))


class Addresses:
    """The flow. ``wake`` tells the courier of notices of this process about news."""

    def __init__(
        self,
        store: NoticeStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._wake = wake

    async def of_subject(self, app: App, subject: str) -> Sequence[ShownAddress]:
        """All confirmed addresses of a subject, masked, longest confirmed first.

        Raises:
            InvalidInputError, TamperedError, KeyringError, StoreError.
        """
        rows = await self._store.addresses(subject_key(self._keys.ring, app, subject))

        def shown(ring: Keyring, row: Address) -> ShownAddress:
            return ShownAddress(recipient.mask(open_address(ring, row)), row.confirmed_at)

        return [self._keys.with_ring(lambda ring, row=row: shown(ring, row)) for row in rows]  # type: ignore[misc]

    async def forget(self, app: App, subject: str, to: str | None) -> int:
        """Untie an address from a subject, or all of them; returns how many were. All of them are told once more.

        Raises:
            InvalidInputError, StoreError.
            UnknownError: the subject does not have that address.
        """
        ring, now = self._keys.ring, self._clock.now()
        who = subject_key(ring, app, subject)
        address = None if to is None else recipient.identify(ring, "email", recipient.read_email(to))
        gone = await self._store.forget(who, address, notice=draw_notice(self._entropy, now), now=now)
        if to is not None and not gone:
            raise UnknownError(_UNKNOWN)
        self._audit.record("address.removed", app=ids.app_text(app.id), addresses=gone)
        self._wake()
        return gone
