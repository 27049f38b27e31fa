"""Where Valkey is, as operators write it."""

from __future__ import annotations

import pytest

from watchword.adapters.valkey import ValkeyAddress
from watchword.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "servers", "cluster", "tls"),
    [
        ("valkey://host", [("host", 6379, "", "", 0)], False, False),
        ("valkey://host:7000/3", [("host", 7000, "", "", 3)], False, False),
        ("valkeys://[::1]:7000", [("::1", 7000, "", "", 0)], False, True),
        ("valkey://ann:p%40ss%2Fword@host", [("host", 6379, "ann", "p@ss/word", 0)], False, False),
        ("valkey://:word@host/", [("host", 6379, "", "word", 0)], False, False),
        ("valkey+cluster://a,b:7000", [("a", 6379, "", "", 0), ("b", 7000, "", "", 0)], True, False),
        ("valkeys+cluster://u:p@a:1,b:2", [("a", 1, "u", "p", 0), ("b", 2, "u", "p", 0)], True, True),
    ],
)
def test_an_address_is_read(url: str, servers: list[tuple[str, int, str, str, int]], cluster: bool, tls: bool) -> None:
    found = ValkeyAddress.parse(url)

    told = [(each.host, each.port, each.user, each.password, each.database) for each in found.servers]
    assert (servers, cluster, tls) == (told, found.cluster, found.tls is not None)


@pytest.mark.parametrize(
    "url",
    [
        "redis://hunter2@host",
        "valkey://",
        "valkey:host",
        "valkey://a,b",
        "valkey://host:0",
        "valkey://host:70000",
        "valkey://host/16",
        "valkey://host/x",
        "valkey+cluster://host/1",
        "valkey://hunter2@host",
        "valkey://ann:hunter2@host?tls=no",
        "valkey://ann:hunter2@host#x",
        "valkey://ann:hunter2@ho st",
        "valkey://ann:hunter2@",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        ValkeyAddress.parse(url)

    assert refused.value.setting == "WATCHWORD_FAST_STORE"
    assert "hunter2" not in str(refused.value)


def test_no_password_is_shown() -> None:
    assert "hunter2" not in repr(ValkeyAddress.parse("valkey://ann:hunter2@host"))
