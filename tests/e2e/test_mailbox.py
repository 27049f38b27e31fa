"""The development mailbox and the other pages, as a person uses them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site, on

pytestmark = [pytest.mark.xdist_group(__name__), on("desktop-night")]


def test_a_developer_reads_a_code_in_the_mailbox_and_it_is_right(site: Site, page: Page) -> None:
    made = site.ask("ann@example.org")
    page.goto(site.mailbox)
    page.get_by_text("ann@example.org").first.click()
    letter = page.frame_locator("iframe").locator("body")
    expect(letter).to_contain_text(made["watchword"].split()[1])
    codes = re.findall(r"(?<!\d)\d{6}(?!\d)", letter.inner_text())
    assert len(codes) == 1
    assert site.check(made["id"], codes[0]) == 200
    assert site.check(made["id"], codes[0]) == 422


def test_the_token_leaves_the_address_bar_and_the_history(site: Site, page: Page) -> None:
    page.goto(site.mailbox)
    expect(page).to_have_url(f"{site.url}/mailbox")
    page.goto(f"{site.url}/docs")
    page.go_back()
    expect(page).to_have_url(f"{site.url}/mailbox")


def test_without_the_token_the_mailbox_shows_nothing(site: Site, page: Page) -> None:
    site.ask("ann@example.org")
    page.goto(f"{site.url}/mailbox#not-the-token")
    expect(page.locator("body")).not_to_contain_text("ann@example.org")
    page.goto(f"{site.url}/mailbox")
    expect(page.locator("body")).not_to_contain_text("ann@example.org")


def test_a_new_mail_appears_by_itself(site: Site, page: Page) -> None:
    page.goto(site.mailbox)
    site.ask("late@example.org")
    expect(page.get_by_text("late@example.org").first).to_be_visible()


def test_text_and_source_of_a_mail_can_be_read(site: Site, page: Page) -> None:
    site.ask("ann@example.org", locale="de")
    page.goto(site.mailbox)
    page.get_by_text("ann@example.org").first.click()
    page.get_by_role("tab", name="Text").click()
    expect(page.locator("body")).to_contain_text("10 Minuten")
    page.get_by_role("tab", name="Source").click()
    expect(page.locator("body")).to_contain_text("Auto-Submitted: auto-generated")


def test_the_pages_fit_their_screen(site: Site, page: Page) -> None:
    for path in ("/", "/start", "/docs", "/mailbox"):
        page.goto(site.url + path)
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width == 0, path


def test_the_api_page_shows_every_operation(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/docs")
    for summary in ("Send a code", "Check a code", "Send the same code again", "Withdraw a verification"):
        expect(page.get_by_role("heading", name=summary)).to_be_visible()
