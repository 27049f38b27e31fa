"""An address has one spelling."""

from __future__ import annotations

import pytest

from tests.support.site import Site, a_request


@pytest.mark.parametrize(
    "target", ["/%76erifications", "/verification%73", "/verifications%2F", "%2fverifications", "/verifications%00"]
)
def test_an_escaped_address_is_none_of_ours(site: Site, target: str) -> None:
    reply = site.post("/v1" + target, a_request())

    assert (404, "no_such_address") == (reply.status, reply.json["code"])
    assert ["unmatched"] == [line["route"] for line in site.log()]


@pytest.mark.parametrize(
    "target", ["/%6detrics", "/%68ealthz", "/./healthz", "//healthz", "/healthz/", "/x/../healthz"]
)
def test_what_a_proxy_keeps_inside_has_no_second_spelling(site: Site, target: str) -> None:
    assert 404 == site.call("GET", target).status


def test_an_escaped_id_is_unknown(site: Site) -> None:
    address, code = site.sent()
    before, name = address.rsplit("/", 1)

    assert 404 == site.get(f"{before}/%76{name[1:]}").status
    assert 404 == site.post(f"{before}/%76{name[1:]}/check", {"code": code}).status
    assert 405 == site.post(f"{before}/{name}%2Fcheck", {"code": code}).status  # an odd id, which one may only get
    assert "pending" == site.get(address).json["status"]


def test_bytes_that_are_no_letters_are_no_address(site: Site) -> None:
    assert 404 == site.call("GET", "/h\xe9althz").status
