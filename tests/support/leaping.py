"""``watchword`` with a clock that can be moved: ``python -m tests.support.leaping FILE serve …``.

FILE holds the milliseconds by which its clock is ahead of the system's, and is read at every look at the clock.
Everything else is the real command, so that what waits for hours in life is met in a test as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from watchword.adapters.system import SystemClock
from watchword.cli import main
from watchword.core.instant import Instant


def leap(by: Path) -> None:
    """Let the system's clock, as the service sees it, be ahead by what the file says."""
    ours = SystemClock.now

    def now(self: SystemClock) -> Instant:
        return ours(self) + int(by.read_text())

    setattr(SystemClock, "now", now)  # noqa: B010 (an assignment is what a type checker refuses, rightly)


if __name__ == "__main__":
    leap(Path(sys.argv.pop(1)))
    main()
