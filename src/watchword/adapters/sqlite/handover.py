"""Hand-overs in SQLite (``ports_handover.HandoverStore``): both tables in one transaction.

Not handled here: what a step does (``adapters/handover_steps.py``), how a batch gets to disk (``writer.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from watchword.adapters import handover_steps as steps
from watchword.adapters.handover_steps import Marks
from watchword.adapters.sqlite.database import our_words
from watchword.core.authenticator import Authenticator, Confirmed, Match
from watchword.core.instant import Instant
from watchword.core.secret import Secret, Toll

if TYPE_CHECKING:
    from watchword.adapters.sqlite.tables import SqliteTables


class SqliteHandovers:
    """The store of hand-overs. ``submit`` queues a step for the next batch, ``reader`` reads what is committed."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], reader: Callable[[], SqliteTables]) -> None:
        self._submit = submit
        self._reader = reader

    async def add(
        self, authenticator: Authenticator, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant
    ) -> None:
        await self._submit(steps.add, authenticator, secret, jwe, toll, now)

    async def find(self, secret: bytes, link: bytes, *, claim: bytes) -> Authenticator:
        with our_words():
            return steps.find(self._reader(), secret, Marks(link, claim))

    async def confirm(
        self, secret: bytes, link: bytes, *, claim: bytes, match: Match | None, notice: bytes, now: Instant
    ) -> Confirmed:
        confirmed: Confirmed = await self._submit(steps.confirm, secret, Marks(link, claim), match, notice, now)
        return confirmed
