"""Pages for people: nothing inline, nothing from elsewhere, nothing that is not there."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.support.site import Site
from watchword.web import pages

STATIC = Path(pages.__file__).parent / "static"
SECRET = "/s/sc_" + "A" * 22
ASKED = "vf_" + "A" * 22
ENROLLED = "au_" + "A" * 22
PAGES = ["/", "/start", "/docs", "/mailbox", SECRET, SECRET + "/status", f"/l/{ASKED}", f"/v/{ASKED}"]


@pytest.mark.parametrize("target", ["/", SECRET, SECRET + "/status", f"/l/{ASKED}", f"/v/{ASKED}", f"/a/{ENROLLED}"])
def test_what_a_page_says_without_scripts_is_in_none_of_its_hidden_parts(desk: Site, target: str) -> None:
    page = desk.call("GET", target).text

    assert 0 < page.index("<noscript>") < page.index("data-when=")


def test_a_browser_is_shown_a_page_where_there_is_nothing_and_a_program_a_problem(desk: Site) -> None:
    shown = desk.call("GET", "/s", headers=[(b"accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")])
    told = desk.call("GET", "/s", headers=[(b"accept", b"*/*")])

    assert (404, "text/html; charset=utf-8") == (shown.status, shown.header("content-type"))
    assert "There is nothing at this address" in shown.text
    assert [] == re.findall(r"<script|data-when", shown.text)
    assert (404, "application/problem+json") == (told.status, told.header("content-type"))


def test_a_page_says_without_scripts_too_that_sharing_is_off(site: Site) -> None:
    flow = site.world.secrets
    flow.rules = flow.rules._replace(creation="off")

    page = site.call("GET", "/").text
    assert 0 < page.index("switched sharing off") < page.index("data-when=")


@pytest.mark.parametrize("target", PAGES)
def test_a_page_is_html_with_nothing_inline_and_nothing_from_elsewhere(desk: Site, target: str) -> None:
    page = desk.call("GET", target)

    assert (200, "text/html; charset=utf-8") == (page.status, page.header("content-type"))
    assert [] == re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page.text)
    for address in re.findall(r'(?:src|href)="([^"]*)"', page.text):
        assert address.startswith(("/", "#")), address
        assert not address.startswith("//"), address


@pytest.mark.parametrize("target", PAGES)
def test_everything_a_page_points_at_is_there(desk: Site, target: str) -> None:
    page = desk.call("GET", target).text
    anchors = set(re.findall(r'id="([^"]*)"', page))

    for address in set(re.findall(r'(?:src|href)="([^"]*)"', page)):
        if address.startswith("#"):
            assert address[1:] in anchors
        else:
            assert 200 == desk.call("GET", address).status, address


@pytest.mark.parametrize("target", PAGES)
def test_no_id_is_given_twice(desk: Site, target: str) -> None:
    ids = re.findall(r'\sid="([^"]*)"', desk.call("GET", target).text)

    assert len(ids) == len(set(ids))


def test_every_shipped_file_is_served_under_its_type(site: Site) -> None:
    kinds = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
    files = [path for path in STATIC.iterdir() if path.is_file()]

    assert len(files) > 5
    for path in files:
        reply = site.call("GET", f"/static/{path.name}")
        assert (200, kinds[path.suffix], path.read_bytes()) == (reply.status, reply.header("content-type"), reply.body)


@pytest.mark.parametrize(
    "name", ["..", "../app.py", "%2e%2e", "tokens.css/", "nothing.css", "", ".", "tokens.CSS", "a\x00"]
)
def test_nothing_else_is_served(site: Site, name: str) -> None:
    assert 404 == site.call("GET", f"/static/{name}").status


def test_the_mailbox_is_spoken_of_in_development_mode_alone(site: Site, desk: Site) -> None:
    assert "mailbox" in desk.call("GET", "/").text
    assert "mailbox" in desk.call("GET", "/start").text
    assert "mailbox" not in site.call("GET", "/").text + site.call("GET", "/start").text
    assert "/mailbox" not in site.call("GET", "/docs").text


def test_commands_on_pages_use_the_configured_address() -> None:
    with Site(public_url="https://verify.example.com") as site:
        for target in ("/start", "/docs"):
            commands = re.findall(r"curl -sS(?: -X \w+)? (\S+)", site.call("GET", target).text)
            assert commands
            assert {True} == {command.startswith("https://verify.example.com/") for command in commands}


def test_text_between_backticks_is_code_and_everything_is_escaped() -> None:
    assert "a <code>&lt;b&gt;</code> &amp; c" == pages.inline_code("a `<b>` & c")


def test_scripts_write_no_html() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in STATIC.glob("*.js")]

    assert scripts
    for script in scripts:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage|srcdoc", script
        )


# --- compressed ------------------------------------------------------------------------------------


def asked(site: Site, accepted: str) -> tuple[str, bytes]:
    reply = site.call("GET", "/static/tokens.css", headers=[(b"accept-encoding", accepted.encode())])
    assert "accept-encoding" == reply.header("vary")
    return reply.header("content-encoding"), reply.body


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.5", "*", "gzip;q=0.001"])
def test_a_shipped_file_is_compressed_for_who_takes_that(site: Site, accepted: str) -> None:
    coding, body = asked(site, accepted)

    assert "gzip" == coding
    assert (STATIC / "tokens.css").read_bytes() == gzip.decompress(body)


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "gzip;q=0.000", "gzip; q=x", "xgzip", "gzipx"])
def test_it_is_sent_as_it_is_to_everybody_else(site: Site, accepted: str) -> None:
    assert ("", (STATIC / "tokens.css").read_bytes()) == asked(site, accepted)


@pytest.mark.parametrize("target", ["/", "/openapi.json", SECRET])
def test_nothing_else_is_compressed(site: Site, target: str) -> None:
    reply = site.call("GET", target, headers=[(b"accept-encoding", b"gzip")])

    assert (200, "") == (reply.status, reply.header("content-encoding"))
