"""The pages around links and codes are shells: the same for everybody and every id, and looking changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.site import Site
from watchword.web import pages

STATIC = Path(pages.__file__).parent / "static"
ID = "vf_" + "A" * 22
MOST = 70_000  # bytes that a page weighs with everything it loads, before any compression; a third of it after


@pytest.mark.parametrize("page", ["/l/{}", "/v/{}", "/a/{}"])
def test_the_page_is_the_same_for_every_id_and_whatever_stands_behind_it(site: Site, page: str) -> None:
    there = site.create().json["id"]

    replies = [site.call("GET", page.format(key)) for key in (there, ID, "nonsense", f"{ID}%23token", f"{ID}?x=1")]

    assert {200} == {reply.status for reply in replies}
    assert 1 == len({reply.body for reply in replies})
    assert [] == re.findall(r"vf_[A-Za-z0-9_-]{22}", replies[0].text)


@pytest.mark.parametrize("target", [f"/l/{ID}", f"/v/{ID}", f"/a/{ID}"])
def test_no_look_redirects_or_sets_a_cookie_whoever_looks(site: Site, target: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        for purpose in (b"prefetch", b"prefetch;prerender", b"preview"):
            reply = site.call(method, target, headers=[(b"sec-purpose", purpose), (b"purpose", purpose)])

            assert 200 == reply.status
            assert "" == (reply.header("location") or "")
            assert "" == (reply.header("set-cookie") or "")


@pytest.mark.parametrize("target", [f"/l/{ID}", f"/v/{ID}", f"/a/{ID}"])
def test_a_page_takes_no_other_method_and_tells_no_robot_anything(site: Site, target: str) -> None:
    assert {405} == {site.call(method, target).status for method in ("POST", "PUT", "DELETE")}
    page = site.call("GET", target)
    assert "noindex, nofollow" == page.header("x-robots-tag")
    assert "no-referrer" == page.header("referrer-policy")
    assert "no-store" == page.header("cache-control")
    assert "form-action 'none'" in str(page.header("content-security-policy"))


def test_without_scripts_the_link_says_what_to_do(site: Site) -> None:
    (told,) = re.findall(r"<noscript>(.*?)</noscript>", site.call("GET", f"/l/{ID}").text, re.DOTALL)

    assert "Allow scripts" in told
    assert "If the mail has a code, too, type it" in told  # a link alone may have been asked for
    assert "not used up" in told


@pytest.mark.parametrize("target", [f"/l/{ID}", f"/v/{ID}", f"/a/{ID}"])
def test_a_page_is_light_with_everything_it_loads(site: Site, target: str) -> None:
    page = site.call("GET", target)
    weight = len(page.body)
    waiting = re.findall(r'(?:src|href)="/static/([^"]+)"', page.text)
    loaded: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in loaded:
            continue
        loaded.add(name)
        content = (STATIC / name).read_text(encoding="utf-8")
        weight += len(content.encode())
        waiting += re.findall(r'^import .* from "\./([^"]+)";$', content, re.MULTILINE)

    assert {"tokens.css", "app.css", "asked.css", "mark.svg", "address.js"} <= loaded
    assert weight < MOST


def test_the_element_is_one_file_that_a_strict_policy_lets_be() -> None:
    content = (STATIC / "watchword-code.js").read_text(encoding="utf-8")

    assert [] == re.findall(
        r"^import |import\(|\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML", content, re.MULTILINE
    )
    assert [] == re.findall(r"\.style\b|document\.write|localStorage|sessionStorage|document\.cookie", content)
