"""The only clock and the only dice."""

from __future__ import annotations

import os
import time

from watchword.core.instant import Instant


class SystemClock:
    """The system's clock (``ports.Clock``)."""

    def now(self) -> Instant:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000


class SystemEntropy:
    """The system's generator (``ports.Entropy``)."""

    def draw(self, size: int) -> bytes:
        """Random bytes fit for keys."""
        return os.urandom(size)
