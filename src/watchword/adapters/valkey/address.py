"""Where Valkey is, who we are there, and the TLS we ask of it.

    valkey://user:password@host:6379/0          one server
    valkey+cluster://user:password@a:6379,b:6379   a cluster, by some of its servers
    valkeys:// and valkeys+cluster://           the same over TLS, verified

Not handled here: connecting (``link.py``), reading the environment (``settings``).

Rule: no part of a URL that cannot be read is ever shown, because any part may be a piece of the password.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from watchword.adapters.authorities import why_useless
from watchword.errors import SettingsError

PORT: Final = 6379
_DATABASES: Final = 16

_URL: Final = re.compile(
    r"valkey(?P<tls>s?)(?P<cluster>\+cluster)?://"
    r"(?:(?P<user>[^:@/?#\s,]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<servers>[^@/?#\s]+?)(?:/(?P<database>\d{1,2})?)?"
)
_SERVER: Final = re.compile(r"(?P<host>[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_FORM: Final = (
    "WATCHWORD_FAST_STORE must be valkey://user:password@host:port, valkeys:// for TLS, and valkey+cluster:// or "
    "valkeys+cluster:// with servers separated by commas for a cluster. Special characters are percent-encoded."
)


@dataclass(frozen=True, slots=True)
class Server:
    """One server, and who we are there."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0

    @property
    def name(self) -> str:
        """Where it is, for an operator."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nothing of what is said leaves this machine."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class ValkeyAddress:
    """One server, or some of a cluster's."""

    servers: tuple[Server, ...]
    cluster: bool
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(cls, url: str, ca_file: Path | None = None) -> ValkeyAddress:
        """Read the operator's URL. With ``ca_file`` only the authorities in that file are trusted.

        Raises:
            SettingsError: it is of no form above, or the file holds no certificate. No part of the URL is repeated.
        """
        found = _URL.fullmatch(url)
        servers = found and _servers(found)
        if not found or not servers:
            raise SettingsError(_FORM, setting="WATCHWORD_FAST_STORE")
        return cls(servers, bool(found["cluster"]), client_tls(ca_file) if found["tls"] else None)


def client_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Make the context for talking to Valkey: TLS 1.2 or newer, certificate and host name verified.

    Raises:
        SettingsError: the file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # includes ssl.SSLError
        detail = f"The file in WATCHWORD_FAST_STORE_CA {why_useless(error)}."
        raise SettingsError(detail, setting="WATCHWORD_FAST_STORE_CA") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _servers(found: re.Match[str]) -> tuple[Server, ...]:
    """The servers of a URL; none where something in it is not right."""
    database = int(found["database"] or 0)
    names = found["servers"].split(",")
    places = [_SERVER.fullmatch(name) for name in names]
    if not all(places) or database >= _DATABASES or (not found["cluster"] and len(names) != 1):
        return ()
    if found["cluster"] and database:
        return ()  # a cluster has one database
    user, password = unquote(found["user"] or ""), unquote(found["password"] or "")
    if user and not password:
        return ()  # somebody meant to give one
    servers = [(place["host"].strip("[]"), int(place["port"] or PORT)) for place in places if place]
    if not all(0 < port < 1 << 16 for _, port in servers):
        return ()
    return tuple(Server(host, port, user, password, database) for host, port in servers)
