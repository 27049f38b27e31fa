"""How much one source may ask of the public routes: counted in this process, in memory, and written nowhere.

Not handled here: budgets of guesses and sends, which hold across processes and restarts (the stores). This one only
keeps a single source from filling the process with work; whoever is behind it has other budgets as well.

Rules: a source is a network, as for sends; what is refused is not charged; the table of sources is bounded, and full
of sources that still count it is begun anew rather than let them grow.
"""

from __future__ import annotations

from watchword.core.limit import FRESH, Arrivals, Rate, send
from watchword.core.source import network_of_client
from watchword.errors import RateLimitedError
from watchword.ports import Clock

MOST_SOURCES = 20_000
WAIT = 30  # seconds, whatever is left to wait: the answer must not measure the bucket


class SourceLimit:
    """Counts requests by source. ``rates`` are replaced while running."""

    def __init__(self, clock: Clock, rates: tuple[Rate, ...]) -> None:
        self._clock = clock
        self._arrivals: dict[bytes, Arrivals] = {}
        self.rates = rates

    def charge(self, source: str) -> None:
        """Let a request pass.

        Raises:
            RateLimitedError: too many came from there.
        """
        if not self.rates:
            return
        network = network_of_client(source)
        now = self._clock.now()
        arrivals, wait = send(self._arrivals.get(network, FRESH), self.rates, now)
        if wait:
            raise RateLimitedError(retry_after=WAIT)
        if len(self._arrivals) >= MOST_SOURCES and network not in self._arrivals:
            self._arrivals = {each: kept for each, kept in self._arrivals.items() if max(kept) > now}
            if len(self._arrivals) >= MOST_SOURCES:
                self._arrivals.clear()
        self._arrivals[network] = arrivals
