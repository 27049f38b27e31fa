"""Who may ask, and what a request must look like before its route sees it.

Not handled here: the order in which guards stand (``gate.py``), bodies (``body.py``).

Rules:

* the ``Host`` header is checked and then forgotten, no link is ever made from it;
* forwarding headers count only where the peer is a proxy that the operator named, and are read from the right;
* a header that decides something may come once.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from watchword.errors import UnauthenticatedError
from watchword.web.exchange import Request
from watchword.web.problems import KeyInQueryError, MalformedError, MisdirectedError
from watchword.web.services import Network, WebConfig

_ONCE = (
    b"host",
    b"authorization",
    b"content-length",
    b"content-type",
    b"content-range",
    b"watchword-claim",
    b"idempotency-key",
    b"cookie",
    b"origin",
)
_NAME = rb"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9.])?"
_HOST = re.compile(rb"(?:" + _NAME + rb"|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_FORWARDING = (b"forwarded", b"via", b"x-real-ip")
_KEY_NAMES = re.compile(rb"(?:^|[&;])(?:api[_-]?key|key|access_token|token|authorization)=", re.IGNORECASE)
_REMEMBERED = 256  # peers and hosts; a flood of made-up ones must not grow the process


def check_single_headers(request: Request) -> None:
    """Refuse a header that decides something and came twice: two readers would take two different ones.

    Raises:
        MalformedError: one did.
    """
    names = [name for name, _ in request.raw_headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise MalformedError("This header may be sent once.", field=name.decode().title())


class Hosts:
    """Checks ``Host``. In development mode only the loopback names of this server are right."""

    def __init__(self, config: WebConfig) -> None:
        self._good: set[bytes] = set()
        self._only: frozenset[bytes] | None = None
        if config.development:
            port = config.loopback_host.rpartition(":")[2]
            names = ("127.0.0.1", "localhost", "[::1]")
            self._only = frozenset(f"{name}:{port}".encode() for name in names) | {config.loopback_host.encode()}

    def check(self, request: Request) -> None:
        """Let a request pass whose ``Host`` is well formed and, in development mode, ours.

        Raises:
            MalformedError: absent in HTTP/1.1, or not a host.
            MisdirectedError: not this server's, in development mode.
        """
        host = request.headers.get(b"host")
        if host in self._good:
            return
        if host is None:
            if request.version != "1.0":
                raise MalformedError("This header is needed.", field="Host")
        elif not _HOST.fullmatch(host):
            raise MalformedError("This is not a host.", field="Host")
        if self._only is not None and (host or b"").lower() not in self._only:
            raise MisdirectedError
        if host is not None and len(self._good) < _REMEMBERED:
            self._good.add(host)


def refuse_key_in_query(request: Request) -> None:
    """Refuse an API key in an address, where it ends in logs and histories.

    Raises:
        KeyInQueryError: there is one, or something called so.
    """
    if b"wk_" in request.query or _KEY_NAMES.search(request.query):
        raise KeyInQueryError


def bearer(request: Request) -> bytes:
    """The bearer token of a request.

    Raises:
        UnauthenticatedError: there is none.
    """
    given = request.headers.get(b"authorization", b"")
    if given[:7] != b"Bearer " and given[:7].lower() != b"bearer ":
        raise UnauthenticatedError
    return given[7:].strip()


def is_forwarded(request: Request) -> bool:
    """Whether a proxy had its hands on the request."""
    return any(name in _FORWARDING or name.startswith(b"x-forwarded-") for name in request.headers)


def is_from_here(request: Request) -> bool:
    """Whether the connection itself comes from this machine. What headers say about it does not matter."""
    try:
        peer = ip_address(request.peer)
    except ValueError:
        return False
    return (getattr(peer, "ipv4_mapped", None) or peer).is_loopback


class Clients:
    """Finds the address of the client: the peer, or what trusted proxies say about it."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted
        self._known: dict[str, bool] = {}

    def client_of(self, request: Request) -> str:
        """The nearest address that is no trusted proxy, walked from the peer to the left."""
        if not self._trusted or not self._trusts(request.peer):
            return request.peer
        client = request.peer
        for hop in reversed(_hops(request)):
            try:
                client = _plain(hop)
            except ValueError:
                return client  # whoever wrote this is not to be believed about what stands left of it
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            known = self._is_trusted(address)
            if len(self._known) < _REMEMBERED:
                self._known[address] = known
        return known

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def _plain(hop: str) -> str:
    """An address as it is parsed, not as it was written: it reaches the log.

    Raises:
        ValueError: this is no address.
    """
    address = ip_address(hop)
    if getattr(address, "scope_id", None) is not None:
        address = IPv6Address(int(address))  # the name of a link is some other machine's, and of any length and letters
    return str(address)


def _hops(request: Request) -> list[str]:
    lines = [value.decode("latin-1") for name, value in request.raw_headers if name == b"x-forwarded-for"]
    return [hop.strip() for hop in ",".join(lines).split(",")] if lines else []
