"""Every state of the pages around links and codes, for everybody: axe-core, the keyboard alone, no page too wide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.link_people import (
    Place,
    at_the_shop,
    check,
    confirm,
    ends_with,
    is_signed_in,
    open_link,
    sign_in,
    words,
)
from tests.e2e.secret_people import complaints, somebody
from watchword.core.words import SIGNS

pytestmark = pytest.mark.xdist_group(__name__)


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One service and one app for all of this module."""
    with at_the_shop(browser, tmp_path_factory.mktemp("access")) as place:
        yield place


@pytest.fixture(autouse=True)
def on_time(place: Place) -> Iterator[None]:
    """Whatever a test did to the clock, the next one begins now."""
    yield
    place.hands.set()


def tab_to(page: Page, name: str) -> None:
    """Go to a control as somebody does who has no pointer."""
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate(ACTIVE) == name:
            return
    raise AssertionError(f"the keyboard does not come to {name!r}")


ACTIVE = """() => {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return (active?.labels?.[0] ?? active)?.textContent?.trim() ?? "";
}"""


def test_axe_finds_what_it_is_there_to_find_inside_the_element(place: Place, page: Page) -> None:
    sign_in(page, place, "axe@example.org", hosted=True)
    page.locator("watchword-code").evaluate("(element) => element.shadowRoot.querySelector('label').remove()")
    assert [each for each in complaints(page) if each.startswith("label:")]


def test_every_state_of_the_link_is_for_everybody(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    first, _ = words(page)
    link = place.mail(to).link
    open_link(page, link.partition("#")[0])
    expect(page.get_by_role("heading", name="This link is not complete")).to_be_visible()
    check(page)
    open_link(page, link)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    check(page)
    page.get_by_role("button", name="I asked on another device").click()
    check(page)
    wrong = next(sign for sign in SIGNS if sign != first)
    confirm(page, wrong)
    expect(page.locator("#word-said")).to_contain_text("2 more tries")
    check(page)
    confirm(page, first)
    expect(page.get_by_role("heading", name="Done. Go back to your other device")).to_be_visible()
    check(page)
    place.hands.set(minutes=11)
    open_link(page, link)
    ends_with(page, "expired")
    check(page)


def test_every_state_of_the_code_page_is_for_everybody(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    check(page)
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.insert_text("12")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("6 digits")
    check(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(tab.get_by_role("heading", name="Go back to the app")).to_be_visible()
    check(tab)
    tab.close()
    address = page.url
    page.goto("about:blank")  # left open, it would find out by itself, and forget what a reload needs
    place.hands.set(minutes=11)
    page.goto(address)
    ends_with(page, "expired")
    check(page)


def test_the_element_in_a_page_of_an_app_is_for_everybody(place: Place, page: Page) -> None:
    sign_in(page, place, "element@example.org")
    check(page)


def test_the_keyboard_alone_signs_in_by_link(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    open_link(page, place.mail(to).link)
    expect(page.get_by_role("heading", name="Sign in to Harbour Shop?")).to_be_focused()
    tab_to(page, "Continue here")
    page.keyboard.press("Enter")
    is_signed_in(page, to)


def test_the_keyboard_alone_confirms_from_another_device(place: Place, page: Page, to: str, browser: Browser) -> None:
    sign_in(page, place, to)
    first, _ = words(page)
    with somebody(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, place.mail(to).link)
        expect(theirs.get_by_role("heading", name="Sign in to Harbour Shop?")).to_be_focused()
        tab_to(theirs, "I asked on another device")
        theirs.keyboard.press("Space")
        expect(theirs.get_by_label("First word")).to_be_focused()
        theirs.keyboard.type(first)
        theirs.keyboard.press("Enter")
        expect(theirs.get_by_role("heading", name="Done. Go back to your other device")).to_be_focused()


def test_the_keyboard_alone_types_a_code(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    code = place.mail(to).code
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("6 digits")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(code)
    page.keyboard.press("Tab")
    assert "Continue" == page.evaluate(ACTIVE)
    page.keyboard.press("Enter")
    is_signed_in(page, to)


def test_the_pages_read_from_right_to_left(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    page.evaluate("document.documentElement.dir = 'rtl'")
    check(page)
    field = page.get_by_label("Code", exact=True)
    assert "ltr" == field.evaluate("field => getComputedStyle(field).direction")
    open_link(page, place.mail(to).link)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    page.evaluate("document.documentElement.dir = 'rtl'")
    check(page)


def test_without_scripts_the_page_says_what_to_do(place: Place, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{place.site.url}/l/vf_{'A' * 22}#{'A' * 43}")
    told = page.locator("main").inner_text()
    context.close()
    assert "Allow scripts" in told
    assert "Continue here" not in told
    assert "Looking at your link" not in told


@pytest.mark.parametrize(
    ("letter", "module"), [("l", "link-page.js"), ("l", "hkdf.js"), ("v", "code-page.js"), ("v", "watchword-code.js")]
)
def test_where_a_module_does_not_arrive_the_page_says_what_to_do(
    place: Place, browser: Browser, letter: str, module: str
) -> None:
    with somebody(browser) as context:
        page = context.new_page()
        page.route(f"**/static/{module}", lambda route: route.abort())
        page.goto(f"{place.site.url}/{letter}/vf_{'A' * 22}#{'A' * 43}")
        told = page.get_by_text("a part of it did not arrive")
        expect(told).to_be_hidden()  # for some seconds, in which the module may yet come
        page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")
        expect(told).to_be_visible()
