"""Secret links as people use them: the sender's page, the recipient's, and the sender's look at what became of it."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
import segno
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.conftest import Site, on, serving
from tests.e2e.secret_people import (
    KEY,
    KEY_URI,
    choose,
    ends_with,
    made,
    paste,
    reveal,
    share,
    somebody,
    status_link,
    unfold_code,
)

pytestmark = [pytest.mark.xdist_group(__name__), on("phone-day")]

SECRET = "correct horse <b>battery</b> staple"
PASSPHRASE = "velvet-lantern-4711"
VECTORS = Path(__file__).parents[2] / "vectors" / "totp" / "exports.json"
(TWO,) = [case for case in json.loads(VECTORS.read_text(encoding="utf-8"))["cases"] if case["name"] == "two accounts"]
EXPORT = TWO["given"]["text"]
ACCOUNTS = [": ".join(filter(None, (each["issuer"], each["account"]))) for each in TWO["expect"]["accounts"]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("secrets")) as site:
        yield site


def drawn(text: str) -> bytes:
    """A picture of a QR code, or of nothing where there is no text."""
    picture = io.BytesIO()
    code = segno.make(text or "nothing", micro=False)
    code.save(picture, kind="png", scale=5, border=4, light="white", dark="black" if text else "white")
    return picture.getvalue()


def test_two_inputs_lead_from_the_open_page_to_the_link_on_the_clipboard(
    place: Site, page: Page, record_property: Callable[[str, object], None]
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(place.url)
    expect(page.locator("#secret")).to_be_focused()

    began = time.perf_counter()
    paste(page, SECRET)
    page.keyboard.press("Control+Enter")
    link = made(page)
    took = time.perf_counter() - began

    record_property("seconds_to_the_clipboard", round(took, 3))
    assert re.fullmatch(rf"{place.url}/s/sc_[\w-]{{22}}#[\w-]{{43}}", link)
    assert page.evaluate("navigator.clipboard.readText()") == link
    expect(page.locator("#said")).to_have_text("The link is on your clipboard.")
    assert page.locator("#secret").input_value() == ""


def test_a_recipient_needs_two_clicks_and_the_sender_sees_it(place: Site, page: Page, browser: Browser) -> None:
    link = share(page, place.url, SECRET)
    with somebody(browser) as other:
        theirs = other.new_page()
        theirs.goto(link)
        expect(theirs.get_by_role("button", name="Reveal")).to_be_focused()
        theirs.get_by_role("button", name="Reveal").click()
        expect(theirs.locator("pre.secret")).to_have_text(SECRET)
        theirs.get_by_role("button", name="Done").click()
        ends_with(theirs, "done")
        assert theirs.evaluate("sessionStorage.length + localStorage.length") == 0
    page.goto(status_link(page))
    expect(page.locator("#state")).to_have_text("Opened")
    expect(page.locator("#story")).to_contain_text("UTC")


def test_a_second_opener_is_told_when_it_was_opened(place: Site, page: Page, browser: Browser) -> None:
    link = share(page, place.url, SECRET)
    with somebody(browser) as other:
        reveal(other.new_page(), link)
    page.goto(link)
    ends_with(page, "opened")
    expect(page.locator("#over-text")).to_contain_text(re.compile(r"Opened \d+ \w+, \d\d:\d\d \w+"))
    expect(page.locator("#over-text")).to_contain_text("If that was not you")


def test_links_that_end_otherwise_are_told_apart(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    page.get_by_role("button", name="Burn now").click()
    page.get_by_role("button", name="Burn it").click()
    expect(page.locator("#made")).to_contain_text("Nobody can open this link any more")
    assert page.locator("input.link").count() == 0
    address, _, key = link.partition("#")

    page.goto(link)
    ends_with(page, "burnt")
    page.goto(f"{place.url}/s/sc_{'A' * 22}#{key}")
    ends_with(page, "unknown")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
    for damaged in ("", "#", f"#{key[:20]}", f"#{key}x"):
        page.goto("about:blank")
        page.goto(address + damaged)
        expect(page.locator("#incomplete-title")).to_have_text("This link is not complete")
    assert asked == []


def test_a_damaged_link_is_repaired_or_pasted_again(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    for damaged in (link.replace("#", "%23"), link + ".", link.replace("#", "%2523")):
        page.goto("about:blank")
        page.goto(damaged)
        expect(page.get_by_role("button", name="Reveal")).to_be_visible()
        assert page.url == link.partition("#")[0]
    page.goto("about:blank")
    page.goto(link.partition("#")[0])
    page.fill("#link", f"Here it is: <{link}>.")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)


def test_a_wrong_passphrase_loses_nothing(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET, PASSPHRASE)
    page.goto(link)
    expect(page.locator("#passphrase")).to_be_focused()
    paste(page, "not this one")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("nothing is lost")
    paste(page, PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.locator("pre.secret")).to_have_text(SECRET)


def test_the_status_page_follows_along_and_burns_after_asking(place: Site, page: Page, browser: Browser) -> None:
    link = share(page, place.url, SECRET)
    page.goto(status_link(page))
    expect(page.locator("#state")).to_have_text("Waiting")
    assert page.url.endswith("/status")
    page.get_by_role("button", name="Burn now").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.get_by_role("button", name="Keep it").click()
    with somebody(browser) as other:
        reveal(other.new_page(), link)
    expect(page.locator("#state")).to_have_text("Opened")
    page.get_by_role("button", name="Burn now").click()
    page.get_by_role("button", name="Burn it").click()
    expect(page.locator("#story")).to_contain_text("cannot fetch it again")
    share(page, place.url, SECRET)
    page.goto(status_link(page))
    page.get_by_role("button", name="Burn now").click()
    page.get_by_role("button", name="Burn it").click()
    expect(page.locator("#state")).to_have_text("Burnt")


def test_a_reload_during_the_lease_shows_it_again_and_another_tab_does_not(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    reveal(page, link)
    page.reload()
    expect(page.locator("#incomplete-title")).to_have_text("Open the link once more")
    second = page.context.new_page()
    second.goto(link)
    ends_with(second, "opened")
    page.goto(link)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)


def test_a_cut_answer_loses_nothing(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    page.goto(link)
    cut: list[str] = []

    def lose(route: object) -> None:
        cut.append(route.fetch().text())  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    page.route("**/claim", lose)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#problem")).to_contain_text("Nothing was lost")
    page.unroute("**/claim")
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)
    assert len(cut) == 1
    assert "jwe" in cut[0]


def test_what_scripts_press_does_not_open_a_secret(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    claims: list[str] = []
    page.on("request", lambda request: claims.append(request.url) if request.url.endswith("/claim") else None)
    page.goto(link)
    expect(page.get_by_role("button", name="Reveal")).to_be_visible()
    page.evaluate("document.getElementById('reveal').click(); document.getElementById('form').requestSubmit()")
    page.evaluate("document.getElementById('reveal').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    assert claims == []
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)
    assert len(claims) == 1


def test_neither_history_nor_the_way_back_leaves_anything(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    reveal(page, link)
    address, _, key = link.partition("#")
    assert page.url == address
    page.goto(f"{place.url}/docs")
    page.go_back()
    expect(page.locator("main")).not_to_contain_text("battery")
    assert page.url == address
    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie, history.state])")
    assert key not in kept
    page.goto(place.url)
    paste(page, SECRET)
    page.goto(f"{place.url}/docs")
    page.go_back()
    assert page.locator("#secret").input_value() == ""


def test_a_shown_secret_hides_itself_and_can_be_shown_again(place: Site, page: Page) -> None:
    link = share(page, place.url, SECRET)
    page.clock.install()
    reveal(page, link)
    page.clock.fast_forward("04:30")  # the page's clock runs on meanwhile
    expect(page.locator("pre.secret")).to_be_visible()
    page.clock.fast_forward("00:31")
    expect(page.locator("#terms")).to_contain_text("You can see it again")
    assert "battery" not in page.content()
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(SECRET)


@pytest.mark.parametrize(("seconds", "word"), [(120, "fast"), (-120, "slow")])
def test_a_recipient_whose_clock_is_wrong_is_told_so_and_sees_the_right_code(
    place: Site, page: Page, seconds: int, word: str
) -> None:
    link = share(page, place.url, KEY_URI)
    page.clock.install(time=datetime.now(UTC) + timedelta(seconds=seconds))
    reveal(page, link)
    told = page.get_by_text(re.compile(rf"The clock of this device is 1[12]\d seconds {word}"))
    expect(told).to_be_visible()
    unfold_code(page)
    steps = [int(time.time()) + 30 * step for step in (-1, 0, 1)]
    assert page.locator(".code").inner_text().replace(" ", "") in {pyotp.TOTP(KEY).at(step) for step in steps}


def test_a_key_is_recognised_and_its_recipient_confirms_it(place: Site, page: Page, browser: Browser) -> None:
    page.goto(place.url)
    paste(page, KEY_URI)
    expect(page.locator("#recognised")).to_have_text("An authenticator key.")
    expect(page.locator("#found .code")).to_have_text(re.compile(r"\d{3} \d{3}"))
    page.keyboard.press("Control+Enter")
    link, keep = made(page), status_link(page)
    with somebody(browser) as other:
        theirs = other.new_page()
        reveal(theirs, link)
        expect(theirs.locator("#shown .qr svg")).to_be_visible()
        expect(theirs.locator(".grouped")).to_have_text(re.sub("(....)(?=.)", r"\1 ", KEY))
        expect(theirs.locator("#shown")).to_contain_text("ann@example.org")
        expect(theirs.locator("#shown .code")).to_be_hidden()  # what is typed is the app's, not copied from above
        unfold_code(theirs)
        expect(theirs.locator("#shown .code")).to_have_text(re.compile(r"\d{3} \d{3}"))
        right = theirs.locator(".code").inner_text()
        theirs.get_by_label("Type the code your app shows").fill("000000" if right != "000 000" else "111111")
        theirs.keyboard.press("Enter")
        expect(theirs.locator("#typed-said")).to_contain_text("Nothing is lost")
        theirs.get_by_label("Type the code your app shows").fill(right)
        theirs.keyboard.press("Enter")
        ends_with(theirs, "enrolled")
    page.goto(keep)
    expect(page.locator("#state")).to_have_text("Enrolled")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("otpauth://hotp/A?secret=" + KEY, "HOTP"),
        ("otpauth://totp/A?secret=JBSWY3DP", "too short"),
        ("otpauth://totp/A?secret=JBSW1", "0, 1, 8 or 9"),
    ],
)
def test_a_key_that_cannot_be_used_is_not_shared_as_one(place: Site, page: Page, text: str, words: str) -> None:
    page.goto(place.url)
    paste(page, text)
    expect(page.locator("#recognised")).to_contain_text(words)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#problem")).to_contain_text(words)
    page.get_by_label("Share it as plain text").check()
    page.keyboard.press("Control+Enter")
    reveal(page, made(page))
    expect(page.locator("pre.secret")).to_have_text(text)


def test_a_password_and_its_key_travel_as_two_links(place: Site, page: Page) -> None:
    page.goto(place.url)
    paste(page, "hunter2")
    page.locator("#login summary").click()
    page.get_by_label("User name").fill("ann")
    page.locator("#second").fill(KEY)
    page.get_by_role("button", name="Make the link").click()
    made(page)
    links = [each.input_value() for each in page.locator("input.link").all()]
    assert len(links) == 2
    reveal(page, links[0])
    expect(page.locator("#shown")).to_contain_text("hunter2")
    expect(page.get_by_role("button", name="Copy password")).to_be_visible()
    assert KEY[:4] not in page.locator("#shown").inner_text()
    page.goto("about:blank")
    reveal(page, links[1])
    expect(page.locator(".grouped")).to_contain_text(KEY[:4])
    assert "hunter2" not in page.locator("#shown").inner_text()


def test_an_export_is_split_into_one_link_for_each_ticked_account(place: Site, page: Page) -> None:
    page.goto(place.url)
    paste(page, EXPORT)
    expect(page.locator("#recognised")).to_contain_text("An export of")
    boxes = page.locator("input[name=account]")
    assert boxes.count() == len(ACCOUNTS)
    page.keyboard.press("Control+Enter")
    made(page)
    assert [each.inner_text() for each in page.locator(".hand-over h2").all()] == ACCOUNTS
    page.goto(place.url)
    paste(page, EXPORT)
    boxes.first.uncheck()
    page.keyboard.press("Control+Enter")
    made(page)
    assert page.locator("input.link").count() == 1
    reveal(page, made(page))
    expect(page.locator("#shown")).to_contain_text(ACCOUNTS[1])


def test_a_picture_of_a_qr_code_becomes_the_key_in_it(place: Site, page: Page) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(place.url)
    assert not [url for url in loaded if "/vendor/" in url or "/qr" in url]
    choose(page, "shot.png", drawn(KEY_URI), "image/png")
    expect(page.locator("#secret")).to_have_value(KEY_URI)
    expect(page.locator("#recognised")).to_have_text("An authenticator key.")
    assert [url for url in loaded if "qr-worker" in url]


def test_a_picture_without_a_qr_code_is_a_file(place: Site, page: Page) -> None:
    page.goto(place.url)
    choose(page, "dot.png", drawn(""), "image/png")
    expect(page.locator("#files")).to_contain_text("dot.png")
    page.get_by_role("button", name="Remove dot.png").click()
    expect(page.locator("#files")).to_be_hidden()


def test_files_come_out_as_they_went_in_under_clean_names(place: Site, page: Page, tmp_path: Path) -> None:
    small, large = b"<script>alert(1)</script>", bytes(range(256)) * 5_000
    page.goto(place.url)
    for name, content in (("../we\u202eird.html", small), ("large.bin", large)):
        choose(page, name, content, "text/html")
    page.get_by_role("button", name="Make the link").click()
    reveal(page, made(page))
    for name, content in (("weird.html", small), ("large.bin", large)):
        with page.expect_download() as coming:
            page.get_by_role("button", name=f"Save {name}").click()
        assert coming.value.suggested_filename == name
        coming.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content


def test_a_sender_and_a_recipient_need_no_mouse(place: Site, page: Page) -> None:
    page.goto(place.url)
    paste(page, SECRET)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "share":
            break
    page.keyboard.press("Enter")
    page.goto(made(page))
    expect(page.get_by_role("button", name="Reveal")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#shown h1")).to_be_focused()
    names = []
    for _ in range(4):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
    assert names == ["Secret", "Copy secret", "Done", "Hide"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    ends_with(page, "done")


def test_the_first_load_is_small_and_without_the_qr_code_library(place: Site, page: Page) -> None:
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - it must be a function
    page.goto(place.url, wait_until="networkidle")
    loaded = {request.url: request.sizes()["responseBodySize"] for request in finished}
    assert len(loaded) > 10
    assert not [url for url in loaded if "/vendor/" in url]
    assert sum(loaded.values()) < 60_000  # as they came over the wire
