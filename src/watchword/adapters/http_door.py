"""Asking one HTTP service that the operator named: over TLS that was verified, with time limits, and nowhere else.

The only ways out are an answer and a DeliveryError, by the words that the SMTP relay has:

    unreachable           no such host, nobody listens, no route
    tls_certificate       the certificate does not verify, for this host, today
    tls_handshake         no common TLS version, or the handshake broke
    timeout               no answer in time                         uncertain once the request was out
    connection_lost       the service hung up                       uncertain
    auth_refused          it does not know us (401, 403)
    provider_deferred     too many at once (429)
    provider_failed       5xx, or an answer that is none
    refused               any other 4xx                             permanent

Not handled here: what is asked (``sms_twilio.py``, ``sms_gateway.py``, ``sms_signals.py``).

Rules: the address comes from the settings and never from a request; no redirect is followed and no proxy of the
environment is used; plain HTTP reaches this machine and no other; no error carries what was sent or answered.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx

from watchword.adapters.authorities import why_useless
from watchword.core.message import Receipt, TlsFacts
from watchword.errors import DeliveryError, SettingsError

PATIENCE: Final = httpx.Timeout(10.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class DoorAddress:
    """Where a service is, and who we are there."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str, setting: str) -> DoorAddress:
        """Read ``https://user:password@host/path``.

        Raises:
            SettingsError: it is of another form. Its text holds no part of the address, which may hold a password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
        except ValueError:
            host, port, user, password = "", None, "", ""
            parts = urlsplit("")
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))
        if not host or not is_safe or parts.query or parts.fragment or not url.isascii() or not url.isprintable():
            detail = f"{setting} must be https://user:password@host/path; http is for this machine alone."
            raise SettingsError(detail, setting=setting)
        name = f"[{host}]" if ":" in host else host
        return cls(f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{parts.path}", user, password)

    @property
    def is_encrypted(self) -> bool:
        """Whether what is said here is said over TLS."""
        return self.url.startswith("https:")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Make the context for talking to providers: TLS 1.2 or newer, certificate and host name verified.

    With ``ca_file`` the authorities in that file are trusted besides the system's.

    Raises:
        SettingsError: the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # includes ssl.SSLError
            detail = f"The file in WATCHWORD_SMS_CA {why_useless(error)}."
            raise SettingsError(detail, setting="WATCHWORD_SMS_CA") from None
    return context


class Door:
    """One service. Safe to share by all tasks of one event loop."""

    def __init__(self, address: DoorAddress, tls: ssl.SSLContext) -> None:
        self.address = address
        self._client = httpx.AsyncClient(
            verify=tls, timeout=PATIENCE, follow_redirects=False, trust_env=False, headers={"user-agent": "watchword"}
        )

    async def post(
        self,
        path: str = "",
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        authorize: bool = True,
    ) -> httpx.Response:
        """Ask, once.

        Raises:
            DeliveryError: anything but a 2xx.
        """
        auth = httpx.BasicAuth(self.address.user, self.address.password) if authorize and self.address.user else None
        try:
            answer = await self._client.post(
                self.address.url + path,
                data=form,
                content=content,
                headers=headers,
                auth=auth or httpx.USE_CLIENT_DEFAULT,
            )
        except httpx.ConnectTimeout:
            raise DeliveryError(reason="timeout") from None
        except httpx.ConnectError as error:
            raise DeliveryError(reason=_connecting(error)) from None
        except httpx.TimeoutException:
            raise DeliveryError(reason="timeout", uncertain=True) from None
        except httpx.HTTPError:
            raise DeliveryError(reason="connection_lost", uncertain=True) from None
        _demand_success(answer.status_code)
        return answer

    def receipt(self, answer: httpx.Response) -> Receipt:
        """That a message was taken, and what the handshake proved."""
        host = urlsplit(self.address.url).hostname or ""
        return Receipt("T1", host, _facts(answer)) if self.address.is_encrypted else Receipt("T0", host)

    async def aclose(self) -> None:
        """Close what is kept open."""
        await self._client.aclose()


def _connecting(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "tls_certificate"
        if isinstance(error, ssl.SSLError):
            return "tls_handshake"
        error = error.__cause__ or error.__context__
    return "unreachable"


def _demand_success(status: int) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise DeliveryError(reason="auth_refused")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise DeliveryError(reason="provider_deferred")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise DeliveryError(reason="refused", permanent=True)
    raise DeliveryError(reason="provider_failed")


def _facts(answer: httpx.Response) -> TlsFacts | None:
    stream = answer.extensions.get("network_stream")
    tls = stream and stream.get_extra_info("ssl_object")
    if not tls:
        return None
    certificate = tls.getpeercert(binary_form=True) or b""
    return TlsFacts(tls.version() or "", (tls.cipher() or ("",))[0], hashlib.sha256(certificate).hexdigest())
