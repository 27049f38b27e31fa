"""Where the database is, who we are there, and the TLS we ask of it.

Not handled here: opening a connection (``link.py``), reading the environment (``settings``).

Rules: TLS is verified, certificate and host name, unless the operator writes that there is none; the halves between
the two (``prefer``, ``require``, ``verify-ca``) look like safety and are refused; no part of a URL is ever shown,
because any part may be a piece of the password.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from watchword.adapters.authorities import why_useless
from watchword.errors import SettingsError

PORT: Final = 5432
SETTING: Final = "WATCHWORD_STORE"

_OPTIONS = {"host", "sslmode", "sslrootcert", "pgbouncer"}
_FORM = (
    "WATCHWORD_STORE must be postgresql://user:password@host/database, with an optional :port, or several hosts with "
    "commas between them. Special characters in user and password are percent-encoded. After ? may stand "
    "sslrootcert=PATH, sslmode=verify-full or sslmode=disable, host=/FOLDER of a Unix socket, and pgbouncer=true."
)


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where the database is.

    ``host`` may be the folder of a Unix socket, ``pooled`` tells that a pooler stands in front. ``others`` are servers
    one of which may be the one that takes writes, after a failover.
    """

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    pooled: bool = False
    others: tuple[tuple[str, int], ...] = ()

    @property
    def servers(self) -> tuple[tuple[str, int], ...]:
        """All of them, host and port."""
        return ((self.host, self.port), *self.others)

    @property
    def is_open(self) -> bool:
        """Whether what is said there can be read on the way: no TLS, and not on this machine."""
        local = all(host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"} for host, _ in self.servers)
        return self.tls is None and not local

    @property
    def place(self) -> str:
        """How it may be named to the operator."""
        return f"{self.database} at {', '.join(f'{host}:{port}' for host, port in self.servers)}"

    @classmethod
    def parse(cls, url: str) -> PostgresAddress:
        """Read the operator's URL.

        Raises:
            SettingsError: it is no such URL, or its file of authorities cannot be read. Its text holds no part of it.
        """
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            address = cls._read(parts, options)
        except ValueError:
            address = None
        if address is None:
            raise SettingsError(_FORM, setting=SETTING)
        return address

    @classmethod
    def _read(cls, parts: SplitResult, options: dict[str, str]) -> PostgresAddress | None:
        (host, port), *others = _servers(parts, options)
        database = unquote(parts.path.removeprefix("/"))
        known = not options.keys() - _OPTIONS and options.get("pgbouncer", "true") == "true"
        if parts.scheme not in {"postgresql", "postgres"} or not database or not parts.username:
            return None
        if not host or not all(other for other, _ in others):
            return None
        if not known or parts.fragment or "/" in database:
            return None
        return cls(
            host,
            port,
            unquote(parts.username),
            database,
            None if parts.password is None else unquote(parts.password),
            _tls(options, host),
            pooled="pgbouncer" in options,
            others=tuple(others),
        )


def _servers(parts: SplitResult, options: dict[str, str]) -> list[tuple[str, int]]:
    """Raises ValueError where a port is none."""
    named = [urlsplit(f"//{server}") for server in parts.netloc.rpartition("@")[2].split(",")]
    found = [(server.hostname or "", server.port or PORT) for server in named]
    if "host" not in options:
        return found
    if len(found) > 1:
        raise ValueError
    return [(options["host"], found[0][1])]


def _tls(options: dict[str, str], host: str) -> ssl.SSLContext | None:
    mode = options.get("sslmode", "disable" if host.startswith("/") else "verify-full")
    if mode == "disable":
        return None
    if mode != "verify-full":
        detail = (
            "WATCHWORD_STORE: of the values of sslmode only verify-full and disable say what they do. Leave it out, "
            "and name the authority of your own with sslrootcert."
        )
        raise SettingsError(detail, setting=SETTING)
    authorities = options.get("sslrootcert")
    try:
        context = ssl.create_default_context(cafile=Path(authorities).expanduser() if authorities else None)
    except OSError as error:  # includes ssl.SSLError
        detail = f"The file named by sslrootcert in WATCHWORD_STORE {why_useless(error)}."
        raise SettingsError(detail, setting=SETTING) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
