"""What people meet less often: links that expired, passphrases guessed at, several views, an operator who is strict."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Site, on, serving
from tests.e2e.secret_people import (
    KEY_URI,
    Hands,
    complaints,
    ends_with,
    guess,
    leaping,
    made,
    paste,
    reveal,
    share,
    somebody,
    status_link,
)
from watchword.core.secret import FREE_GUESSES, MOST_GUESSES

pytestmark = [pytest.mark.xdist_group(__name__), on("phone-day")]

SECRET = "correct horse battery staple"

# Gives a picture to the page as a paste or as a drop, which a test cannot do with the system's clipboard and mouse.
GIVE = """([how, name, kind, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: kind }));
  const options = { bubbles: true, cancelable: true };
  const given = how === "paste"
    ? new ClipboardEvent("paste", { ...options, clipboardData: carried })
    : new DragEvent("drop", { ...options, dataTransfer: carried });
  document.getElementById("secret").dispatchEvent(given);
}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("ends")) as site:
        yield site


@pytest.fixture(scope="module")
def clockwork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Hands]]:
    """A service whose clock can be moved."""
    with leaping(tmp_path_factory.mktemp("clockwork")) as both:
        yield both


def give(page: Page, how: str, name: str, kind: str, content: bytes) -> None:
    """Paste or drop a file."""
    page.evaluate(GIVE, [how, name, kind, base64.b64encode(content).decode()])


def key_picture() -> bytes:
    """A picture of the key's QR code."""
    picture = io.BytesIO()
    segno.make(KEY_URI, micro=False).save(picture, kind="png", scale=5, border=4)
    return picture.getvalue()


def test_a_link_that_expired_before_or_while_it_was_looked_at_says_so(
    clockwork: tuple[Site, Hands], page: Page
) -> None:
    site, hands = clockwork
    hands.set()
    link = share(page, site.url, SECRET)
    keep = status_link(page)
    page.goto(link)
    hands.set(hours=23, minutes=59)
    page.reload()
    page.goto(link)
    expect(page.get_by_role("button", name="Reveal")).to_be_visible()
    hands.set(hours=24, minutes=1)
    page.get_by_role("button", name="Reveal").click()
    ends_with(page, "expired")
    expect(page.locator("#over-text")).to_contain_text(re.compile(r"It ended \d+ \w+, \d\d:\d\d"))
    page.goto("about:blank")
    page.goto(link)
    ends_with(page, "expired")
    expect(page.locator("#over-text")).to_contain_text(re.compile(r"It ended \d+ \w+, \d\d:\d\d"))
    assert complaints(page) == []
    page.goto(keep)
    expect(page.locator("#state")).to_have_text("Expired")
    assert complaints(page) == []


def test_a_secret_whose_lease_is_over_is_gone_for_its_reader_too(clockwork: tuple[Site, Hands], page: Page) -> None:
    site, hands = clockwork
    hands.set()
    link = share(page, site.url, SECRET)
    reveal(page, link)
    hands.set(minutes=16)
    page.get_by_role("button", name="Hide").click()
    page.get_by_role("button", name="Reveal").click()
    ends_with(page, "opened")


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_picture_that_is_pasted_or_dropped_becomes_the_key_in_it(place: Site, page: Page, how: str) -> None:
    page.goto(place.url)
    give(page, how, "shot.png", "image/png", key_picture())
    expect(page.locator("#secret")).to_have_value(KEY_URI)
    expect(page.locator("#recognised")).to_have_text("An authenticator key.")


