"""The hosted enrolment page as people use it: QR read off the screen, code by oathtool, recovery codes, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.link_people import Place, at_the_shop, check
from tests.e2e.secret_people import somebody
from tests.e2e.test_handover import by_oathtool, wrong_for
from tests.support.png import read_codes
from watchword.client import AuthenticatorClient, BrowserSession
from watchword.client.authenticator import Enrolment
from watchword.core.otpauth import AuthenticatorKey, read_key_uri
from watchword.errors import AlreadyUsedError, MismatchError

pytestmark = pytest.mark.xdist_group(__name__)


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One service and one app for all of this module."""
    with at_the_shop(browser, tmp_path_factory.mktemp("enrolments")) as place:
        yield place


def begun(place: Place, subject: str) -> tuple[BrowserSession, Enrolment]:
    session = BrowserSession.begin(f"{place.shop}/callback")
    with AuthenticatorClient(place.site.url, place.key) as client:
        made = client.enrol(subject, issuer="ACME", account="ann@example.com", link=session)
    assert made.page_url is not None
    return session.of(made.id, subject), made


def opened(page: Page, made: Enrolment) -> AuthenticatorKey:
    """Go to the page and read the key off it, as a phone does."""
    page.goto(made.page_url or "")
    code = page.locator("#qr svg")
    expect(code).to_be_visible()
    (uri,) = read_codes(code.screenshot())
    return read_key_uri(uri).key


def type_code(page: Page, code: str) -> None:
    page.get_by_label("Type the code your app shows").fill(code)
    page.keyboard.press("Enter")


def come_back(page: Page, place: Place, button: str) -> tuple[str, str]:
    """Press on, and catch the browser where the app would."""
    page.route(f"{place.shop}/callback*", lambda route: route.fulfill(status=200, body="Back"))
    page.get_by_role("button", name=button).click()
    page.wait_for_url(f"{place.shop}/callback*")
    query = parse_qs(urlsplit(page.url).query)
    return query["code"][0], query["state"][0]


def test_a_person_scans_confirms_keeps_recovery_codes_and_the_app_collects(
    place: Place, page: Page, tmp_path: Path
) -> None:
    subject = f"ann-{page.viewport_size}"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    session, made = begun(place, subject)
    key = opened(page, made)
    assert f"{place.site.url}/a/{made.id}" == page.url
    check(page)
    type_code(page, wrong_for(key))
    expect(page.locator("#typed-said")).to_contain_text("9 more tries")
    check(page)
    type_code(page, by_oathtool(key))
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_focused()
    check(page)
    codes = page.locator("#codes code").all_inner_texts()
    assert 10 == len(codes)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    saved.value.save_as(tmp_path / "codes.txt")
    text = (tmp_path / "codes.txt").read_text(encoding="utf-8")
    assert codes == text.splitlines()[-10:]
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.locator("#codes code").last).to_be_visible()
    page.emulate_media(media="screen")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, document.cookie])")
    code, state = come_back(page, place, "I have kept them: done")
    with AuthenticatorClient(place.site.url, place.key) as client:
        assert "confirmed" == client.get(made.id).status
        with pytest.raises(MismatchError):
            client.exchange(session, subject, code=code, state="another")
        assert "active" == client.exchange(session, subject, code=code, state=state).status
        with pytest.raises(AlreadyUsedError):
            client.exchange(session, subject, code=code, state=state)
        assert 9 == client.check_code(subject, codes[0])
        client.check(subject, by_oathtool(key, ahead=1))
    ticket = (made.page_url or "").partition("#")[2]
    log = (tmp_path_of(place) / "log").read_text(encoding="utf-8")
    for secret in (made.secret, ticket, *codes):
        assert secret not in kept
        assert secret not in log
        assert secret not in " ".join(asked)
    page.goto(f"{place.site.url}/a/{made.id}")
    expect(page.get_by_role("heading", name="Go back to the app")).to_be_visible()
    check(page)


def tmp_path_of(place: Place) -> Path:
    """Where the service has its log."""
    return place.hands.file.parent


def test_the_page_speaks_the_browsers_language(place: Place, browser: Browser) -> None:
    _, made = begun(place, "cem")
    with somebody(browser, locale="de-DE", viewport={"width": 320, "height": 640}) as other:
        theirs = other.new_page()
        key = opened(theirs, made)
        expect(theirs.get_by_role("heading", name="Richten Sie Ihre Authenticator-App ein")).to_be_visible()
        field = theirs.get_by_label("Geben Sie den Code ein, den Ihre App zeigt")
        field.fill(wrong_for(key))
        theirs.get_by_role("button", name="Bestätigen").click()
        expect(theirs.locator("#typed-said")).to_contain_text("Das ist nicht der aktuelle Code.")
        expect(theirs.locator("#typed-said")).to_contain_text("Noch 9 Versuche.")
        check(theirs)
        field.fill(by_oathtool(key))
        theirs.get_by_role("button", name="Bestätigen").click()
        expect(theirs.get_by_role("heading", name="Bewahren Sie diese Codes auf")).to_be_focused()
        with theirs.expect_download() as saved:
            theirs.get_by_role("link", name="Herunterladen").click()
        assert "recovery-codes.txt" == saved.value.suggested_filename
        check(theirs)
        assert come_back(theirs, place, "Ich habe sie aufbewahrt: fertig")[0]


def test_a_reload_loses_nothing_and_shows_the_key_only_while_a_code_is_awaited(place: Place, page: Page) -> None:
    _, made = begun(place, f"bob-{page.viewport_size}")
    key = opened(page, made)
    page.reload()
    expect(page.locator("#qr svg")).to_be_visible()
    type_code(page, by_oathtool(key))
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()
    assert made.secret[:8] not in page.content()
    page.reload()
    expect(page.get_by_role("heading", name="The code was right")).to_be_visible()
    expect(page.locator("main")).to_contain_text("If that was not you")
    check(page)
    assert come_back(page, place, "Done: back to the app")[0]


def test_the_last_wrong_code_ends_it_and_another_tab_sees_nothing(place: Place, page: Page) -> None:
    _, made = begun(place, f"eve-{page.viewport_size}")
    key = opened(page, made)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(tab.get_by_role("heading", name="Go back to the app")).to_be_visible()
    tab.close()
    off = wrong_for(key)
    for left in range(9, 0, -1):
        type_code(page, off)
        expect(page.locator("#typed-said")).to_contain_text("One more try" if left == 1 else f"{left} more tries")
    type_code(page, off)
    expect(page.locator("main")).to_have_attribute("data-end", "exhausted")
    expect(page.get_by_role("heading", name="Too many wrong codes")).to_be_focused()
    check(page)
