"""Where the service is and how to reach it: address, key, TLS, and httpx's exceptions put into our words.

Not handled here: what is said (``client/verification.py``), the socket itself (httpx, in the two shells).

Rules:

* https, except to this very machine; certificate and host name are verified and nothing turns that off;
* no proxy, no credentials file and no other setting of the environment comes between (``trust_env=False``), so a
  key cannot end up at a proxy;
* redirects are not followed, or a key could travel to wherever an answer points;
* the key is in no ``repr`` and no exception.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import gaierror
from typing import TypedDict

import httpx

from watchword.client import allowance
from watchword.client.protocol import Break, Failure, Reply
from watchword.errors import SettingsError

TIMEOUT = timedelta(seconds=10)

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::[0-9]{1,5})?(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?",
    re.ASCII,
)
_PORTS = 2**16
_KEY = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
# Shorter than the five seconds after which uvicorn closes an idle connection: a check that meets a connection
# which is just being closed fails, and a check is never sent twice.
_KEEPALIVE = 2.0


class Options(TypedDict):
    """What both httpx clients are opened with."""

    headers: dict[str, str]
    timeout: float
    verify: ssl.SSLContext
    trust_env: bool
    follow_redirects: bool
    limits: httpx.Limits


@dataclass(frozen=True, slots=True)
class Connection:
    """The service's address and what it takes to be let in. ``ca_file`` replaces the system's own authorities.

    With ``anonymous`` no key is sent, whatever ``api_key`` holds.

    Raises:
        SettingsError: one of them cannot be used; ``setting`` says which, and no value is repeated.
    """

    address: str
    api_key: str = field(repr=False)
    timeout: timedelta = TIMEOUT
    ca_file: Path | str | None = None
    # A flag and not an empty key: an environment variable that is not set must not make a client anonymous.
    anonymous: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work or is not safe."""
        object.__setattr__(self, "address", read_address(self.address))
        if not self.anonymous:
            _demand_key(self.api_key)
        if not isinstance(self.timeout, timedelta):
            raise SettingsError("A timeout is a timedelta, timedelta(seconds=5) say.", setting="timeout")
        if self.timeout <= timedelta(0):
            raise SettingsError("A timeout is longer than nothing.", setting="timeout")

    def url(self, path: str) -> str:
        """The whole address of a path."""
        return self.address + path

    def broken(self, error: httpx.HTTPError) -> Break:
        """Put what went wrong into our words. Of the error itself nothing is kept, because it holds the request."""
        failure, reason = _judge(error)
        return Break(failure, f"{self.address}, {reason}" if reason else self.address)

    def options(self) -> Options:
        """What to open httpx with."""
        key = {} if self.anonymous else {"Authorization": f"Bearer {self.api_key}"}
        return Options(
            headers=key
            | {
                "Accept": "application/json, application/problem+json",
                "Accept-Encoding": "identity",
                "User-Agent": "watchword-python",
            },
            timeout=self.timeout.total_seconds(),
            verify=_tls(self.ca_file),
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEEPALIVE),
        )


def read_address(text: str) -> str:
    """Read the service's address, with or without a path; the last slash goes.

    Raises:
        SettingsError: it is no such address, or plain http to another machine.
    """
    found = _match(_ADDRESS, text)
    if found is None or not _is_reachable(text):
        raise SettingsError(
            "The address is https://host, with a port and a path if need be, and nothing else.", setting="base_url"
        )
    if found["scheme"] == "http" and not _is_loopback(found["host"]):
        raise SettingsError("Plain http is for this machine alone; use https.", setting="base_url")
    address = text.removesuffix("/")
    if address.endswith("/v1"):
        raise SettingsError("The address is the service's own, without the /v1 of its paths.", setting="base_url")
    return address


def reply(response: httpx.Response) -> Reply:
    """Put an answer into our words."""
    headers = response.headers
    left = allowance.read(headers.get("RateLimit"), headers.get("RateLimit-Policy"))
    return Reply(response.status_code, response.content, headers.get("Retry-After"), left)


def _judge(error: httpx.HTTPError) -> tuple[Failure, str]:
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Failure.UNCONNECTED, ""
    if isinstance(error, httpx.TimeoutException):
        return Failure.LATE, ""
    return _unconnected(error) if isinstance(error, httpx.ConnectError) else (Failure.LOST, "")


def _unconnected(error: httpx.ConnectError) -> tuple[Failure, str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure.DISTRUSTED, cause.verify_message.rstrip(".")
        if isinstance(cause, ssl.SSLError):
            return Failure.UNSECURED, str(getattr(cause, "reason", None) or "").replace("_", " ").lower()
        if isinstance(cause, gaierror):
            return Failure.UNREACHED, cause.strerror or ""
        if isinstance(cause, OSError) and cause.errno:  # asyncio puts words of its own in the place of the system's
            return Failure.UNREACHED, os.strerror(cause.errno)
    return Failure.UNREACHED, ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an error came of, the last first; of several at once, the first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        several = cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
        cause = several[0] if several else cause.__cause__ or cause.__context__


def _demand_key(key: object) -> None:
    if not key:
        raise SettingsError("There is no API key. Is its variable set?", setting="api_key")
    if isinstance(key, str) and key != key.strip():
        raise SettingsError("The API key has a blank or a line's end around it: strip it.", setting="api_key")
    if isinstance(key, str) and key.lower().startswith("bearer "):
        raise SettingsError("Give the API key alone, without the word Bearer.", setting="api_key")
    if not _match(_KEY, key):
        raise SettingsError("This is not an API key: wk_ and letters, digits, - and _.", setting="api_key")


def _match(pattern: re.Pattern[str], value: object) -> re.Match[str] | None:
    # os.environ.get gives None where a variable is not set, whatever the annotations say.
    return pattern.fullmatch(value) if isinstance(value, str) else None


def _is_reachable(text: str) -> bool:
    # The pattern says what is allowed; whether a name or an IPv6 address is one at all, httpx knows.
    try:
        url = httpx.URL(text)
        return bool(url.host) and (url.port is None or 0 < url.port < _PORTS)
    except (httpx.InvalidURL, ValueError):
        return False


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _tls(ca_file: Path | str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        context = None
    if context is None:
        raise SettingsError("The file of certificate authorities cannot be read.", setting="ca_file")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
