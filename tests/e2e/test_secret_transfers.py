"""Connections that are cut under a browser: whoever claimed gets the secret all the same, and files go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.e2e.conftest import Site, on
from tests.e2e.secret_people import behind, choose, ends_with, made, reveal, share, somebody, status_link
from tests.support.tap import ALWAYS, Tap

pytestmark = [pytest.mark.xdist_group(__name__), on("desktop-night")]

SECRET = "correct horse battery staple " * 300
CONTENT = bytes(range(256)) * 16_384  # 4 MiB
CLAIM = rb"POST /v1/secrets/\S+/claim "
UP = rb"PUT /v1/secrets/\S+/blobs/"
DOWN = rb"GET /v1/secrets/\S+/blobs/"
EVERYWHERE = pytest.mark.parametrize("percent", [0, 50, 99])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Tap]]:
    """One service for all of this module, and the proxy in front of it."""
    with behind(tmp_path_factory.mktemp("transfers")) as both:
        yield both


@EVERYWHERE
def test_a_claim_whose_answer_is_cut_is_answered_again(
    place: tuple[Site, Tap], page: Page, browser: Browser, percent: int
) -> None:
    site, tap = place
    link = share(page, site.url, SECRET)
    keep = status_link(page)
    page.goto(link)
    before = len(tap.asked(CLAIM))
    with tap.cutting(CLAIM, percent):
        page.get_by_role("button", name="Reveal").click()
        expect(page.locator("#problem")).to_contain_text("Nothing was lost")
        with somebody(browser) as other:  # the view is spent, and nobody else gets the secret meanwhile
            theirs = other.new_page()
            theirs.goto(link)
            ends_with(theirs, "opened")
    cut = tap.asked(CLAIM)[before:]
    assert {b"HTTP/1.1 200 OK"} == {each.answer_head.partition(b"\r\n")[0] for each in cut}
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)
    assert 1 == len({bytes(each.body) for each in tap.asked(CLAIM)[before:]})
    page.get_by_role("button", name="Done").click()
    ends_with(page, "done")
    page.goto(keep)
    expect(page.locator("#facts dd").last).to_have_text("1 of 1 time")


@EVERYWHERE
def test_a_page_that_is_loaded_anew_after_a_cut_opens_what_it_claimed(
    place: tuple[Site, Tap], page: Page, percent: int
) -> None:
    site, tap = place
    link = share(page, site.url, SECRET)
    page.goto(link)
    with tap.cutting(CLAIM, percent):
        page.get_by_role("button", name="Reveal").click()
        expect(page.locator("#problem")).to_contain_text("Nothing was lost")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#terms")).to_contain_text("You can see it again")
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)


@EVERYWHERE
def test_a_file_that_is_cut_on_its_way_goes_on_from_there(
    place: tuple[Site, Tap], page: Page, tmp_path: Path, percent: int
) -> None:
    site, tap = place
    page.goto(site.url)
    choose(page, "large.bin", CONTENT, "application/octet-stream")
    before = len(tap.exchanges)

    def is_question(asked: Request) -> bool:
        return asked.headers.get("content-range", "").startswith("bytes */")

    # Cut until the page itself asks how much has arrived: a browser tries again of its own a few times.
    with tap.cutting(UP, percent, way="request") as up, page.expect_request(is_question):
        page.get_by_role("button", name="Make the link").click()
    link = made(page)
    sent = [each for each in tap.exchanges[before:] if each in tap.asked(UP)]
    places = [each.header("Content-Range") for each in sent]
    assert up.times < ALWAYS
    assert bool(re.match(rb"bytes [1-9]", places[-1])) == (percent > 0)  # what had arrived is not sent again

    reveal(page, link)
    with tap.cutting(DOWN, percent, times=1) as down, page.expect_download() as coming:
        page.get_by_role("button", name="Save large.bin").click()
        coming.value.save_as(tmp_path / "large.bin")
    assert 0 == down.times
    assert CONTENT == (tmp_path / "large.bin").read_bytes()
    ranges = [each.header("Range") for each in tap.exchanges[before:] if each in tap.asked(DOWN)]
    assert (b"bytes=" in b"".join(ranges)) == (percent > 0)


def test_a_server_that_stays_away_is_told_and_nothing_is_lost(place: tuple[Site, Tap], page: Page) -> None:
    site, _ = place
    page.clock.install()
    page.goto(site.url)
    choose(page, "large.bin", CONTENT[:100_000], "application/octet-stream")
    tries: list[str] = []

    def refuse(route: Route) -> None:
        tries.append("")
        route.abort()

    page.route("**/blobs/*", refuse)
    page.get_by_role("button", name="Make the link").click()
    page.clock.run_for(1)
    problem = page.locator("#problem")
    while not problem.is_visible() and len(tries) < 50:
        page.clock.fast_forward(9_000)
    expect(problem).to_contain_text("Nothing was lost")
    expect(page.locator("#files")).to_contain_text("large.bin")
    assert len(tries) == 6
    page.unroute("**/blobs/*")
    page.get_by_role("button", name="Make the link").click()
    made(page)
