"""Typing a code on the hosted page, and into the element on a page of another origin, as people do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import on
from tests.e2e.held import Held
from tests.e2e.link_people import (
    Place,
    asked,
    at_the_shop,
    confirm,
    ends_with,
    is_signed_in,
    open_link,
    sign_in,
    without_looks,
    words,
)
from tests.e2e.secret_people import somebody

pytestmark = [pytest.mark.xdist_group(__name__), on("desktop-night")]

COUNTDOWN = re.compile(r"Send it again in [0-5]:\d\d")


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One service and one app for all of this module."""
    with at_the_shop(browser, tmp_path_factory.mktemp("codes")) as place:
        yield place


@pytest.fixture(autouse=True)
def on_time(place: Place) -> Iterator[None]:
    """Whatever a test did to the clock, the next one begins now."""
    yield
    place.hands.set()


def type_code(page: Page, text: str) -> None:
    page.get_by_label("Code", exact=True).fill(text)
    page.keyboard.press("Enter")


def paste(page: Page, text: str) -> None:
    """Paste as a browser does, with an event that a page may answer."""
    page.get_by_label("Code", exact=True).evaluate(
        """(field, text) => {
             const clipboardData = new DataTransfer();
             clipboardData.setData("text/plain", text);
             field.focus();
             field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
           }""",
        text,
    )


def without_date(route: Route) -> None:
    """Pass an answer on without its Date, so that a page goes by its own clock, which a test can move."""
    answer = route.fetch()
    route.fulfill(response=answer, headers={name: value for name, value in answer.headers.items() if name != "date"})


def wrong(code: str) -> str:
    return f"{(int(re.sub(r'[^0-9]', '', code)) + 1) % 1_000_000:06}"


@pytest.mark.parametrize("hosted", [True, False], ids=["hosted page", "element on another origin"])
def test_a_code_signs_in(place: Place, page: Page, to: str, *, hosted: bool) -> None:
    sign_in(page, place, to, hosted=hosted)
    assert page.url.startswith(place.site.url if hosted else place.shop)
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    for name, value in {"type": "text", "inputmode": "numeric", "autocomplete": "one-time-code"}.items():
        assert value == field.get_attribute(name)
    type_code(page, place.mail(to).code)
    is_signed_in(page, to)


