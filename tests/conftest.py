"""What holds for every test.

* No test reaches beyond this machine: pytest-socket allows loopback alone (``addopts`` in pyproject.toml).
* Properties keep no database of past failures and know no deadline: a slow machine is not a bug. In CI they draw
  the same cases every time, so that a red run can be repeated; at a desk they keep looking for new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "desk",
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # two shared cores make any generator slow now and then
)
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
