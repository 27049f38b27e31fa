"""Purge: removing what is over, in small steps that never hold up a request for long.

A verification leaves 48 hours after it was made: the longest lifetime is a day, and for another day its end can
still be read and its idempotency key still be repeated. Buckets leave when they no longer limit anything; a
streak of wrong guesses is not forgotten (NIST SP 800-63B-4, 3.2.2), only a right code ends it. What is left of a
secret goes when it is over, and its tombstone 30 days later (``core/secret.py``). A pending authenticator goes a day
after its ten minutes (``core/authenticator.py``), a notice two days after it was settled (``core/notice.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from watchword.core.instant import DAY, MINUTE, SECOND, Instant, Span
from watchword.errors import UnavailableError
from watchword.flows.secret_file import SecretFiles
from watchword.ports import Audit, Clock, Store

RETENTION: Span = 2 * DAY
EVERY: Span = MINUTE
SWEEP_EVERY = 60  # rounds between two looks for files without a secret
STEP = 500  # rows a step: a few milliseconds of the writer's time


class Purge:
    """Removes what is over, for ever or once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        audit: Audit,
        tidy: Callable[[], None] = lambda: None,
        files: SecretFiles | None = None,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """``tidy`` is called after much was removed, to give memory back; ``files`` follow their secrets.

        ``is_ours`` tells whether this process, of several, is the one that purges; it is asked every time.
        """
        self._files = files
        self._is_ours = is_ours
        self._tidy = tidy
        self._store = store
        self._clock = clock
        self._audit = audit

    async def run(self) -> None:
        """Purge once a minute until cancelled, where that is ours to do."""
        rounds = 0
        while True:
            if self._is_ours():
                await self._round(sweeps=rounds % SWEEP_EVERY == 0)
                rounds += 1
            await asyncio.sleep(EVERY / SECOND)

    async def _round(self, *, sweeps: bool) -> None:
        """Purge, and sweep files now and then. A store that fails is left alone until the next time."""
        try:
            if sweeps and self._files is not None:
                await self._files.sweep()
            await self.once()
        except UnavailableError as error:
            self._audit.record("purge.store_failed", detail=error.detail)

    async def once(self) -> int:
        """Remove all that is over now; returns how many rows went."""
        total = 0
        now = self._clock.now()
        while removed := await self._store.purge(made_before=now - RETENTION, now=now, step=STEP):
            total += removed
            await asyncio.sleep(0)
        total += await self._secrets(now)
        while lapsed := await self._store.authenticators.purge(now=now, step=STEP):
            total += lapsed
            await asyncio.sleep(0)
        while settled := await self._store.notices.purge(now=now, step=STEP):
            total += settled
            await asyncio.sleep(0)
        if total > 10 * STEP:
            self._tidy()
        if total:
            self._audit.record("purge.done", rows=total)
        return total

    async def _secrets(self, now: Instant) -> int:
        total = 0
        rows = STEP
        while rows >= STEP:
            swept = await self._store.secrets.purge(now=now, step=STEP)
            rows = swept.rows
            total += rows
            if self._files is not None:
                await self._files.erase(swept.gone)
            await asyncio.sleep(0)
        return total
