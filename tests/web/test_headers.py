"""Security headers, on every answer that can be provoked."""

from __future__ import annotations

import pytest

from tests.support.asgi import Reply
from tests.support.site import TOKEN, Site, a_request
from watchword.web.app import routes

TOKENED = (b"authorization", b"Bearer " + TOKEN.encode())


def every_answer(site: Site) -> dict[str, Reply]:
    """An answer of every route, by every kind of outcome."""
    replies = {}
    for route in routes(site.services):
        path = route.path.replace("{id}", "vf_x").replace("{name}", "tokens.css").replace("{key}", "x")
        replies[f"{route.method} {route.path}"] = site.call(route.method, path)
        replies[f"{route.method} {route.path} keyed"] = site.call(route.method, path, headers=[site.keyed])
        replies[f"PUT {route.path}"] = site.call("PUT", path)
        replies[f"OPTIONS {route.path}"] = site.call("OPTIONS", path)
    replies["201"] = site.create()
    replies["404"] = site.call("GET", "/nothing")
    replies["400"] = site.call("GET", "/", only=[])
    replies["413"] = site.post("/v1/verifications", b" " * 70_000)
    return replies


@pytest.mark.parametrize("token", [None, TOKEN])
def test_every_answer_carries_what_every_answer_must(token: str | None) -> None:
    with Site(mailbox_token=token) as site:
        replies = every_answer(site)

    assert len(replies) > 40
    for name, reply in replies.items():
        assert "no-store" == reply.header("cache-control"), name
        assert "nosniff" == reply.header("x-content-type-options"), name
        assert "no-referrer" == reply.header("referrer-policy"), name
        assert reply.header("content-security-policy").startswith("default-src 'none'; "), name
        assert "frame-ancestors" in reply.header("content-security-policy"), name
        shared = "/v1/pages/" in name  # an app's own page may hold the element, and sends no cookie
        assert ("*" if shared else "") == reply.header("access-control-allow-origin"), name
        assert "" == reply.header("access-control-allow-credentials"), name
        assert "" == reply.header("strict-transport-security"), name
        assert int(reply.header("content-length")) == len(reply.body), name
        assert reply.header("content-type"), name


def test_over_https_browsers_are_told_to_stay_there() -> None:
    with Site(public_url="https://verify.example.com") as site:
        assert {"max-age=31536000"} == {
            reply.header("strict-transport-security") for reply in every_answer(site).values()
        }


@pytest.mark.parametrize("target", ["/", "/docs", "/mailbox", "/s/sc_" + "A" * 22])
def test_a_page_may_load_our_own_files_and_nothing_else(desk: Site, target: str) -> None:
    reply = desk.call("GET", target)

    policy = dict(part.split(" ", 1) for part in reply.header("content-security-policy").split("; "))
    assert "'none'" == policy.pop("default-src")
    assert {"'self'"} == {
        policy.pop(each) for each in list(policy) if each.split("-")[0] in {"script", "style", "img", "connect"}
    }
    assert {"base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}.items() <= policy.items()
    assert ("DENY", "same-origin") == (reply.header("x-frame-options"), reply.header("cross-origin-opener-policy"))
    assert "noindex, nofollow" == reply.header("x-robots-tag")


def test_a_mail_is_framed_by_our_page_alone_and_may_do_nothing(desk: Site) -> None:
    desk.sent()
    (mail,) = desk.call("GET", "/mailbox/mails", headers=[TOKENED]).json

    reply = desk.call("GET", f"/mailbox/mails/{mail['key']}/html", headers=[TOKENED])

    policy = reply.header("content-security-policy")
    assert (200, "SAMEORIGIN") == (reply.status, reply.header("x-frame-options"))
    assert "script-src" not in policy
    assert policy.endswith("; sandbox")
    assert "frame-ancestors 'self'" in policy


def test_a_machine_answer_is_not_framed_either(site: Site) -> None:
    reply = site.post("/v1/verifications", a_request())

    assert "default-src 'none'; frame-ancestors 'none'" == reply.header("content-security-policy")
