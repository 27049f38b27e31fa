"""Addresses, keys and TLS: what a client may be opened with."""

from __future__ import annotations

import inspect
import ssl
from datetime import timedelta
from pathlib import Path
from socket import gaierror
from typing import Any

import httpx
import pytest

from tests.client.answers import KEY
from watchword.client import AsyncClient, Client
from watchword.client.connection import Connection, read_address
from watchword.client.protocol import Break, Failure
from watchword.errors import SettingsError

HERE = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://codes.example.org", "https://codes.example.org"),
        ("https://codes.example.org/", "https://codes.example.org"),
        ("https://codes.example.org:8443/watchword/", "https://codes.example.org:8443/watchword"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_https_and_this_machine_are_good_addresses(text: str, expected: str) -> None:
    assert read_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://codes.example.org",
        "http://192.0.2.7",
        "http://10.0.0.1",
        "http://0.0.0.0:8000",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://127.1",
        "http://[::ffff:192.0.2.7]",
        "http://127.0.0.1@example.org",
        "http://127.0.0.1\\@example.org",
        "http://127.0.0.1#@example.org",
        "https://name:word@example.org",
        "https://example.org?key=1",
        "https://example.org/#top",
        "https://example.org\n",
        " https://example.org",
        "HTTPS//example.org",
        "ftp://example.org",
        "example.org",
        "https://example.org:0",
        "https://example.org:65536",
        "https://[:::]",
        "https://xn--.example.org",
        "https://example.org/a/../b",
        "https://",
        "https://codes.example.org/v1",
        "https://codes.example.org/watchword/v1/",
        "",
        None,
    ],
)
def test_any_other_address_is_refused_without_being_repeated(text: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        read_address(text)

    assert caught.value.setting == "base_url"
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " ", f"{KEY}\n", "wk_ключключ", "a\r\nX-Evil: 1", "k" * 201, None])
def test_what_cannot_be_a_key_is_refused_without_being_repeated(key: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        Connection(HERE, key)

    assert caught.value.setting == "api_key"
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "variable"),
        (None, "variable"),
        (f"{KEY}\n", "strip"),
        (f" {KEY}", "strip"),
        (f"Bearer {KEY}", "without the word Bearer"),
        ("my key", "wk_"),
    ],
)
def test_a_slip_with_the_key_is_told_for_what_it_is(key: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Connection(HERE, key)


def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        Connection(HERE, KEY, timeout=timedelta(0))

    assert caught.value.setting == "timeout"


def test_a_timeout_without_a_unit_is_refused() -> None:
    seconds: Any = 5
    with pytest.raises(SettingsError, match=r"^A timeout is a timedelta"):
        Connection(HERE, KEY, timeout=seconds)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_a_file_of_authorities_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        Client(HERE, KEY, ca_file=file)

    assert caught.value.setting == "ca_file"


def test_a_request_waits_ten_seconds_unless_told_otherwise() -> None:
    assert Connection(HERE, KEY).options()["timeout"] == 10.0


def test_certificates_are_verified_and_nothing_can_turn_that_off() -> None:
    tls = Connection(HERE, KEY).options()["verify"]

    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
    for client in (Client, AsyncClient):
        assert not [name for name in inspect.signature(client).parameters if "verify" in name or "tls" in name]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("no"), Failure.UNREACHED),
        (httpx.ConnectTimeout("no"), Failure.UNCONNECTED),
        (httpx.PoolTimeout("no"), Failure.UNCONNECTED),
        (httpx.ReadTimeout("no"), Failure.LATE),
        (httpx.ReadError("no"), Failure.LOST),
        (httpx.RemoteProtocolError("no"), Failure.LOST),
        (httpx.DecodingError("no"), Failure.LOST),
    ],
)
def test_what_httpx_raises_is_put_into_our_words(error: httpx.HTTPError, expected: Failure) -> None:
    assert Connection(HERE, KEY).broken(error) == Break(expected, HERE)


@pytest.mark.parametrize(
    ("cause", "expected", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), Failure.UNREACHED, "Connection refused"),
        (gaierror(-2, "Name or service not known"), Failure.UNREACHED, "Name or service not known"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), Failure.UNSECURED, ""),
        (
            ExceptionGroup("all of them", [ConnectionRefusedError(111, "Connection refused")]),
            Failure.UNREACHED,
            "Connection refused",
        ),
    ],
)
def test_why_no_connection_came_about_is_said(cause: Exception, expected: Failure, reason: str) -> None:
    error = httpx.ConnectError("no")
    error.__cause__ = cause

    assert Connection(HERE, KEY).broken(error) == Break(expected, f"{HERE}, {reason}" if reason else HERE)


def test_the_key_is_in_no_repr() -> None:
    with Client(HERE, KEY) as client:
        assert KEY not in repr(client) + repr(client._connection) + repr(client._http) + repr(client._http.headers)
        assert repr(client) == f"Client({HERE!r})"
    assert repr(AsyncClient(HERE, KEY)) == f"AsyncClient({HERE!r})"
