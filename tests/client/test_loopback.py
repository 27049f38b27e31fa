"""Both shells over real sockets, against servers that fail them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from tests.client.answers import ID, KEY, body
from tests.client.both import BOTH, Shell
from tests.client.conftest import RawServer
from watchword.errors import UnavailableError

CHECKED = {"purpose": "login", "to": "maria@example.org"}
APPROVED = body(status="approved")

both = pytest.mark.parametrize("shell", BOTH)
Start = Callable[..., RawServer]


def http(status: str, content: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


@both
def test_an_approval_over_a_real_connection_is_returned(shell: Shell, raw_server: Start) -> None:
    server = raw_server(http("200 OK", APPROVED))

    found = shell(server.address).call("check", ID, "123456", **CHECKED)

    assert found.status == "approved"
    assert f"authorization: bearer {KEY}".lower().encode() in server.asked[0].lower()


@both
def test_a_service_that_is_down_is_unavailable(shell: Shell, closed_port: Callable[[], str]) -> None:
    with pytest.raises(UnavailableError, match=r"Nothing was sent\. \(http://127\.0\.0\.1:\d+, Connection refused\)$"):
        shell(closed_port()).call("check", ID, "123456", **CHECKED)


@both
def test_create_asks_a_service_that_is_down_three_times(shell: Shell, closed_port: Callable[[], str]) -> None:
    client = shell(closed_port())

    with pytest.raises(UnavailableError):
        client.call("create", to="maria@example.org", purpose="login")

    assert len(client.slept) == 2


@both
@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", APPROVED[:-20], length=len(APPROVED)),
        http("200 OK", APPROVED[:-20]),
        http("200 OK", b"<html>Welcome to the hotel. status: approved</html>", "Content-Type: text/html"),
        http("200 OK", b""),
        http("204 No Content", b""),
        http("200 OK", body(status="pending")),
        http("200 OK", APPROVED, "Content-Encoding: gzip"),
        http("502 Bad Gateway", b"<html>"),
        http("500 Internal Server Error", APPROVED),
        http("404 Not Found", b"no such page"),
        b"",
        b"HTTP/1.1 200",
        b"220 relay.example.org ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
    ],
)
def test_a_check_that_gets_no_whole_approval_raises(shell: Shell, raw_server: Start, answer: bytes) -> None:
    server = raw_server(answer)

    with pytest.raises(UnavailableError):
        shell(server.address).call("check", ID, "123456", **CHECKED)

    assert len(server.asked) == 1


@both
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed_and_takes_no_key_along(shell: Shell, raw_server: Start, status: str) -> None:
    elsewhere = raw_server(http("200 OK", APPROVED))
    server = raw_server(http(status, b"", f"Location: {elsewhere.address}/v1/verifications/{ID}/check"))

    with pytest.raises(UnavailableError, match="redirect"):
        shell(server.address).call("check", ID, "123456", **CHECKED)

    assert elsewhere.asked == []


@both
def test_a_service_that_never_answers_is_given_up(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = shell(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=timedelta(milliseconds=50))

        with pytest.raises(UnavailableError, match="in time"):
            client.call("create", to="maria@example.org", purpose="login")

    assert client.slept == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@both
def test_a_certificate_of_the_given_authority_is_accepted(
    shell: Shell, raw_server: Start, authority: trustme.CA, ca_file: Path
) -> None:
    server = raw_server(http("200 OK", APPROVED), server_tls(authority, "127.0.0.1"))

    assert shell(server.address, ca_file=ca_file).call("check", ID, "123456", **CHECKED).id == ID


@both
def test_a_certificate_of_an_unknown_authority_gets_no_request(
    shell: Shell, raw_server: Start, authority: trustme.CA
) -> None:
    server = raw_server(http("200 OK", APPROVED), server_tls(authority, "127.0.0.1"))

    with pytest.raises(UnavailableError, match=r"certificate.*issuer certificate"):
        shell(server.address).call("check", ID, "123456", **CHECKED)

    assert server.asked == []


@both
def test_a_certificate_of_another_name_gets_no_request(
    shell: Shell, raw_server: Start, authority: trustme.CA, ca_file: Path
) -> None:
    server = raw_server(http("200 OK", APPROVED), server_tls(authority, "example.org"))
    client = shell(server.address, ca_file=ca_file)

    with pytest.raises(UnavailableError, match=r"certificate.*not valid for"):
        client.call("create", to="maria@example.org", purpose="login")

    assert server.asked == []
    assert client.slept == []
