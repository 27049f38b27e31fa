"""The pages of secret links are shells: the same for everybody and every id, and looking changes nothing."""

from __future__ import annotations

import re

import pytest

from tests.support.secret import a_secret
from tests.support.site import Site
from watchword.core.instant import DAY

UNFURLERS = ("Slackbot-LinkExpanding 1.0", "facebookexternalhit/1.1", "Mozilla/5.0 (compatible; Googlebot/2.1)")


def a_shared_one(site: Site) -> tuple[str, str]:
    """The id and the manage token of a secret that exists."""
    made = site.post("/v1/secrets", a_secret()).json
    return made["id"], made["manage_token"]


@pytest.mark.parametrize("page", ["/s/{}", "/s/{}/status"])
def test_the_page_is_the_same_whether_the_secret_exists_or_not(site: Site, page: str) -> None:
    there, _ = a_shared_one(site)

    replies = [site.call("GET", page.format(key)) for key in (there, "sc_" + "A" * 22, "nonsense", there + "%23key")]

    assert {200} == {reply.status for reply in replies}
    assert 1 == len({reply.body for reply in replies})


def test_looking_changes_nothing_whoever_looks(site: Site) -> None:
    key, token = a_shared_one(site)
    bearer = [(b"authorization", f"Bearer {token}".encode())]
    before = site.call("GET", f"/v1/secrets/{key}/status", headers=bearer).json

    for agent in UNFURLERS:
        for method in ("GET", "HEAD", "OPTIONS"):
            for purpose in (b"prefetch", b"preview"):
                headers = [(b"user-agent", agent.encode()), (b"purpose", purpose)]
                assert 200 == site.call(method, f"/s/{key}", headers=headers).status

    assert before == site.call("GET", f"/v1/secrets/{key}/status", headers=bearer).json
    assert "waiting" == before["state"]


def test_robots_and_previews_see_a_neutral_shell(site: Site) -> None:
    page = site.call("GET", f"/s/{a_shared_one(site)[0]}")

    assert "noindex, nofollow" == page.header("x-robots-tag")
    assert "no-referrer" == page.header("referrer-policy")
    assert "no-store" == page.header("cache-control")
    assert [] == re.findall(r"sc_[A-Za-z0-9_-]{22}", page.text)
    assert '<meta name="robots" content="noindex' in page.text


def test_a_page_takes_no_other_method(site: Site) -> None:
    for target in ("/", "/s/sc_" + "A" * 22):
        assert {405} == {site.call(method, target).status for method in ("POST", "PUT", "DELETE")}


def test_fields_leave_nothing_to_autofill_or_spelling_services(site: Site) -> None:
    for target in ("/", "/s/x"):
        fields = re.findall(r"<(?:input|textarea)[^>]*>", site.call("GET", target).text)
        typed = [field for field in fields if not re.search(r'type="(?:file|checkbox)"', field)]
        assert typed
        for field in typed:
            assert 'autocomplete="off"' in field, field
            assert 'spellcheck="false"' in field, field
            assert " name=" not in field, field


def test_the_operator_decides_who_may_share_and_for_how_long(site: Site) -> None:
    flow = site.world.secrets
    assert "30 days" in site.call("GET", "/").text

    flow.rules = flow.rules._replace(longest=3 * DAY, creation="key")
    page = site.call("GET", "/").text
    assert 'id="apikey"' in page
    assert "3 days" in page
    assert "7 days" not in page

    flow.rules = flow.rules._replace(creation="off")
    page = site.call("GET", "/").text
    assert "<textarea" not in page
    assert "switched sharing off" in page


def test_links_are_put_together_with_the_configured_address() -> None:
    with Site(public_url="https://verify.example.com") as site:
        assert 'data-public-url="https://verify.example.com"' in site.call("GET", "/").text
