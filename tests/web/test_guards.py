"""Who may ask, from where, and by which name."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from tests.support.asgi import HOST
from tests.support.site import TOKEN, Site, a_request
from watchword.core.instant import SECOND

CREATE = "/v1/verifications"
PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


def bearer(key: str) -> tuple[bytes, bytes]:
    return (b"authorization", f"Bearer {key}".encode())


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer wk_",
        b"Bearer wk_" + b"A" * 43,
        b"Bearer wk_" + b"A" * 10_000,
        b"Bearer \xff\xfe",
        b"Basic d2s6d2s=",
        b"wk_" + b"A" * 43,
    ],
)
def test_no_key_or_a_wrong_one_is_a_401(site: Site, authorization: bytes | None) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization)]

    reply = site.call("POST", CREATE, a_request(), headers=headers)

    assert (401, "unauthenticated") == (reply.status, reply.json["code"])
    assert 'Bearer realm="watchword"' == reply.header("www-authenticate")
    assert "http.unauthenticated" in site.world.journal.names()


def test_a_key_with_one_letter_changed_is_a_401(site: Site) -> None:
    key = site.world.key
    changed = key[:-2] + ("A" if key[-2] != "A" else "B") + key[-1]

    assert 401 == site.call("POST", CREATE, a_request(), headers=[bearer(changed)]).status


def test_the_scheme_may_be_spelled_in_any_case(site: Site) -> None:
    headers = [(b"authorization", b"bearer " + site.world.key.encode())]

    assert 201 == site.call("POST", CREATE, a_request(), headers=headers).status


def test_a_revoked_key_is_a_401_within_a_second(site: Site) -> None:
    assert 201 == site.create().status
    site.run(site.world.store.revoke_key(site.world.app.id, site.world.key[:7]))  # as another process would
    site.world.clock.move(SECOND)

    assert 401 == site.create().status


def test_every_address_of_the_api_needs_a_key(site: Site) -> None:
    address, code = site.sent()

    for method, verb, body in (
        ("GET", "", None),
        ("HEAD", "", None),
        ("POST", "/check", {"code": code}),
        ("POST", "/resend", None),
        ("POST", "/cancel", None),
    ):
        assert 401 == site.call(method, address + verb, body).status
    assert "pending" == site.get(address).json["status"]


def test_nobody_without_a_key_makes_us_read_a_body(site: Site) -> None:
    left = [b" " * 1_000] * 60

    site.call("POST", CREATE, pieces=left)

    assert [401] == [line["status"] for line in site.log()]


@pytest.mark.parametrize("query", ["key={}", "api_key={}", "access_token={}", "x={}", "Token=secret"])
def test_a_key_in_an_address_is_refused_and_told(site: Site, query: str) -> None:
    reply = site.post(f"{CREATE}?{query.format(site.world.key)}", a_request())

    assert (400, "key_in_query") == (reply.status, reply.json["code"])
    assert "http.key_in_query" in site.world.journal.names()
    assert site.world.key not in str(site.world.journal.events)


def test_any_other_query_is_ignored_and_not_logged(site: Site) -> None:
    assert 201 == site.post(f"{CREATE}?utm=1", a_request()).status
    assert "utm" not in str(site.world.journal.events)


@pytest.mark.parametrize(
    "name", [b"host", b"authorization", b"content-type", b"content-length", b"idempotency-key", b"cookie"]
)
def test_a_header_that_decides_may_come_once(site: Site, name: bytes) -> None:
    twice = [HOST, site.keyed, (b"content-type", b"application/json"), (name, b"1"), (name, b"1")]

    reply = site.call("POST", CREATE, b"{}", only=twice)

    assert (400, "malformed") == (reply.status, reply.json["code"])
    assert [name.decode().title()] == [error["field"] for error in reply.json["errors"]]


def test_any_other_header_may_come_twice(site: Site) -> None:
    headers = [(b"accept", b"*/*"), (b"accept", b"application/json")]

    assert 201 == site.post(CREATE, a_request(), headers=headers).status


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b" ",
        b"evil.example/path",
        b"evil.example@127.0.0.1",
        b"evil.example:port",
        b"evil.example:123456",
        b"a b",
        b"[::1",
        b"-evil.example",
        b"evil.example\x00",
        b"a" * 300,
        b"<script>",
        b"\xff",
    ],
)
def test_a_host_that_is_none_is_malformed(site: Site, host: bytes) -> None:
    reply = site.call("GET", "/healthz", only=[(b"host", host)])

    assert (400, "malformed") == (reply.status, reply.json["code"])
    assert ["Host"] == [error["field"] for error in reply.json["errors"]]


def test_a_request_without_a_host_is_malformed_unless_it_is_old(site: Site) -> None:
    assert 400 == site.call("GET", "/healthz", only=[]).status
    assert 200 == site.call("GET", "/healthz", only=[], version="1.0").status


def test_a_hostile_host_reaches_no_link_and_no_answer(site: Site) -> None:
    for target in ("/", "/docs", "/openapi.json", "/v1/verifications"):
        reply = site.call("GET", target, only=[(b"host", b"evil.example"), site.keyed])
        assert b"evil.example" not in reply.body
        assert not [value for _, value in reply.headers if b"evil.example" in value]


@pytest.mark.parametrize("host", [b"127.0.0.1:8000", b"localhost:8000", b"[::1]:8000", b"LOCALHOST:8000"])
def test_in_development_mode_the_loopback_names_are_served(desk: Site, host: bytes) -> None:
    assert 200 == desk.call("GET", "/healthz", only=[(b"host", host)]).status


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1", b"127.0.0.1:8001", b"127.0.0.1.nip.io:8000", b"192.0.2.1:8000"]
)
def test_in_development_mode_no_other_host_is_served(desk: Site, host: bytes) -> None:
    reply = desk.call("GET", "/healthz", only=[(b"host", host)])

    assert (421, "misdirected") == (reply.status, reply.json["code"])


def test_a_flood_of_hosts_does_not_grow_the_process(site: Site) -> None:
    for number in range(600):
        assert 200 == site.call("GET", "/healthz", only=[(b"host", b"host%d.example" % number)]).status
    assert len(site.app._hosts._good) <= 256


def seen_client(peer: str, *forwarded: bytes, **config: Any) -> str:
    """The address that the access log gives a request."""
    with Site(**config) as site:
        site.wire.peer = peer
        site.call("GET", "/healthz", headers=[(b"x-forwarded-for", line) for line in forwarded])
        return str(site.log()[-1]["client"])


def test_a_forwarded_address_is_nothing_without_a_trusted_proxy() -> None:
    assert "192.0.2.7" == seen_client("192.0.2.7", b"203.0.113.1")


def test_a_forwarded_address_from_somebody_else_is_nothing() -> None:
    assert "192.0.2.7" == seen_client("192.0.2.7", b"203.0.113.1", trusted_proxies=PROXIES)


def test_a_trusted_proxy_is_believed() -> None:
    assert "203.0.113.1" == seen_client("10.0.0.1", b"203.0.113.1", trusted_proxies=PROXIES)


def test_what_a_client_forged_in_front_of_a_proxy_is_not_believed() -> None:
    assert "203.0.113.1" == seen_client("10.0.0.1", b"198.51.100.9, 203.0.113.1", trusted_proxies=PROXIES)
    assert "203.0.113.1" == seen_client("10.0.0.1", b"198.51.100.9", b"203.0.113.1", trusted_proxies=PROXIES)


def test_a_chain_of_trusted_proxies_is_walked_from_the_right() -> None:
    assert "203.0.113.1" == seen_client(
        "2001:db8:1::1", b"198.51.100.9, 203.0.113.1, 10.1.1.1, 10.2.2.2", trusted_proxies=PROXIES
    )


def test_the_walk_stops_at_what_is_no_address() -> None:
    assert "10.2.2.2" == seen_client("10.0.0.1", b"203.0.113.1, nonsense, 10.2.2.2", trusted_proxies=PROXIES)
    assert "10.0.0.1" == seen_client("10.0.0.1", b"", trusted_proxies=PROXIES)
    assert "10.0.0.1" == seen_client("10.0.0.1", b"203.0.113.1:4711", trusted_proxies=PROXIES)


@pytest.mark.parametrize("zone", [b"eth0", b"z" * 8_000, b'"}\r\n{"event":"forged'])
def test_the_zone_of_an_address_reaches_no_log(zone: bytes) -> None:
    assert "fe80::1" == seen_client("10.0.0.1", b"fe80::1%" + zone, trusted_proxies=PROXIES)


def test_an_address_is_logged_as_it_is_parsed() -> None:
    written = b"2001:0DB8:0002:0000:0000:0000:0000:0001"
    assert "2001:db8:2::1" == seen_client("10.0.0.1", written, trusted_proxies=PROXIES)


@pytest.mark.parametrize("hop", [b"203.0.113.1:80", b"[2001:db8::1]:80", b"203.0.113.1%eth0", b"x" * 8_000, b"\xff"])
def test_what_is_no_address_reaches_no_log(hop: bytes) -> None:
    assert "10.0.0.1" == seen_client("10.0.0.1", hop, trusted_proxies=PROXIES)


def test_a_mapped_peer_is_the_ipv4_proxy_that_it_is() -> None:
    assert "203.0.113.1" == seen_client("::ffff:10.0.0.1", b"203.0.113.1", trusted_proxies=PROXIES)


def test_a_peer_without_an_address_is_no_proxy() -> None:
    assert "" == seen_client("", b"203.0.113.1", trusted_proxies=PROXIES)


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded"])
def test_a_spoofed_forwarding_header_moves_no_limit(site: Site, header: bytes) -> None:
    def ask(number: int) -> int:
        headers = [(header, b"203.0.113.%d" % number)]
        body = a_request(to="ann@example.com", requester={"ip": "198.51.100.1"})
        return site.post(CREATE, body, headers=headers).status

    assert [201, 201, 201, 429] == [ask(number) for number in range(4)]


def test_development_mode_has_its_token_only_in_the_settings(desk: Site) -> None:
    assert TOKEN not in repr(desk.app._hosts)
    ask: Callable[[str], Any] = lambda target: desk.call("GET", target).text  # noqa: E731 - three calls, one line
    assert not [target for target in ("/", "/docs", "/mailbox") if TOKEN in ask(target)]
