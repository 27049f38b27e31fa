"""Signing in by link and by code, as people do: the example app, the real mail, a real Chromium."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.e2e.conftest import on
from tests.e2e.link_people import (
    Place,
    at_the_shop,
    check,
    confirm,
    ends_with,
    go_on,
    is_signed_in,
    is_signed_out,
    open_link,
    sign_in,
    without_looks,
    words,
)
from tests.e2e.secret_people import somebody
from tests.e2e.test_secret_attacks import WITHOUT_CRYPTO
from watchword.core import ids
from watchword.core.words import SIGNS

pytestmark = [pytest.mark.xdist_group(__name__), on("phone-day")]


# What such browsers lack or refuse: any touch of storage throws, and nothing knows who opened the page.
INSIDE = """
for (const name of ["sessionStorage", "localStorage", "indexedDB", "caches"]) {
  Object.defineProperty(globalThis, name, { get() { throw new DOMException("denied", "SecurityError"); } });
}
Object.defineProperty(globalThis, "opener", { value: null });
for (const name of ["clipboard", "serviceWorker", "share"]) {
  Object.defineProperty(Navigator.prototype, name, { value: undefined });
}
"""
WEBVIEW = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/128.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/480.0.0.0;]"
)


@contextmanager
def inside_an_app(browser: Browser) -> Iterator[BrowserContext]:
    """The browser that a mail program or a messenger opens links in: small, and with little that it may do."""
    small = ViewportSize(width=320, height=480)
    person = browser.new_context(
        user_agent=WEBVIEW, viewport=small, is_mobile=True, has_touch=True, service_workers="block"
    )
    person.add_init_script(INSIDE)
    try:
        yield person
    finally:
        person.close()


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One service and one app for all of this module."""
    with at_the_shop(browser, tmp_path_factory.mktemp("links")) as place:
        yield place


@pytest.fixture(autouse=True)
def on_time(place: Place) -> Iterator[None]:
    """Whatever a test did to the clock, the next one begins now."""
    yield
    place.hands.set()


def another_word(*words: str) -> str:
    return next(sign for sign in SIGNS if sign not in words)


