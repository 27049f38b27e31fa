"""What a server and the proxy in front of it see of all that people do with secrets: grep everything, find nothing.

Every journey of the browser is gone through once, the service's log set to its most talkative, and every byte that
passed the proxy kept. The journeys of the command line are gone through in ``tests/cross``.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.e2e.secret_people import (
    Hands,
    behind,
    choose,
    ends_with,
    guess,
    made,
    paste,
    reveal,
    share,
    status_link,
    unfold_code,
)
from tests.support.tap import Exchange, Tap
from watchword.core.binary import decode
from watchword.core.secret import FREE_GUESSES, MOST_GUESSES

pytestmark = pytest.mark.xdist_group(__name__)

TEXT = "the heron stands in the reeds at four"
PASSPHRASE = "velvet-lantern-4711"
KEY = "MZXW6YTBOJRXE4DUNFXW4ZLSMVZXIYLS"
USER, PASSWORD, ISSUER, LABEL, NAME = "ann.heron", "kingfisher-9", "Reedbank", "For the boathouse", "reeds-at-dawn.bin"
URI = f"otpauth://totp/{ISSUER}:{USER}?secret={KEY}&issuer={ISSUER}"
CONTENT = b"the bittern booms " * 60_000
PROOFS = ("link", "auth", "claim", "manage_token")
BEARERS = ("Authorization", "Watchword-Claim")  # the two headers in which a token or a claim travels


@dataclass
class Watched:
    """What the people had in their hands, and where they went."""

    tap: Tap
    context: BrowserContext
    log: Path
    hands: Hands
    kept: set[str] = field(default_factory=lambda: {TEXT, PASSPHRASE, KEY, USER, PASSWORD, ISSUER, LABEL, NAME})
    tokens: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    def note(self, asked: Request) -> None:
        """Remember where the browser turned to."""
        self.asked.append(asked.url)

    def link(self, page: Page, link: str) -> str:
        """Remember the key of a link, and the token of its status page, which is on the same screen."""
        self.kept.add(link.partition("#")[2])
        self.tokens.add(status_link(page).partition("#")[2])
        return link

    def leave(self, page: Page) -> None:
        """Note what the browser remembers of a tab."""
        history = self.context.new_cdp_session(page).send("Page.getNavigationHistory")
        self.visited += [f"{entry['url']} {entry['title']}" for entry in history["entries"]]
        self.stored.append(page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"))
        page.close()

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self.tap.exchanges)

    @property
    def proofs(self) -> set[str]:
        """Every proof, claim and token that was in a body, either way."""
        bodies = b"\n".join(bytes(each.body + b"\n" + each.answer_body) for each in self.exchanges).decode("latin-1")
        return {value for name in PROOFS for value in re.findall(rf'"{name}": ?"([^"]+)"', bodies)}


def forms(text: str) -> set[bytes]:
    """A text in the ways in which it could have been sent."""
    raws = {text.encode()}
    if re.fullmatch(r"[\w-]{43}", text):
        raws.add(decode(text))
    written = {coded(raw).rstrip(b"=") for raw in raws for coded in (b64encode, urlsafe_b64encode)}
    return raws | written | {raw.hex().encode() for raw in raws} | {quote(text).encode()}


def found(texts: set[str], place: bytes) -> list[str]:
    """Those that are there, in whichever form."""
    return [text for text in texts if any(form in place for form in forms(text))]


def bare(head: bytes) -> bytes:
    """A head without the headers that are there to carry a token or a claim."""
    names = "|".join(BEARERS).encode()
    return re.sub(rb"\r\n(?:" + names + rb"): [^\r]*", b"", head, flags=re.IGNORECASE)


@pytest.fixture(scope="module")
def watched(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All journeys, gone through."""
    folder = tmp_path_factory.mktemp("recorder")
    hands = Hands(folder / "ahead")
    with behind(folder, through=hands.command, WATCHWORD_LOG_LEVEL="debug") as (_, tap):
        context = browser.new_context()
        seen = Watched(tap, context, folder / "log", hands)
        context.on("request", seen.note)
        for journey in (a_text, a_key, a_login, files, burning, unlocking):
            page = context.new_page()
            journey(seen, page)
            seen.leave(page)
        context.close()
        yield seen