def test_a_file_that_is_dropped_travels(place: Site, page: Page, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2_000
    page.goto(place.url)
    give(page, "drop", "notes.bin", "application/octet-stream", content)
    expect(page.locator("#files")).to_contain_text("notes.bin")
    page.get_by_role("button", name="Make the link").click()
    reveal(page, made(page))
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save notes.bin").click()
    coming.value.save_as(tmp_path / "notes.bin")
    assert (tmp_path / "notes.bin").read_bytes() == content


def test_a_secret_for_three_opens_three_times(place: Site, page: Page, browser: Browser) -> None:
    page.goto(place.url)
    paste(page, SECRET)
    page.locator("#options summary").click()
    page.locator("#views").select_option("3")
    page.keyboard.press("Control+Enter")
    link, keep = made(page), status_link(page)
    for left in (2, 1, 0):
        with somebody(browser) as other:
            theirs = other.new_page()
            reveal(theirs, link)
            expect(theirs.locator("pre.secret")).to_have_text(SECRET)
        page.goto(keep)
        expect(page.locator("#facts")).to_contain_text(f"{left} of 3" if left else "3 of 3 times")
    page.goto(link)
    ends_with(page, "opened")


def test_wrong_passphrases_lead_to_a_pause_and_the_sender_sees_them(place: Site, page: Page, browser: Browser) -> None:
    link = share(page, place.url, SECRET, "velvet-lantern")
    keep = status_link(page)
    with somebody(browser) as other:
        theirs = other.new_page()
        theirs.goto(link)
        said = theirs.locator("#problem")
        press = theirs.get_by_role("button", name="Reveal")
        for count in range(1, FREE_GUESSES + 1):
            theirs.fill("#passphrase", f"wrong {count}")
            with theirs.expect_response("**/claim") as answered:
                press.click()
            assert answered.value.status == 422
            expect(press).to_be_enabled()
        theirs.fill("#passphrase", "wrong once more")
        press.click()
        expect(said).to_contain_text("Too many wrong tries. Nothing is lost. Try again in")
        expect(theirs.locator("#shown")).to_be_hidden()
    page.goto(keep)
    expect(page.locator("#facts")).to_contain_text("Wrong passphrases")
    assert complaints(page) == []


def test_a_locked_link_says_so_and_opens_once_its_sender_unlocked_it(clockwork: tuple[Site, Hands], page: Page) -> None:
    site, hands = clockwork
    hands.set()
    link = share(page, site.url, SECRET, "velvet-lantern")
    keep = status_link(page)
    assert guess(link, FREE_GUESSES + 1) == [*[422] * FREE_GUESSES, 429]
    for number in range(FREE_GUESSES, MOST_GUESSES - 1):
        hands.set(minutes=61 * (number - FREE_GUESSES + 1))
        assert guess(link, 2) == [422, 429]
    hands.set(hours=20)
    page.goto(link)
    page.fill("#passphrase", "wrong for the last time")
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#problem")).to_contain_text("nothing is lost")
    page.fill("#passphrase", "velvet-lantern")
    page.get_by_role("button", name="Reveal").click()
    ends_with(page, "locked")
    page.goto("about:blank")
    page.goto(link)
    ends_with(page, "locked")
    assert complaints(page) == []
    page.goto(keep)
    expect(page.locator("#state")).to_have_text("Locked")
    expect(page.locator("#facts")).to_contain_text(str(MOST_GUESSES))
    assert complaints(page) == []
    page.get_by_role("button", name="Unlock").click()
    expect(page.locator("#state")).to_have_text("Waiting")
    page.goto(link)
    page.fill("#passphrase", "velvet-lantern")
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)


def test_the_claim_is_all_that_is_stored_and_no_longer_than_its_lease(place: Site, page: Page) -> None:
    page.clock.install()
    link = share(page, place.url, SECRET)
    reveal(page, link)
    (kept,) = page.evaluate("Object.entries(sessionStorage)")
    assert kept[0] == "claim:" + link.rpartition("/")[2].partition("#")[0]
    assert link.partition("#")[2] not in kept[1]
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    page.clock.fast_forward("16:00")
    page.goto(share(page, place.url, "another"))
    expect(page.get_by_role("button", name="Reveal")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_no_field_is_one_that_a_browser_fills_in_or_remembers(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET, "velvet-lantern")
    for address in (place.url, link):
        page.goto(address)
        fields = page.locator("textarea, input:not([type=checkbox]):not([type=file])")
        assert fields.count() >= 2
        assert {each.get_attribute("autocomplete") for each in fields.all()} == {"off"}


def test_sharing_with_a_key_of_the_operators(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, WATCHWORD_SECRETS="key") as site:
        page.goto(site.url)
        assert complaints(page) == []
        paste(page, SECRET)
        page.fill("#apikey", "wk_" + "A" * 43)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#problem")).to_contain_text("The API key is not right")
        assert page.locator("#secret").input_value() == SECRET
        page.fill("#apikey", site.api_key)
        page.keyboard.press("Control+Enter")
        reveal(page, made(page))
        expect(page.locator("pre.secret")).to_have_text(SECRET)


def test_a_share_that_clipboard_and_server_refuse_tells_of_the_key_alone(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, WATCHWORD_SECRETS="key") as site:
        page.add_init_script("navigator.clipboard.write = () => Promise.reject(new Error('not focused'))")
        page.goto(site.url)
        paste(page, SECRET)
        page.fill("#apikey", "wk_" + "A" * 43)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#problem")).to_contain_text("The API key is not right")
        assert page.locator("#secret").input_value() == SECRET


def test_sharing_that_is_switched_off_says_so(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, WATCHWORD_SECRETS="off") as site:
        page.goto(site.url)
        expect(page.locator("main .trouble").first).to_contain_text("switched sharing off")
        assert page.locator("#form").count() == 0
        assert complaints(page) == []
