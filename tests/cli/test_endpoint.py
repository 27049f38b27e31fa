"""The endpoint of a courier, where another process is at the same port. The rest is in tests/service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.test_bootstrap import Lines, built
from watchword.cli.endpoint import Endpoint, opened
from watchword.cli.listening import bound
from watchword.errors import SettingsError
from watchword.settings import Bind


def test_a_port_that_another_one_bound_as_well_and_listened_at_first_is_told(tmp_path: Path) -> None:
    """As two services that a machine starts together: to bind is no claim yet."""

    async def answer(endpoint: Endpoint) -> None:
        async with endpoint.answering(built(tmp_path, Lines())):
            raise AssertionError("Somebody else listens there.")

    with bound(Bind("127.0.0.1", 0), "--bind") as first:
        bind = f"127.0.0.1:{first.getsockname()[1]}"
        with opened(bind) as second:
            first.listen()
            with pytest.raises(
                SettingsError, match=f"Cannot listen on {bind} .--bind.: Address already in use"
            ) as told:
                asyncio.run(answer(second))

    assert "--bind" == told.value.setting
