"""What a store promises it keeps however slow the machine is; how long it waits for a server is tested elsewhere."""

from __future__ import annotations

import pytest

from watchword.adapters.postgres import link
from watchword.adapters.valkey import connection


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a minute for a server that has much else to do."""
    for where in (link, connection):
        monkeypatch.setattr(where, "PATIENCE", 60.0)
