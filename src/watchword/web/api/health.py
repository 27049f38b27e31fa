"""What an operator's machinery asks: alive, ready, metrics.

``/healthz`` says that this process answers, and asks nobody; ``/readyz`` that the store can be read and written.

Rules: nobody needs a key here, so nobody may make work by asking often. To be ready is found out by one write to the
store at a time, which has a time of its own, and whatever came of it is the answer for a second.
"""

from __future__ import annotations

import asyncio

from watchword.core.instant import SECOND, Instant
from watchword.errors import StoreError, UnavailableError
from watchword.web import problems, wire
from watchword.web.exchange import JSON, METRICS, Answer, Request
from watchword.web.services import Services

PATIENCE = 2.0  # seconds for the store to answer
REMEMBERED = SECOND

_OK = wire.encode(wire.Health())


class HealthApi:
    """The endpoints of operation."""

    def __init__(self, services: Services, patience: float = PATIENCE) -> None:
        self._services = services
        self._patience = patience
        self._asking: asyncio.Task[Answer] | None = None
        self._asked_at: Instant = 0

    async def healthz(self, _: Request) -> Answer:
        """This process answers."""
        return Answer(200, _OK, JSON)

    async def readyz(self, _: Request) -> Answer:
        """The store can be read and written. Where it cannot, the operator reads here why."""
        asking = self._asking
        if asking is None or (asking.done() and not self._is_fresh(asking)):
            asking = self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(asking)  # who leaves must not take the answer from the others

    async def metrics(self, _: Request) -> Answer:
        """Figures in the Prometheus text format, summed over all processes."""
        return Answer(200, self._services.metrics(), METRICS)

    def _is_fresh(self, asked: asyncio.Task[Answer]) -> bool:
        answered = not asked.cancelled() and asked.exception() is None
        return answered and 0 <= self._services.clock.now() - self._asked_at < REMEMBERED

    async def _ask(self) -> Answer:
        try:
            await self._ping()
        except UnavailableError as error:
            self._services.audit.record("http.not_ready", error=type(error).__name__, detail=error.detail)
            return problems.answer(error, reveal=True)
        finally:
            self._asked_at = self._services.clock.now()
        return Answer(200, _OK, JSON)

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._services.ping()
        except TimeoutError:
            raise StoreError(f"The store did not answer within {self._patience:g} seconds.") from None
