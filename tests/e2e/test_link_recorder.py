"""What a service, the proxy in front of it and a browser keep of signing in: grep everything, find nothing.

Every journey with links and codes is gone through once, the service's log set to its most talkative, and every byte
that passed the proxy kept. The service has a relay here, as an operator's has, and is no development mode's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.e2e.link_people import (
    CONFIG,
    confirm,
    cookie,
    go_on,
    is_signed_in,
    open_link,
    register,
    without_looks,
    words,
)
from tests.e2e.secret_people import behind, somebody
from tests.e2e.test_secret_recorder import found
from tests.support.service import code_of
from tests.support.shop import Shop
from tests.support.tap import Exchange, Tap
from watchword.adapters import key_file
from watchword.client import BrowserSession
from watchword.core import binary, ids, magic_link
from watchword.core.keyring import Keyring
from watchword.core.words import SIGNS

pytestmark = pytest.mark.xdist_group(__name__)

SIGN_IN, HOSTED = "Sign in", "Sign in on the hosted page"


@dataclass
class Watched:
    """What people had in their hands, and where they went."""

    tap: Tap
    shop: str
    referers: list[bytes]
    folder: Path
    app: bytes
    browser: Browser
    tokens: set[str] = field(default_factory=set)  # of links, tickets of pages
    verifiers: set[str] = field(default_factory=set)
    handoffs: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        """Remember where the browser turned to."""
        self.asked.append(request.url)
        if request.url.startswith(f"{self.shop}/callback"):
            self.handoffs |= set(parse_qs(urlsplit(request.url).query)["code"])

    def sign_in(self, page: Page, to: str, button: str) -> str:
        """Ask, and return the link that the mail would carry, as only the holder of the key file can know it."""
        page.goto(self.shop)
        page.get_by_label("Your email address").fill(to)
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_label("Code", exact=True)).to_be_visible()
        return self.link_of(self.asked_in(page))

    def asked_in(self, page: Page) -> str:
        """The verification that this browser asked for; its ticket and its verifier are remembered."""
        kept = BrowserSession.read(cookie(page, "watchword"))
        self.tokens.add(cookie(page, "page").partition("#")[2])
        self.verifiers.add(kept.verifier)
        return kept.id

    def link_of(self, verification: str) -> str:
        raw = ids.from_text(ids.VERIFICATION, verification)
        token = magic_link.derive_token(self.ring, self.app, raw)
        self.tokens.add(binary.encode(token))
        return magic_link.link_url(self.tap.url, raw, token)

    @property
    def ring(self) -> Keyring:
        return key_file.load(self.folder / "data" / "keys.json")

    def leave(self, context: BrowserContext) -> None:
        """Note what the browser remembers of its tabs."""
        for page in context.pages:
            history = context.new_cdp_session(page).send("Page.getNavigationHistory")
            self.visited += [f"{entry['url']} {entry['title']}" for entry in history["entries"]]
            if page.url.startswith("http"):
                self.stored.append(page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])"))

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self.tap.exchanges)


@pytest.fixture(scope="module")
def watched(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All journeys, gone through."""
    folder = tmp_path_factory.mktemp("recorder")
    with Shop() as shop:
        app = register(folder, shop.callback)
        with behind(folder, WATCHWORD_LOG_LEVEL="debug", WATCHWORD_CONFIG=str(CONFIG)) as (_, tap):
            shop.serve(tap.url, app["key"])
            seen = Watched(tap, shop.url, shop.referers, folder, ids.from_text(ids.APP, app["id"]), browser)
            for journey in (same_device, other_device, hosted_page, element, wrong_browser, damaged, step_up):
                with somebody(browser) as person:
                    person.on("request", seen.note)
                    journey(seen, person.new_page())
                    seen.leave(person)
            yield seen


