"""Source addresses: the short way of reading one and the library's agree."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from watchword.core.source import network_of
from watchword.errors import InvalidInputError

dotted = st.lists(
    st.integers(0, 999).map(str) | st.sampled_from(["00", "01", "", "٣", "1e1", " 1"]), min_size=3, max_size=5
)


def read(text: str) -> bytes | None:
    try:
        return network_of(text)
    except InvalidInputError:
        return None


def by_the_library(text: str) -> bytes | None:
    try:
        return ip_address(text).packed
    except ValueError:
        return None


@given(dotted.map(".".join))
@example("10.0.0.1\n")
@example("255.255.255.255")
@example("0.0.0.1")
def test_an_ipv4_address_is_read_as_the_library_reads_it(text: str) -> None:
    assert by_the_library(text) == read(text)


@given(st.ip_addresses(v=4).map(str))
def test_every_ipv4_address_is_read(text: str) -> None:
    assert by_the_library(text) == read(text) is not None
