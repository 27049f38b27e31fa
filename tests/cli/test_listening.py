"""Sockets to listen on: of two processes that were given one address at once, one is told."""

from __future__ import annotations

import pytest

from watchword.cli.listening import bound, listen
from watchword.errors import SettingsError
from watchword.settings import Bind


def test_of_two_that_bound_an_address_the_second_to_listen_is_told() -> None:
    with bound(Bind("127.0.0.1", 0), "--bind") as first:
        bind = Bind("127.0.0.1", first.getsockname()[1])
        with bound(bind, "--bind") as second:
            listen(first, "--bind")
            with pytest.raises(SettingsError, match=f"Cannot listen on {bind} .--bind.: Address already in use"):
                listen(second, "--bind")


def test_who_listens_already_may_be_told_again() -> None:
    with bound(Bind("127.0.0.1", 0), "--bind") as listener:
        listen(listener, "--bind")
        listen(listener, "--bind")  # as the event loop does