def test_a_link_signs_in_on_the_device_that_asked(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    tab = page.context.new_page()
    open_link(tab, place.mail(to).link)
    expect(tab.get_by_role("heading", name="Sign in to Harbour Shop?")).to_be_visible()
    go_on(tab)
    is_signed_in(tab, to)


def test_the_page_says_who_asks_from_where_and_when_and_shows_the_second_word_alone(
    place: Place, page: Page, to: str
) -> None:
    sign_in(page, place, to)
    first, second = words(page)
    open_link(page, place.mail(to).link)
    told = page.locator("main")
    expect(told).to_contain_text("Harbour Shop")
    expect(told).to_contain_text("@example.org")
    expect(told).to_contain_text("Chrome")
    expect(told.locator("time")).to_have_count(2)
    expect(page.locator("#countersign")).to_have_text(second)
    assert not re.search(rf"\b{first}\b", page.content())
    assert to not in page.content()


def test_the_page_speaks_the_browsers_language(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    page.set_extra_http_headers({"accept-language": "de-AT,de;q=0.9,en;q=0.8"})
    open_link(page, place.mail(to).link)
    expect(page.get_by_role("heading", name="Bei Harbour Shop anmelden?")).to_be_visible()
    expect(page.locator("dt")).to_have_text(["Für", "Angefordert mit", "Angefordert am", "Gültig bis"])
    check(page)
    other = page.get_by_role("button", name="Ich habe auf einem anderen Gerät angefragt")
    # Two lines on a telephone: they keep off the line round them.
    assert other.evaluate("one => parseFloat(getComputedStyle(one).paddingTop)") >= 4
    other.click()
    page.get_by_label("Erstes Wort").fill("no-such-word")
    page.get_by_role("button", name="Bestätigen").click()
    expect(page.locator("#word-said")).to_have_text(re.compile("Es wurde kein Versuch gezählt"))
    page.get_by_role("button", name="Hier fortfahren").click()
    is_signed_in(page, to)


def test_the_fragment_leaves_address_and_history_and_a_reload_says_to_open_the_link_again(
    place: Place, page: Page, to: str
) -> None:
    sign_in(page, place, to)
    link = place.mail(to).link
    open_link(page, link)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    assert link.partition("#")[0] == page.url
    page.reload()
    expect(page.get_by_role("heading", name="This link is not complete")).to_be_visible()
    page.get_by_label("The whole link").fill(f"Here it is: <{link}>.")
    page.keyboard.press("Enter")
    go_on(page)
    is_signed_in(page, to)


def test_a_reload_of_the_apps_callback_undoes_no_login(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    callbacks: list[str] = []
    page.on("request", lambda request: callbacks.append(request.url) if "/callback?" in request.url else None)
    open_link(page, place.mail(to).link)
    go_on(page)
    is_signed_in(page, to)
    (callback,) = callbacks
    for _ in range(2):
        page.goto(callback)
        is_signed_in(page, to)


def test_a_callback_that_comes_a_second_time_with_the_first_ones_cookies_leaves_the_person_signed_in(
    place: Place, page: Page, to: str
) -> None:
    """Two tabs, or a double press: the second callback left before the first one's answer took its cookie away."""
    sign_in(page, place, to)
    asking = [each for each in page.context.cookies() if each.get("name") == "watchword"]
    with page.expect_request(f"{place.shop}/callback*") as callback:
        open_link(page, place.mail(to).link)
        go_on(page)
    is_signed_in(page, to)
    page.context.add_cookies(asking)  # type: ignore[arg-type]
    page.goto(callback.value.url)
    is_signed_in(page, to)
    expect(page.get_by_text("It is over.")).to_have_count(0)
    assert page.url == f"{place.shop}/"


def test_a_link_on_another_device_is_confirmed_by_the_first_word_and_collected_where_it_was_asked(
    place: Place, page: Page, to: str, browser: Browser
) -> None:
    verification = sign_in(page, place, to)
    first, _ = words(page)
    without_looks(page)
    with somebody(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, place.mail(to).link)
        confirm(theirs, f" {first.upper()} ")
        expect(theirs.get_by_role("heading", name="Done. Go back to your other device")).to_be_visible()
        is_signed_out(theirs, place)
    assert "confirmed" == place.look(verification)["status"]
    page.get_by_role("button", name="I confirmed it on another device").click()
    is_signed_in(page, to)


@pytest.mark.usefixtures("page")
def test_a_browser_inside_another_app_signs_in_where_it_asked_by_link_and_on_the_hosted_page(
    place: Place, to: str, browser: Browser
) -> None:
    with inside_an_app(browser) as person:
        page, troubles = person.new_page(), list[str]()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        sign_in(page, place, to)
        open_link(page, place.mail(to).link)
        expect(page.locator("main")).to_contain_text("Harbour Shop")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        go_on(page)
        is_signed_in(page, to)
        page.context.clear_cookies()
        sign_in(page, place, to, hosted=True)
        page.get_by_label("Code", exact=True).fill(place.mail(to, 2).code)
        page.keyboard.press("Enter")
        is_signed_in(page, to)
        assert [] == troubles


def test_a_browser_inside_another_app_confirms_for_the_device_that_asked(
    place: Place, page: Page, to: str, browser: Browser
) -> None:
    sign_in(page, place, to)
    first, _ = words(page)
    without_looks(page)
    with inside_an_app(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, place.mail(to).link)
        confirm(theirs, first)
        expect(theirs.get_by_role("heading", name="Done. Go back to your other device")).to_be_visible()
    page.get_by_role("button", name="I confirmed it on another device").click()
    is_signed_in(page, to)


def test_going_on_in_a_browser_that_did_not_ask_signs_nobody_in_and_spends_nothing(
    place: Place, page: Page, to: str, browser: Browser
) -> None:
    verification = sign_in(page, place, to)
    link = place.mail(to).link
    with somebody(browser) as other:
        theirs = other.new_page()
        open_link(theirs, link)
        go_on(theirs)
        expect(theirs.get_by_role("heading", name="You asked somewhere else")).to_be_visible()
        is_signed_out(theirs, place)
    assert "pending" == place.look(verification)["status"]
    open_link(page, link)
    go_on(page)
    is_signed_in(page, to)


def test_three_wrong_words_close_that_way_and_no_other(place: Place, page: Page, to: str, browser: Browser) -> None:
    sign_in(page, place, to)
    first, second = words(page)
    link = place.mail(to).link
    with somebody(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, link)
        confirm(theirs, "no-such-word")
        expect(theirs.locator("#word-said")).to_contain_text("no try was counted")
        confirm(theirs, second)
        expect(theirs.locator("#word-said")).to_contain_text("no try was counted")
        wrong = another_word(first)
        confirm(theirs, wrong)
        expect(theirs.locator("#word-said")).to_have_text("That is not the word. 2 more tries.")
        confirm(theirs, wrong)
        expect(theirs.locator("#word-said")).to_have_text("That is not the word. One more try.")
        confirm(theirs, wrong)
        expect(theirs.locator("#problem")).to_contain_text("This way is closed now")
        expect(theirs.get_by_role("button", name="I asked on another device")).to_be_hidden()
        open_link(theirs, link)
        expect(theirs.get_by_role("button", name="Continue here")).to_be_visible()
        expect(theirs.get_by_role("button", name="I asked on another device")).to_be_hidden()
    open_link(page, link)
    go_on(page)
    is_signed_in(page, to)


@pytest.mark.parametrize("purpose", ["recovery", "binding"])
def test_recovery_and_binding_go_on_where_they_were_asked_and_nowhere_else(
    place: Place, page: Page, to: str, purpose: str
) -> None:
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
    link = {"redirect_uri": f"{place.shop}/callback", "state": "s", "code_challenge": challenge}
    place.ask(to=to, purpose=purpose, methods=["code", "link"], link=link | {"code_challenge_method": "S256"})
    open_link(page, place.mail(to).link)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    expect(page.get_by_role("button", name="I asked on another device")).to_be_hidden()


def test_a_link_that_expired_says_so(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    link = place.mail(to).link
    open_link(page, link)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    place.hands.set(minutes=11)
    go_on(page)
    ends_with(page, "expired")
    open_link(page, link)
    ends_with(page, "expired")


def test_a_link_that_was_used_says_so_and_one_whose_code_was_used_does_as_well(
    place: Place, page: Page, to: str
) -> None:
    sign_in(page, place, to)
    mail = place.mail(to)
    page.get_by_label("Code", exact=True).fill(mail.code)
    page.keyboard.press("Enter")
    is_signed_in(page, to)
    open_link(page, mail.link)
    ends_with(page, "used")


def test_a_request_that_was_withdrawn_says_so(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to)
    link = place.mail(to).link
    place.call("POST", f"/v1/verifications/{verification}/cancel", {})
    open_link(page, link)
    ends_with(page, "canceled")


def test_a_code_that_was_guessed_at_too_often_ends_its_link(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to)
    mail = place.mail(to)
    wrong = f"{(int(re.sub(r'[^0-9]', '', mail.code)) + 1) % 1_000_000:06}"
    for _ in range(5):
        place.call("POST", f"/v1/verifications/{verification}/check", {"code": wrong})
    open_link(page, mail.link)
    ends_with(page, "exhausted")


def test_a_request_that_was_given_up_says_so(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to)
    link = place.mail(to).link
    # What a relay that takes a message and then denies it comes to: here it was delivered, so it is written by hand.
    with closing(sqlite3.connect(place.hands.file.parent / "data" / "watchword.db", timeout=60)) as database, database:
        raw = ids.from_text(ids.VERIFICATION, verification)
        given_up = database.execute("UPDATE verifications SET status = 'failed' WHERE id = ?", (raw,))
        assert 1 == given_up.rowcount
    open_link(page, link)
    ends_with(page, "failed")
    expect(page.get_by_role("heading", name="This request was given up")).to_be_visible()
    expect(page.locator("#over-text")).to_contain_text("Go back to Harbour Shop and ask again.")


def test_a_link_with_another_token_and_a_link_to_nothing_end_alike(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    address, _, token = place.mail(to).link.partition("#")
    for link in (f"{address}#{token[::-1][1:]}A", f"{place.site.url}/l/vf_{'A' * 22}#{token}"):
        open_link(page, link)
        ends_with(page, "unknown")


@pytest.mark.parametrize(
    "written",
    [
        "{address}%23{token}",
        "{address}/#{token}",
        "{address}/?utm_source=mail#{token}",
        "{address}%2523{token}",
        "{address}#{token}#{token}",
        "{address}#{token}.",
        "{address}#{token}%3E",
        "{address}?utm_source=mail#{token}",
    ],
)
def test_a_link_that_a_mail_program_rewrote_still_signs_in(place: Place, page: Page, to: str, written: str) -> None:
    sign_in(page, place, to)
    address, _, token = place.mail(to).link.partition("#")
    open_link(page, written.format(address=address, token=token))
    go_on(page)
    is_signed_in(page, to)


def test_a_service_that_cannot_be_reached_loses_nothing(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    link = place.mail(to).link
    page.goto(link.partition("#")[0])
    page.context.set_offline(True)
    page.get_by_label("The whole link").fill(link)
    page.keyboard.press("Enter")
    ends_with(page, "unreachable")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.context.set_offline(True)
    go_on(page)
    expect(page.locator("#problem")).to_contain_text("Nothing was lost")
    page.context.set_offline(False)
    go_on(page)
    is_signed_in(page, to)


def test_what_was_confirmed_before_goes_on_where_its_link_is_opened(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    mail = place.mail(to)
    page.route(f"{place.shop}/callback*", lambda route: route.fulfill(status=204))  # the shop is down for a moment
    with page.expect_response(f"{place.shop}/callback*"):
        page.locator("watchword-code").get_by_label("Code").fill(mail.code)
        page.keyboard.press("Enter")
    page.unroute(f"{place.shop}/callback*")
    open_link(page, mail.link)
    expect(page.get_by_role("heading", name="This is confirmed already")).to_be_visible()
    go_on(page)
    is_signed_in(page, to)


def test_without_the_browsers_cryptography_nothing_is_asked_and_nothing_is_lost(
    place: Place, page: Page, to: str, browser: Browser
) -> None:
    sign_in(page, place, to)
    link = place.mail(to).link
    with somebody(browser) as other:
        other.add_init_script(WITHOUT_CRYPTO)
        theirs, posted = other.new_page(), list[str]()
        theirs.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
        for address in (link, link.replace("/l/", "/v/")):
            open_link(theirs, address)
            ends_with(theirs, "insecure")
        assert [] == posted
    open_link(page, link)
    go_on(page)
    is_signed_in(page, to)
