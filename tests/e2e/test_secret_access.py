"""Every state of the secret pages, for everybody: axe-core finds nothing, nothing is wider than its screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Site, serving
from tests.e2e.secret_people import (
    KEY,
    KEY_URI,
    choose,
    complaints,
    ends_with,
    made,
    paste,
    reveal,
    share,
    somebody,
    status_link,
    unfold_code,
)
from watchword.errors import RateLimitedError
from watchword.flows.secret import TOO_MANY
from watchword.web.problems import answer

pytestmark = pytest.mark.xdist_group(__name__)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("access")) as site:
        yield site


def check(page: Page) -> None:
    """The page as it stands is fine for everybody."""
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_axe_finds_what_it_is_there_to_find(place: Site, page: Page) -> None:
    page.goto(place.url)
    page.evaluate("document.querySelector('label[for=secret]').remove()")
    page.evaluate("document.getElementById('secret').removeAttribute('placeholder')")
    assert [each for each in complaints(page) if each.startswith("label:")]


def test_the_page_that_makes_links_is_for_everybody(place: Site, page: Page) -> None:
    page.goto(place.url)
    check(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#problem")).to_be_visible()
    check(page)
    paste(page, KEY_URI)
    expect(page.locator("#found .code")).not_to_be_empty()
    check(page)
    page.fill("#secret", "hunter2")
    page.locator("#login summary").click()
    page.fill("#second", KEY)
    page.locator("#options summary").click()
    page.get_by_role("button", name="Suggest one").click()
    check(page)
    page.get_by_role("button", name="Make the link").click()
    made(page)
    page.get_by_role("button", name="Show QR code").first.click()
    expect(page.locator(".qr svg").first).to_be_visible()
    check(page)
    page.goto(place.url)
    choose(page, "a" * 90 + ".txt", b"1", "text/plain")
    expect(page.locator("#files")).to_be_visible()
    check(page)


def test_the_page_that_opens_links_is_for_everybody(place: Site, page: Page) -> None:
    link = share(page, place.url, "a" * 300, "velvet")
    page.goto(link)
    page.locator("#passphrase").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_be_visible()
    check(page)
    page.locator("#passphrase").fill("velvet")
    page.keyboard.press("Enter")
    expect(page.locator("#shown h1")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#over-title")).to_be_visible()
    check(page)
    link = share(page, place.url, KEY_URI)
    reveal(page, link)
    expect(page.locator("#shown .qr svg")).to_be_visible()
    check(page)
    page.goto("about:blank")
    page.goto(link.partition("#")[0])
    expect(page.locator("#incomplete-title")).to_be_visible()
    check(page)


def test_the_page_that_tells_what_became_of_it_is_for_everybody(place: Site, page: Page) -> None:
    share(page, place.url, "hunter2")
    page.goto(status_link(page))
    expect(page.locator("#state")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Burn now").click()
    check(page)
    page.reload()
    expect(page.locator("#unknown-text")).to_be_visible()
    check(page)


def test_the_pages_speak_the_browsers_language(place: Site, browser: Browser) -> None:
    narrow = {"width": 320, "height": 640}
    with somebody(browser, locale="de-DE", viewport=narrow) as other:
        page = other.new_page()
        page.goto(place.url)
        page.get_by_role("button", name="Link erstellen").click()
        expect(page.get_by_role("alert")).to_have_text(
            "Fügen Sie ein, was Sie teilen möchten, oder wählen Sie eine Datei."
        )
        page.locator("#options summary").click()
        expect(page.locator("#expiry option").first).to_have_text("1 Stunde")
        page.get_by_label("Passphrase").fill("velvet-lantern")
        page.fill("#secret", KEY_URI)
        expect(page.locator("#recognised")).to_have_text("Ein Schlüssel für eine Authenticator-App.")
        check(page)
        refusal = answer(RateLimitedError(TOO_MANY, retry_after=120))
        told = {"content-type": "application/problem+json", "retry-after": "120"}
        page.route(
            "**/v1/secrets",
            lambda route: route.fulfill(status=refusal.status, headers=told, body=refusal.body),
            times=1,
        )
        page.get_by_role("button", name="Link erstellen").click()
        expect(page.get_by_role("alert")).to_have_text(
            "Von hier kamen fürs Erste zu viele Geheimnisse. Es wurde nichts gespeichert. "
            "Versuchen Sie es in 2 Min. noch einmal."
        )
        page.get_by_role("button", name="Link erstellen").click()
        link = made(page)
        expect(page.locator("#made")).to_contain_text(
            re.compile(r"Er lässt sich bis \d+\. \S+, \d\d:\d\d \w+ einmal öffnen")
        )
        check(page)
        page.goto(page.get_by_role("link", name="Statusseite").get_attribute("href") or "")
        expect(page.locator("#state")).to_have_text("Wartet")
        expect(page.locator("dt")).to_have_text(["Erstellt am", "Endet am", "Aufrufe übrig"])
        check(page)

        theirs = other.new_page()
        theirs.goto(link)
        theirs.get_by_label("Passphrase").fill("velvet")
        theirs.get_by_role("button", name="Aufdecken").click()
        expect(theirs.get_by_role("alert")).to_contain_text("Das ist nicht die Passphrase.")
        theirs.get_by_label("Passphrase").fill("velvet-lantern")
        theirs.get_by_role("button", name="Aufdecken").click()
        theirs.get_by_label("Geben Sie den Code ein, den Ihre App zeigt").fill("12345")
        theirs.get_by_role("button", name="Es klappt").click()
        expect(theirs.locator("#shown")).to_contain_text("Das ist nicht der aktuelle Code.")
        check(theirs)
        theirs.get_by_role("button", name="Fertig ohne Code").click()
        ends_with(theirs, "done")
        expect(theirs.locator("#over-title")).to_have_text("Fertig")


def test_the_pages_read_from_right_to_left(place: Site, page: Page) -> None:
    page.goto(place.url)
    page.evaluate("document.documentElement.dir = 'rtl'")
    check(page)
    edge = page.evaluate("document.getElementById('share').getBoundingClientRect().right")
    well = page.evaluate("document.getElementById('well').getBoundingClientRect().right")
    assert abs(edge - well) < 1


def test_codes_keys_and_links_read_from_left_to_right_everywhere(place: Site, page: Page) -> None:
    link = share(page, place.url, KEY_URI)
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.locator("input.link").evaluate("field => getComputedStyle(field).direction") == "ltr"
    reveal(page, link)
    unfold_code(page)
    expect(page.locator("#shown .code")).to_have_text(re.compile(r"\d{3} \d{3}"))
    page.evaluate("document.documentElement.dir = 'rtl'")
    check(page)
    for name in (".code", ".grouped"):
        assert page.locator(f"#shown {name}").evaluate(
            """shown => {
                 const text = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT).nextNode();
                 const place = (at) => {
                   const range = document.createRange();
                   range.setStart(text, at);
                   range.setEnd(text, at + 1);
                   return range.getBoundingClientRect().left;
                 };
                 return place(0) < place(4);
               }"""
        )
