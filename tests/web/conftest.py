"""Every test gets a service of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.site import TOKEN, Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A service as in production."""
    with Site() as made:
        yield made


@pytest.fixture
def desk() -> Iterator[Site]:
    """A service in development mode."""
    with Site(mailbox_token=TOKEN) as made:
        made.wire.peer = "127.0.0.1"
        yield made
