"""The development mailbox: shows what was "sent" while no relay is configured, and keeps nothing.

Everything is derived again from the delivery rows, as a courier would. Wired only in development mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from watchword.core.delivery import Delivery
from watchword.core.instant import Instant
from watchword.core.keyring import Keyring
from watchword.core.message import NoticeMessage, PasscodeMessage
from watchword.core.notice import Notice
from watchword.core.verification import Verification
from watchword.flows.courier import passcode_message
from watchword.flows.keys import Keys
from watchword.flows.notice_courier import notice_address, notice_message
from watchword.ports import Store

MOST = 100


class Mail(NamedTuple):
    """One message in the mailbox."""

    to: str
    at: Instant
    message: PasscodeMessage


class NoticeMail(NamedTuple):
    """One notice in the mailbox."""

    to: str
    at: Instant
    message: NoticeMessage


class Mailbox:
    """The flow."""

    def __init__(self, store: Store, keys: Keys, public_url: str = "") -> None:
        self._store = store
        self._keys = keys
        self._public_url = public_url

    async def mails(self, most: int = MOST) -> Sequence[Mail]:
        """The latest mails, newest first. ``message.key`` names each."""
        return [
            self._keys.with_ring(partial(_mail, sent, self._public_url))
            for sent in await self._store.recent(most)
            if sent[0].channel == "email"
        ]

    async def awaits_more(self) -> bool:
        """Whether a message of a verification is still to be sent."""
        return await self._store.next_due() is not None

    async def notices(self, most: int = MOST) -> Sequence[NoticeMail]:
        """The latest notices, newest first."""
        return [self._keys.with_ring(partial(_notice, sent)) for sent in await self._store.notices.recent(most)]


def _mail(sent: tuple[Verification, str, Delivery], public_url: str, ring: Keyring) -> Mail:
    verification, app_name, delivery = sent
    to, message = passcode_message(ring, verification, delivery.number, app_name, delivery.at, public_url)
    return Mail(to, delivery.at, message)


def _notice(sent: tuple[Notice, str], ring: Keyring) -> NoticeMail:
    notice, app_name = sent
    at = notice.delivery.at
    return NoticeMail(notice_address(ring, notice), at, notice_message(notice, app_name, at))
