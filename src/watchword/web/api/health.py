"""What an operator's machinery asks: alive, ready, metrics.

``/healthz`` says that this process answers, and asks nobody; ``/readyz`` that the store can be read and written.
"""

from __future__ import annotations

from watchword.errors import UnavailableError
from watchword.web import problems, wire
from watchword.web.exchange import JSON, METRICS, Answer, Request
from watchword.web.services import Services

_OK = wire.encode(wire.Health())


class HealthApi:
    """The endpoints of operation."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def healthz(self, _: Request) -> Answer:
        """This process answers."""
        return Answer(200, _OK, JSON)

    async def readyz(self, _: Request) -> Answer:
        """The store can be read and written. Where it cannot, the operator reads here why."""
        try:
            await self._services.ping()
        except UnavailableError as error:
            self._services.audit.record("http.not_ready", error=type(error).__name__, detail=error.detail)
            return problems.answer(error, reveal=True)
        return Answer(200, _OK, JSON)

    async def metrics(self, _: Request) -> Answer:
        """Figures in the Prometheus text format, summed over all processes."""
        return Answer(200, self._services.metrics(), METRICS)
