"""Networks that addresses count as. A property holds that both ways of reading an address agree."""

from __future__ import annotations

import pytest

from watchword.core.source import network_of, network_of_client
from watchword.errors import InvalidInputError


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.7", bytes((192, 0, 2, 7))),
        ("::ffff:192.0.2.7", bytes((192, 0, 2, 7))),
        ("2001:db8:1:2:3::4", bytes.fromhex("20010db800010002")),
    ],
)
def test_an_address_counts_as_its_network(source: str, network: bytes) -> None:
    assert network == network_of(source)


@pytest.mark.parametrize("source", ["", "localhost", "192.0.2.256", "192.0.2.7:80", "fe80::1%eth0", "1.2.3"])
def test_what_is_no_address_is_refused_by_field(source: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        network_of(source)
    assert "requester.ip" == caught.value.field


def test_of_a_client_the_scope_counts_for_nothing_and_local_sockets_are_one() -> None:
    assert network_of_client("fe80::1%eth0") == network_of("fe80::2") == network_of_client("fe80::3%wlan1")
    assert network_of_client("192.0.2.7") == network_of("192.0.2.7")
    assert network_of_client("") == network_of_client("a local socket") == b""
