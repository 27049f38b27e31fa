"""Networks that addresses count as. A property holds that both ways of reading an address agree."""

from __future__ import annotations

import pytest

from watchword.core.source import network_of
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
