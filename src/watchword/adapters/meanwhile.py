"""What goes on while the counters of sends cannot be reached: mail, up to a cap that each process has for itself.

Not handled here: that the verification's own number of sends holds as ever (``core/verification.py``); that texts and
checks are refused for as long (the stores).

Rules: the cap is one bucket for everything that this process sends by mail, whoever asks; a cap that is empty refuses.
"""

from __future__ import annotations

from typing import Final

from watchword.core import limit
from watchword.core.instant import Instant, Span, seconds_until
from watchword.core.limit import FRESH, Rate
from watchword.core.policy import Limits
from watchword.errors import RateLimitedError, StoreError

USUAL: Final = Limits().away_sends


class AwayError(StoreError):
    """There is no connection, so that nothing was asked: whatever it was, it has not happened."""


class Meanwhile:
    """The cap. ``rates`` are replaced while running."""

    def __init__(self, rates: tuple[Rate, ...] = USUAL) -> None:
        self.rates = rates
        self._arrivals = FRESH

    def wait(self, now: Instant, error: StoreError) -> Span:
        """Let one mail pass, or tell how long it has to wait.

        Raises:
            StoreError: ``error``, where the operator wants no mail meanwhile.
        """
        if not self.rates:
            raise error
        self._arrivals, wait = limit.send(self._arrivals, self.rates, now)
        return wait

    def charge(self, now: Instant, error: StoreError) -> None:
        """Let one mail pass.

        Raises:
            RateLimitedError: the cap is reached.
            StoreError: as ``wait``.
        """
        wait = self.wait(now, error)
        if wait:
            raise RateLimitedError(retry_after=seconds_until(now + wait, now))
