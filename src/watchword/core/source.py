"""Sources: the network that an address counts as, for limits.

Not handled here: whose address it is (``web/guards.py``), the keyed hash under which it is counted.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from watchword.errors import InvalidInputError

# IPv4 as nearly everybody writes it; ipaddress takes four times as long. A property holds that both read the same.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def network_of(source: str) -> bytes:
    """The network a source counts as: an IPv4 address, or the /64 of an IPv6 one, which is one home's.

    Raises:
        InvalidInputError: this is no address.
    """
    if _IPV4.fullmatch(source):
        return bytes(map(int, source.split(".")))
    try:
        address = IPv6Address(source)
    except ValueError:
        raise InvalidInputError("This is not an IP address.", field="requester.ip") from None
    if address.scope_id is not None:
        raise InvalidInputError("An IP address here has no scope id.", field="requester.ip")
    mapped = address.ipv4_mapped
    return mapped.packed if mapped else address.packed[:8]


def network_of_client(client: str) -> bytes:
    """The network of whoever is connected. What is no address, a local socket, is all one.

    The scope of a link-local address is this machine's own word for the link, and counts for nothing.
    """
    try:
        return network_of(client.partition("%")[0])
    except InvalidInputError:
        return b""