def same_device(seen: Watched, page: Page) -> None:
    """The link in another tab, a reload of the app's callback, and back again."""
    link = seen.sign_in(page, "same@example.org", SIGN_IN)
    open_link(page, link)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    page.reload()
    page.get_by_label("The whole link").fill(link)
    page.keyboard.press("Enter")
    with page.expect_request(f"{seen.shop}/callback*") as went:
        go_on(page)
    is_signed_in(page, "same@example.org")
    page.goto(went.value.url)
    is_signed_in(page, "same@example.org")
    page.go_back()
    page.goto(link)


def other_device(seen: Watched, page: Page) -> None:
    """A wrong word, the right one, and collecting where it was asked."""
    link = seen.sign_in(page, "other@example.org", SIGN_IN)
    first, _ = words(page)
    without_looks(page)
    with somebody(seen.browser) as phone:
        phone.on("request", seen.note)
        theirs = phone.new_page()
        open_link(theirs, link)
        confirm(theirs, next(sign for sign in SIGNS if sign != first))
        expect(theirs.locator("#word-said")).to_contain_text("2 more tries")
        confirm(theirs, first)
        expect(theirs.get_by_role("heading", name="Done. Go back to your other device")).to_be_visible()
        seen.leave(phone)
    page.get_by_role("button", name="I confirmed it on another device").click()
    is_signed_in(page, "other@example.org")


def hosted_page(seen: Watched, page: Page) -> None:
    """A wrong code, a reload, and the right one."""
    seen.sign_in(page, "hosted@example.org", HOSTED)
    code = code_of(seen.ring, seen.app, seen.asked_in(page))
    type_code(page, f"{(int(code) + 1) % 1_000_000:06}")
    expect(page.get_by_role("alert")).to_contain_text("4 more tries")
    page.reload()
    type_code(page, code)
    is_signed_in(page, "hosted@example.org")


def element(seen: Watched, page: Page) -> None:
    """On the app's own origin."""
    seen.sign_in(page, "element@example.org", SIGN_IN)
    type_code(page, code_of(seen.ring, seen.app, seen.asked_in(page)))
    is_signed_in(page, "element@example.org")


def wrong_browser(seen: Watched, page: Page) -> None:
    """Somebody else's browser goes on, and gets nowhere."""
    link = seen.sign_in(page, "wrong@example.org", SIGN_IN)
    with somebody(seen.browser) as other:
        other.on("request", seen.note)
        theirs = other.new_page()
        open_link(theirs, link)
        go_on(theirs)
        expect(theirs.get_by_role("heading", name="You asked somewhere else")).to_be_visible()
        seen.leave(other)


def damaged(seen: Watched, page: Page) -> None:
    """A link whose end is cut off: the browser keeps what there is of it no longer than a whole one."""
    link = seen.sign_in(page, "damaged@example.org", SIGN_IN)
    open_link(page, link[:-1])
    expect(page.get_by_role("heading", name="This link is not complete")).to_be_visible()


def step_up(seen: Watched, page: Page) -> None:
    """Signed in by code, then a step-up by link."""
    seen.sign_in(page, "payer@example.org", SIGN_IN)
    type_code(page, code_of(seen.ring, seen.app, seen.asked_in(page)))
    page.get_by_role("button", name="Send money").click()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    open_link(page, seen.link_of(seen.asked_in(page)))
    go_on(page)
    expect(page.get_by_text("Sent EUR 12.50 to Bob.")).to_be_visible()


