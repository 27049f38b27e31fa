"""Hand-overs in memory (``ports_handover.HandoverStore``): the same steps, over dictionaries. See ``memory.py``."""

from __future__ import annotations

from watchword.adapters import handover_steps as steps
from watchword.adapters.handover_steps import Marks
from watchword.core.authenticator import Authenticator, Confirmed, Match
from watchword.core.instant import Instant
from watchword.core.secret import Secret, Toll


class MemoryHandovers:
    """The store of hand-overs. Each verb runs without waiting, so it is atomic as it stands."""

    def __init__(self, tables: steps.Tables) -> None:
        self._tables = tables

    async def add(
        self, authenticator: Authenticator, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant
    ) -> None:
        steps.add(self._tables, authenticator, secret, jwe, toll, now)

    async def find(self, secret: bytes, link: bytes, *, claim: bytes) -> Authenticator:
        return steps.find(self._tables, secret, Marks(link, claim))

    async def confirm(
        self, secret: bytes, link: bytes, *, claim: bytes, match: Match | None, notice: bytes, now: Instant
    ) -> Confirmed:
        return steps.confirm(self._tables, secret, Marks(link, claim), match, notice, now)