def a_text(seen: Watched, page: Page) -> None:
    """With label and passphrase: a wrong one first, a cut answer, a reload, the whole link pasted, and back again."""
    page.goto(seen.tap.url)
    paste(page, TEXT)
    page.locator("#options summary").click()
    page.fill("#passphrase", PASSPHRASE)
    page.fill("#label", LABEL)
    page.get_by_role("button", name="Make the link").click()
    link = seen.link(page, made(page))
    keep = status_link(page)
    page.goto(link)
    page.fill("#passphrase", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("nothing is lost")
    page.fill("#passphrase", PASSPHRASE)
    with seen.tap.cutting(rb"POST \S+/claim ", 50):
        page.keyboard.press("Enter")
        expect(page.locator("#problem")).to_contain_text("Nothing was lost")
    page.keyboard.press("Enter")
    expect(page.locator("pre.secret")).to_have_text(TEXT)
    page.reload()
    page.fill("#link", f"Here it is: <{link}>.")
    page.keyboard.press("Enter")
    page.fill("#passphrase", PASSPHRASE)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(TEXT)
    page.get_by_role("button", name="Done").click()
    ends_with(page, "done")
    page.get_by_role("link", name="Share a secret").click()
    page.go_back()
    page.goto(keep)
    expect(page.locator("#state")).to_have_text("Opened")
    page.get_by_role("link", name="Watchword").click()


def a_key(seen: Watched, page: Page) -> None:
    """Shared, set up and confirmed."""
    link = seen.link(page, share(page, seen.tap.url, URI))
    keep = status_link(page)
    reveal(page, link)
    unfold_code(page)
    expect(page.locator("#shown .code")).to_have_text(re.compile(r"\d{3} \d{3}"))
    page.get_by_label("Type the code your app shows").fill(page.locator("#shown .code").inner_text())
    page.keyboard.press("Enter")
    ends_with(page, "enrolled")
    page.goto(keep)
    expect(page.locator("#state")).to_have_text("Enrolled")


def a_login(seen: Watched, page: Page) -> None:
    """As two links."""
    page.goto(seen.tap.url)
    paste(page, PASSWORD)
    page.locator("#login summary").click()
    page.get_by_label("User name").fill(USER)
    page.locator("#second").fill(URI)
    page.get_by_role("button", name="Make the link").click()
    made(page)
    links = [each.input_value() for each in page.locator("input.link").all()]
    for link in links:
        seen.link(page, link)
    for link in links:
        page.goto("about:blank")
        reveal(page, link)
        page.get_by_role("button", name="Done").click()
        ends_with(page, "done")


def files(seen: Watched, page: Page) -> None:
    """One beside the envelope, one inside, and one that is cut off on its way down."""
    page.goto(seen.tap.url)
    for name, content in ((NAME, CONTENT), (f"small-{NAME}", CONTENT[:1_000])):
        choose(page, name, content, "application/octet-stream")
    page.get_by_role("button", name="Make the link").click()
    reveal(page, seen.link(page, made(page)))
    with seen.tap.cutting(rb"GET \S+/blobs/", 50, times=1), page.expect_download() as coming:
        page.get_by_role("button", name=f"Save {NAME}", exact=True).click()
        coming.value.path()
    page.get_by_role("button", name="Done").click()
    ends_with(page, "done")
    page.goto(seen.tap.url)
    choose(page, f"small-{NAME}", CONTENT[:1_000], "application/octet-stream")
    page.get_by_role("button", name="Make the link").click()
    reveal(page, seen.link(page, made(page)))
    with page.expect_download():
        page.get_by_role("button", name=f"Save small-{NAME}").click()


def burning(seen: Watched, page: Page) -> None:
    """From the page that made it, and from its status page."""
    link = seen.link(page, share(page, seen.tap.url, TEXT))
    page.get_by_role("button", name="Burn now").click()
    page.get_by_role("button", name="Burn it").click()
    expect(page.locator("#made")).to_contain_text("Nobody can open this link any more")
    page.goto(link)
    ends_with(page, "burnt")
    seen.link(page, share(page, seen.tap.url, TEXT))
    page.goto(status_link(page))
    page.get_by_role("button", name="Burn now").click()
    page.get_by_role("button", name="Burn it").click()
    expect(page.locator("#state")).to_have_text("Burnt")


def unlocking(seen: Watched, page: Page) -> None:
    """After more wrong passphrases than are taken."""
    link = seen.link(page, share(page, seen.tap.url, TEXT, PASSPHRASE))
    keep = status_link(page)
    guess(link, FREE_GUESSES)
    for number in range(FREE_GUESSES, MOST_GUESSES):
        seen.hands.set(minutes=61 * (number - FREE_GUESSES + 1))
        guess(link, 1)
    page.goto(link)
    ends_with(page, "locked")
    page.goto(keep)
    page.get_by_role("button", name="Unlock").click()
    expect(page.locator("#state")).to_have_text("Waiting")


def test_every_journey_was_seen(watched: Watched) -> None:
    for line in (
        rb"POST /v1/secrets ",
        rb"PUT \S+/blobs/",
        rb"POST \S+/open ",
        rb"POST \S+/claim ",
        rb"GET \S+/blobs/",
        rb"POST \S+/ack ",
        rb"GET \S+/status ",
        rb"DELETE ",
        rb"POST \S+/unlock ",
    ):
        assert watched.tap.asked(line), line
    assert 8 == len(watched.tokens)
    assert watched.tokens <= watched.proofs
    claims = b"".join(bytes(each.body) for each in watched.tap.asked(rb"POST \S+/claim "))
    assert all(f'"{name}":'.encode() in claims for name in ("link", "auth", "claim"))
    assert any(each.header("Watchword-Claim") for each in watched.exchanges)


def test_the_search_finds_what_it_is_there_to_find() -> None:
    key = "A" * 42 + "E"
    for sent in (key.encode(), decode(key), decode(key).hex().encode(), b64encode(key.encode())):
        assert found({key}, b"before " + sent + b" after")
    assert found({TEXT}, quote(TEXT).encode())
    assert not found({key}, b"something else")
    assert b"tok" not in bare(b"GET / HTTP/1.1\r\nauthorization: Bearer tok\r\nHost: here\r\n\r\n")


def test_no_key_passphrase_or_plaintext_passes_in_any_form(watched: Watched) -> None:
    for each in watched.exchanges:
        for place in (each.head, bytes(each.body), each.answer_head, bytes(each.answer_body)):
            assert not found(watched.kept, place), each.line
            assert CONTENT[:18] not in place


def test_proofs_and_tokens_are_in_no_address_and_no_other_header(watched: Watched) -> None:
    for each in watched.exchanges:
        assert not found(watched.proofs, bare(each.head)), each.line
        assert not found(watched.proofs, each.answer_head), each.line
        assert b"?" not in each.target
    told = [each.line for each in watched.exchanges if found(watched.tokens, bytes(each.answer_body))]
    assert {b"POST /v1/secrets HTTP/1.1"} == set(told)


def test_no_page_tells_the_next_where_its_visitor_came_from(watched: Watched) -> None:
    told = {each.header("Referer") for each in watched.exchanges} - {b""}
    assert not [address for address in told if b"/s/" in address]


def test_the_log_at_its_most_talkative_holds_none_of_it(watched: Watched) -> None:
    log = watched.log.read_bytes()
    assert b"/v1/secrets/{id}/claim" in log
    assert not found(watched.kept | watched.proofs, log)


def test_nobody_else_was_asked_anything(watched: Watched) -> None:
    others = [url for url in watched.asked if not url.startswith((f"{watched.tap.url}/", "data:", "blob:"))]
    assert [] == others


def test_history_and_storage_keep_no_key_and_no_token(watched: Watched) -> None:
    # The claim may stay in storage until its lease ends: alone it opens nothing.
    assert [entry for entry in watched.visited if "/s/" in entry]
    assert not [entry for entry in watched.visited if "#" in entry]
    assert not found(watched.kept | watched.proofs, "\n".join(watched.visited).encode())
    assert not found(watched.kept | watched.tokens, "\n".join(watched.stored).encode())


def test_a_key_that_a_mail_program_moved_into_the_path_is_not_logged(watched: Watched, browser: Browser) -> None:
    # "%23" in place of "#": the browser itself sends the key then. What we write down is the route.
    context = browser.new_context()
    page = context.new_page()
    link = share(page, watched.tap.url, TEXT)
    page.goto(link.replace("#", "%23"))
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("pre.secret")).to_have_text(TEXT)
    history = context.new_cdp_session(page).send("Page.getNavigationHistory")
    context.close()
    key = link.partition("#")[2]
    assert [each for each in watched.exchanges if key.encode() in each.target]
    assert not found({key}, watched.log.read_bytes())
    assert not [entry for entry in history["entries"] if key in entry["url"]]