def type_code(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    page.keyboard.press("Enter")


def test_every_journey_was_seen(watched: Watched) -> None:
    for line in (
        rb"POST /v1/verifications ",
        rb"POST /v1/links/\S+/open ",
        rb"POST /v1/links/\S+/continue ",
        rb"POST /v1/links/\S+/confirm ",
        rb"POST /v1/pages/\S+/open ",
        rb"POST /v1/pages/\S+/check ",
        rb"POST /v1/exchange ",
    ):
        assert watched.tap.asked(line), line
    assert len(watched.tokens) >= 15  # a token and a ticket of every verification
    assert len(watched.verifiers) >= 8
    assert len(watched.handoffs) >= 5
    assert len(watched.tap.proofs) >= 8


def test_no_token_and_no_ticket_passes_but_for_the_one_answer_that_gives_a_page_its_address(watched: Watched) -> None:
    told = set()
    for each in watched.exchanges:
        for place in (each.head, bytes(each.body), each.answer_head):
            assert not found(watched.tokens, place), each.line
        if found(watched.tokens, bytes(each.answer_body)):
            told.add(each.line)
    assert {b"POST /v1/verifications HTTP/1.1"} == told


def test_proofs_hand_offs_and_verifiers_are_in_no_address_and_no_header(watched: Watched) -> None:
    secrets = watched.tap.proofs | watched.handoffs | watched.verifiers
    for each in watched.exchanges:
        assert not found(secrets, each.head), each.line
        assert not found(secrets, each.answer_head), each.line
        assert b"?" not in each.target


def test_no_cookie_goes_to_the_service(watched: Watched) -> None:
    assert {b""} == {each.header("Cookie") for each in watched.exchanges}


def test_a_verifier_passes_when_it_is_exchanged_and_never_before(watched: Watched) -> None:
    carried = {each.line for each in watched.exchanges if found(watched.verifiers, bytes(each.body))}
    assert {b"POST /v1/exchange HTTP/1.1"} == carried
    assert not [each.line for each in watched.exchanges if found(watched.verifiers, bytes(each.answer_body))]


def test_the_log_at_its_most_talkative_holds_none_of_it(watched: Watched) -> None:
    log = (watched.folder / "log").read_bytes()
    for route in (b"/v1/links/{id}/continue", b"/v1/pages/{id}/check", b"/v1/exchange", b"/l/{id}", b"/v/{id}"):
        assert route in log
    assert not found(watched.tokens | watched.tap.proofs | watched.handoffs | watched.verifiers, log)


def test_no_page_tells_the_next_where_its_visitor_came_from(watched: Watched) -> None:
    told = {each.header("Referer") for each in watched.exchanges} - {b""}
    assert not [address for address in {*told, *watched.referers} if b"/l/" in address or b"/v/" in address]
    assert not found(watched.handoffs, b"\n".join([*told, *watched.referers]))


def test_nobody_else_was_asked_anything(watched: Watched) -> None:
    ours = (f"{watched.tap.url}/", f"{watched.shop}/", "data:")
    assert [] == [url for url in watched.asked if not url.startswith(ours)]


def test_history_and_storage_keep_no_token_no_proof_of_a_link_and_no_hand_off(watched: Watched) -> None:
    assert [entry for entry in watched.visited if "/l/" in entry]
    assert [entry for entry in watched.visited if "/v/" in entry]
    assert not [entry for entry in watched.visited if "#" in entry]
    secrets = watched.tokens | watched.tap.proofs | watched.handoffs | watched.verifiers
    assert not found(secrets, "\n".join(watched.visited).encode())
    assert not found(secrets, "\n".join(watched.stored).encode())


def test_a_token_that_a_mail_program_moved_into_the_path_is_not_logged(watched: Watched) -> None:
    # "%23" in place of "#": the browser itself sends the token then. What we write down is the route.
    with somebody(watched.browser) as person:
        page = person.new_page()
        link = watched.sign_in(page, "escaped@example.org", SIGN_IN)
        open_link(page, link.replace("#", "%23"))
        expect(page.get_by_role("button", name="Continue here")).to_be_visible()
        token = link.partition("#")[2]
        history = person.new_cdp_session(page).send("Page.getNavigationHistory")
        assert not [entry for entry in history["entries"] if token in entry["url"]]
        assert [each for each in watched.exchanges if token.encode() in each.target]
    assert not found({token}, (watched.folder / "log").read_bytes())