def test_both_words_are_shown_and_the_mail_has_the_second_alone(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    expect(page.get_by_role("heading")).to_have_text("Type the code from your mail")
    first, second = words(page)
    mail = place.mail(to)
    assert second in mail.html
    assert second in mail.text
    for text in (mail.html, mail.text):
        assert first not in text


def test_the_page_speaks_the_browsers_language(place: Place, page: Page, to: str) -> None:
    page.set_extra_http_headers({"accept-language": "de"})
    verification = sign_in(page, place, to, hosted=True)
    expect(page.get_by_role("heading", name="Geben Sie den Code aus Ihrer Mail ein")).to_be_visible()
    expect(page.get_by_text("Um sich bei Harbour Shop anzumelden, geben Sie den Code ein")).to_be_visible()
    type_code(page, "12345")
    expect(page.get_by_role("alert")).to_have_text(
        "Der Code hat 6 Ziffern. Es wurde nichts gesendet und kein Versuch gezählt."
    )
    without_looks(page)
    place.call("POST", f"/v1/verifications/{verification}/cancel")
    type_code(page, "123456")
    ends_with(page, "canceled")
    expect(page.locator("main")).to_contain_text("Dies wurde zurückgezogen")
    expect(page.locator("watchword-code")).to_contain_text("Brauchen Sie sie noch, gehen Sie zurück zur App")


def test_a_whole_mail_is_pasted_and_its_code_is_taken(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    mail = place.mail(to)
    paste(page, mail.text)
    field = page.get_by_label("Code", exact=True)
    expect(field).to_have_value(mail.code.replace(" ", ""))
    page.keyboard.press("Enter")
    is_signed_in(page, to)


def test_a_wrong_code_is_told_in_words_that_tell_nothing_and_counts(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to, hosted=True)
    code = place.mail(to).code
    type_code(page, "12 34")
    expect(page.get_by_role("alert")).to_contain_text("The code has 6 digits")
    assert 5 == place.look(verification)["attempts_remaining"]
    type_code(page, wrong(code))
    expect(page.get_by_role("alert")).to_have_text("That is not the code. 4 more tries.")
    assert 4 == place.look(verification)["attempts_remaining"]
    type_code(page, code)
    is_signed_in(page, to)


def test_the_last_wrong_code_ends_it(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    code = place.mail(to).code
    for left in ("4 more tries", "3 more tries", "2 more tries", "One more try"):
        type_code(page, wrong(code))
        expect(page.get_by_role("alert")).to_contain_text(left)
    type_code(page, wrong(code))
    ends_with(page, "exhausted")
    page.reload()
    expect(page.get_by_role("heading", name="Go back to the app")).to_be_visible()


def test_a_reload_loses_nothing_and_the_address_holds_nothing(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to, hosted=True)
    assert f"{place.site.url}/v/{verification}" == page.url
    both = words(page)
    page.reload()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    assert both == words(page)
    page.goto(place.shop)
    page.go_back()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    type_code(page, place.mail(to).code)
    is_signed_in(page, to)


def test_another_tab_with_the_bare_address_sees_nothing(place: Place, page: Page) -> None:
    sign_in(page, place, "bare@example.org", hosted=True)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(tab.get_by_role("heading", name="Go back to the app")).to_be_visible()
    assert not tab.get_by_label("Code", exact=True).is_visible()


def test_a_look_that_was_under_way_when_the_code_was_sent_tells_of_nothing(place: Place, page: Page, to: str) -> None:
    page.clock.install()
    sign_in(page, place, to)
    code = place.mail(to).code
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url.rpartition("/")[2]))
    held = Held(page, "**/v1/pages/*/*")
    page.clock.run_for(6_000)
    held.wait_for("open")
    type_code(page, code)
    confirmed = held.wait_for("check").fetch()  # by the service, of which the page has not heard yet
    with page.expect_response("**/open") as look:
        held.wait_for("open").continue_()
    look.value.finished()
    for _ in range(10):  # turns of the page's loop
        page.evaluate("new Promise((done) => queueMicrotask(done))")
    assert "collect" not in asked_for
    held.wait_for("check").fulfill(response=confirmed)
    is_signed_in(page, to)
    assert "collect" not in asked_for


def test_it_is_sent_again_after_a_countdown_that_nobody_is_read(place: Place, page: Page, to: str) -> None:
    page.clock.install()
    page.route("**/v1/pages/**", without_date)
    sign_in(page, place, to, hosted=True)
    code = place.mail(to).code
    button = page.get_by_role("button", name="Send it again")
    expect(button).to_be_disabled()
    expect(button).to_have_text(COUNTDOWN)
    before = button.inner_text()
    page.clock.run_for(2_000)
    expect(button).not_to_have_text(before)
    live = page.locator("watchword-code").evaluate(
        """(element) => [...element.shadowRoot.querySelectorAll("[role=status], [role=alert], [aria-live]")]
             .map((each) => each.textContent).join("")"""
    )
    assert "" == live
    place.hands.set(seconds=31)
    page.clock.run_for(31_000)
    expect(button).to_be_enabled()
    button.click()
    expect(button).to_be_disabled()
    expect(page.get_by_role("status").filter(has_text="It is the same code")).to_be_attached()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    assert code == place.mail(to, 2).code


def test_a_code_that_expires_while_it_is_waited_for_says_so(place: Place, page: Page, to: str) -> None:
    page.clock.install()
    sign_in(page, place, to, hosted=True)
    place.hands.set(minutes=11)
    page.clock.run_for(6_000)
    ends_with(page, "expired")
    expect(page.locator("watchword-code")).to_contain_text("ask for a new one")


@pytest.mark.parametrize("hosted", [True, False])
def test_what_is_confirmed_on_another_device_goes_on_in_the_window_that_asked(
    place: Place, page: Page, to: str, browser: Browser, *, hosted: bool
) -> None:
    page.clock.install()
    sign_in(page, place, to, hosted=hosted)
    first, _ = words(page)
    with somebody(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, place.mail(to).link)
        confirm(theirs, first)
        expect(theirs.get_by_role("heading", name="Done. Go back to your other device")).to_be_visible()
    page.clock.run_for(6_000)
    is_signed_in(page, to)


def test_a_page_that_leads_back_nowhere_any_more_says_so(place: Place, page: Page, to: str) -> None:
    """Its app has withdrawn the address since, which is told where a hand-off would be made (tests/flows)."""
    page.clock.install()
    sign_in(page, place, to, hosted=True)
    expect(page.locator("watchword-code").get_by_label("Code")).to_be_visible()
    withdrawn = {"code": "not_accepted", "reason": "canceled", "status": 422}
    page.route("**/v1/pages/*/open", lambda route: route.fulfill(status=422, json=withdrawn))
    page.clock.run_for(6_000)
    ends_with(page, "canceled")


def test_what_was_confirmed_goes_on_again_until_it_is_collected(place: Place, page: Page, to: str) -> None:
    verification = sign_in(page, place, to, hosted=True)
    code = place.mail(to).code
    page.route(f"{place.shop}/callback*", lambda route: route.fulfill(status=204))
    with page.expect_request(f"{place.shop}/callback*"):
        type_code(page, code)
    expect(page.locator("watchword-code")).to_contain_text("One moment")
    page.unroute(f"{place.shop}/callback*")
    assert "confirmed" == place.look(verification)["status"]
    page.goto(f"{place.site.url}/v/{verification}")
    is_signed_in(page, to)


def test_a_page_of_an_app_may_collect_by_itself_what_was_confirmed_elsewhere(
    place: Place, page: Page, to: str, browser: Browser
) -> None:
    sign_in(page, place, to)
    page.evaluate(
        """document.querySelector("watchword-code").addEventListener("watchword-elsewhere", (event) => {
             event.preventDefault();
             document.title = String(event.detail.redirectTo.startsWith(location.origin));
           })"""
    )
    first, _ = words(page)
    with somebody(browser) as phone:
        theirs = phone.new_page()
        open_link(theirs, place.mail(to).link)
        confirm(theirs, first)
    expect(page.locator("watchword-code")).to_contain_text("confirmed already")
    expect(page).to_have_title("true")
    page.get_by_role("button", name="I confirmed it on another device").click()
    is_signed_in(page, to)


def test_a_step_up_shows_what_is_approved_on_the_page_and_in_the_mail(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    type_code(page, place.mail(to).code)
    is_signed_in(page, to)
    page.get_by_role("button", name="Send money").click()
    expect(page.locator("watchword-code")).to_contain_text("EUR 12.50")
    expect(page.locator("watchword-code")).to_contain_text("Bob")
    verification = asked(page)
    mail = place.mail(to, 2)
    assert "EUR 12.50" in mail.text
    tab = page.context.new_page()
    open_link(tab, mail.link)
    expect(tab.get_by_role("heading", name="Approve this at Harbour Shop?")).to_be_visible()
    expect(tab.locator("#action")).to_contain_text("EUR 12.50")
    tab.close()
    assert "pending" == place.look(verification)["status"]
    type_code(page, mail.code)
    expect(page.get_by_text("Sent EUR 12.50 to Bob.")).to_be_visible()


def test_the_element_takes_its_ticket_out_of_the_markup_and_speaks_the_apps_language(place: Place, page: Page) -> None:
    sign_in(page, place, "markup@example.org")
    assert "#" not in page.locator("watchword-code").evaluate("element => element.outerHTML")
    page.locator("watchword-code").evaluate(
        """element => { element.texts = { code: "Zahl", submit: "Weiter", login: "Für {app} an {to}." }; }"""
    )
    expect(page.get_by_label("Zahl")).to_be_visible()
    expect(page.get_by_role("button", name="Weiter")).to_be_visible()
    expect(page.locator("watchword-code")).to_contain_text("Für Harbour Shop an m")


def test_an_app_may_take_over_what_happens_when_the_code_was_right(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to)
    page.locator("watchword-code").evaluate(
        """element => element.addEventListener("watchword-confirmed", (event) => {
             event.preventDefault();
             document.title = new URL(event.detail.redirectTo).pathname;
           })"""
    )
    type_code(page, place.mail(to).code)
    expect(page).to_have_title("/callback")


def test_an_element_without_a_request_says_so(place: Place, page: Page) -> None:
    sign_in(page, place, "none@example.org")
    element = page.locator("watchword-code")
    element.evaluate("(element) => { element.pageUrl = 'https://codes.example.org/v/nothing'; }")
    expect(element).to_contain_text("does not belong to a request any more")


def test_a_service_that_cannot_be_reached_loses_nothing(place: Place, page: Page, to: str) -> None:
    sign_in(page, place, to, hosted=True)
    code = place.mail(to).code
    page.context.set_offline(True)
    type_code(page, code)
    expect(page.get_by_role("alert")).to_contain_text("Nothing is lost")
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    is_signed_in(page, to)


def test_a_page_whose_first_looks_were_lost_or_refused_looks_again_when_it_may(
    place: Place, page: Page, to: str
) -> None:
    page.clock.install()
    page.route("**/v1/pages/*/open", lambda route: route.abort())
    page.goto(place.shop)
    page.get_by_label("Your email address").fill(to)
    page.get_by_role("button", name="Sign in on the hosted page").click()
    expect(page.get_by_role("alert")).to_have_text("The server cannot be reached. Nothing is lost: try again.")
    page.unroute_all()
    page.route("**/v1/pages/*/open", lambda route: route.fulfill(status=429, headers={"retry-after": "86400"}, json={}))
    page.clock.run_for(6_000)
    expect(page.get_by_role("alert")).to_contain_text("try again in 1440:00")
    page.unroute_all()
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url))
    page.clock.run_for(306_000)
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    assert len(looks) < 10, "it would be 61, one each five seconds"
    type_code(page, place.mail(to).code)
    is_signed_in(page, to)
