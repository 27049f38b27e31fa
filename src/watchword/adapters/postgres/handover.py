"""Hand-overs in PostgreSQL (``ports_handover.HandoverStore``): both tables in one transaction.

Not handled here: what a step does (``adapters/handover_steps.py``), how a batch gets there (``lane.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from watchword.adapters import handover_steps as steps
from watchword.adapters.handover_steps import Marks
from watchword.core.authenticator import Authenticator, Confirmed, Match
from watchword.core.instant import Instant
from watchword.core.secret import Secret, Toll


class PostgresHandovers:
    """The store of hand-overs. ``submit`` queues a step that writes, ``look`` one that reads what is committed."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], look: Callable[..., Awaitable[Any]]) -> None:
        self._submit = submit
        self._look = look

    async def add(
        self, authenticator: Authenticator, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant
    ) -> None:
        await self._submit(steps.add, authenticator, secret, jwe, toll, now)

    async def find(self, secret: bytes, link: bytes, *, claim: bytes) -> Authenticator:
        found: Authenticator = await self._look(steps.find, secret, Marks(link, claim))
        return found

    async def confirm(
        self, secret: bytes, link: bytes, *, claim: bytes, match: Match | None, notice: bytes, now: Instant
    ) -> Confirmed:
        confirmed: Confirmed = await self._submit(steps.confirm, secret, Marks(link, claim), match, notice, now)
        return confirmed
