"""The HTTP side: where to listen, under which address people come, whom to believe and how much to take.

Not handled here: that a public address needs a relay (``settings``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from watchword.errors import SettingsError
from watchword.settings.file import whole

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FROM_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (a wildcard is read here, not bound)


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, setting: str) -> Bind:
        """Read an address, which ``setting`` names.

        Raises:
            SettingsError: it is none.
        """
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        enclosed = host != bare
        number = int(port) if port.isdecimal() and port.isascii() and len(port) <= 5 else -1  # noqa: PLR2004 (65535)
        if not colon or not bare or enclosed != (":" in bare) or not 0 <= number <= 65_535:  # noqa: PLR2004
            detail = f"{setting} must be host:port, as 127.0.0.1:8000 or [::1]:8000."
            raise SettingsError(detail, setting=setting)
        return cls(bare, number)

    @property
    def local(self) -> Bind:
        """Where this machine itself reaches what listens there."""
        return replace(self, host=_FROM_HERE.get(self.host, self.host))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The HTTP side."""

    bind: Bind
    public_url: str
    trusted_proxies: tuple[Network, ...] = ()
    max_body: int = 65_536
    max_at_once: int = 1_000
    request_time: int = 10

    @property
    def local(self) -> Bind:
        """Where this machine itself reaches the service."""
        return self.bind.local


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone: nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_server(given: Mapping[str, str], file: Mapping[str, object]) -> ServerSettings:
    """Read the HTTP side. One that is reachable from elsewhere must say under which address."""
    bind = Bind.parse(given.get("WATCHWORD_BIND", "127.0.0.1:8000"), "WATCHWORD_BIND")
    if "WATCHWORD_PUBLIC_URL" not in given and not is_loopback(bind.host):
        detail = (
            "WATCHWORD_BIND is reachable from elsewhere: set WATCHWORD_PUBLIC_URL to the address people use, as "
            "https://codes.example.com, and WATCHWORD_SMTP to your relay."
        )
        raise SettingsError(detail, setting="WATCHWORD_PUBLIC_URL")
    return ServerSettings(
        bind=bind,
        public_url=_public_url(given.get("WATCHWORD_PUBLIC_URL", f"http://{bind}")),
        trusted_proxies=_networks(given.get("WATCHWORD_TRUSTED_PROXIES", "")),
        max_body=whole(file, "server.max_body", 65_536, (1_024, 1_048_576)),
        max_at_once=whole(file, "server.max_at_once", 1_000, (1, 100_000)),
        request_time=whole(file, "server.request_time", 10, (1, 300)),
    )


def _public_url(text: str) -> str:
    """Check the address people use: scheme, host and port only, https unless it is this machine."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    plain = parts.path in {"", "/"} and "?" not in text and "#" not in text and "@" not in parts.netloc
    readable = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or not readable:
        detail = "WATCHWORD_PUBLIC_URL must be scheme and host alone, as https://codes.example.com."
        raise SettingsError(detail, setting="WATCHWORD_PUBLIC_URL")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        detail = "WATCHWORD_PUBLIC_URL must be https, unless it is this machine: set it to the address people use."
        raise SettingsError(detail, setting="WATCHWORD_PUBLIC_URL")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        detail = "WATCHWORD_TRUSTED_PROXIES must be networks such as 10.0.0.0/8, separated by commas."
        raise SettingsError(detail, setting="WATCHWORD_TRUSTED_PROXIES") from None
