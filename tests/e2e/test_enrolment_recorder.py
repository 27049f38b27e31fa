"""What a service, the proxy in front of it and a browser keep of an enrolment at its page: nothing.

As ``test_link_recorder.py`` does for signing in: one journey, the log at its most talkative, every byte at the proxy.
"""

from __future__ import annotations

import json
import re
from base64 import b32decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.e2e.link_people import CONFIG, register
from tests.e2e.secret_people import behind, somebody
from tests.e2e.test_handover import by_oathtool, wrong_for
from tests.e2e.test_secret_recorder import found
from tests.support.tap import Exchange, Tap
from watchword.client import AuthenticatorClient, BrowserSession
from watchword.client.authenticator import Enrolment
from watchword.core.otpauth import read_key_uri

pytestmark = pytest.mark.xdist_group(__name__)

SHOP = "http://localhost:9"  # nobody listens there: what the browser would have sent is caught before it leaves
BACK = f"{SHOP}/callback"
# As an app does that has collected: what its own address held is not to be one step back.
ONWARD = "<script>if (location.pathname !== '/home') location.replace('/home')</script>"


@dataclass
class Watched:
    """What was in people's hands, and what came of it."""

    tap: Tap
    folder: Path
    tickets: set[str] = field(default_factory=set)
    seeds: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    verifiers: set[str] = field(default_factory=set)
    handoffs: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)  # an address, and the Referer that went there
    visited: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self.tap.exchanges)

    @property
    def everything(self) -> set[str]:
        """Every text that may be in no log, no address, no header and no history."""
        return self.tickets | self.seeds | self.codes | self.verifiers | self.handoffs | self.tap.proofs

    def note(self, request: Request) -> None:
        self.asked.append((request.url, request.headers.get("referer", "")))

    def remember(self, page: Page) -> None:
        """What the browser keeps of a tab."""
        history = page.context.new_cdp_session(page).send("Page.getNavigationHistory")
        self.visited += [f"{entry['url']} {entry['title']}" for entry in history["entries"]]
        self.stored.append(page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"))


@pytest.fixture(scope="module")
def watched(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The journey, gone through."""
    folder = tmp_path_factory.mktemp("enrolment-recorder")
    app = register(folder, BACK)
    with (
        behind(folder, WATCHWORD_LOG_LEVEL="debug", WATCHWORD_CONFIG=str(CONFIG)) as (_, tap),
        AuthenticatorClient(tap.url, app["key"]) as client,
        somebody(browser) as person,
    ):
        seen = Watched(tap, folder)
        person.on("request", seen.note)
        person.route(f"{SHOP}/**", lambda route: route.fulfill(content_type="text/html", body=ONWARD))
        go_through(seen, client, person)
        yield seen


def begun(seen: Watched, client: AuthenticatorClient, subject: str) -> tuple[BrowserSession, Enrolment]:
    session = BrowserSession.begin(BACK)
    made = client.enrol(subject, issuer="ACME", link=session)
    secret = b32decode(made.secret)
    seen.seeds |= {made.secret, secret.hex(), " ".join(re.findall(".{4}", made.secret))}
    seen.tickets.add((made.page_url or "").partition("#")[2])
    seen.verifiers.add(session.verifier)
    return session.of(made.id, subject), made


def go_through(seen: Watched, client: AuthenticatorClient, person: BrowserContext) -> None:
    """A wrong code, a reload, the right one, the recovery codes, back to the app, and the page's address once more."""
    page = person.new_page()
    session, made = begun(seen, client, "ann")
    key = read_key_uri(made.otpauth_uri).key
    page.goto(made.page_url or "")
    type_code(page, wrong_for(key))
    expect(page.locator("#typed-said")).to_contain_text("9 more tries")
    page.reload()
    seen.stored.append(page.evaluate("JSON.stringify([{...localStorage}, document.cookie, history.state])"))
    type_code(page, by_oathtool(key))
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()
    seen.codes |= set(page.locator("#codes code").all_inner_texts())
    with page.expect_request(f"{BACK}*") as went:
        page.get_by_role("button", name="I have kept them: done").click()
    page.wait_for_url(f"{SHOP}/home")
    query = parse_qs(urlsplit(went.value.url).query)
    seen.handoffs |= set(query["code"])
    client.exchange(session, "ann", code=query["code"][0], state=query["state"][0])
    page.goto(f"{seen.tap.url}/a/{made.id}")
    expect(page.get_by_role("heading", name="Go back to the app")).to_be_visible()
    seen.remember(page)
    # A mail program that escapes the "#" makes the ticket a part of the path, and the browser itself sends it then.
    _, other = begun(seen, client, "bob")
    page.goto((other.page_url or "").replace("#", "%23"))
    expect(page.locator("#qr svg")).to_be_visible()
    page.goto("about:blank")
    history = person.new_cdp_session(page).send("Page.getNavigationHistory")
    seen.visited += [entry["url"] for entry in history["entries"]]


def type_code(page: Page, code: str) -> None:
    page.get_by_label("Type the code your app shows").fill(code)
    page.keyboard.press("Enter")


def test_the_journey_was_seen(watched: Watched) -> None:
    lines = (rb"POST /v1/enrolments/\S+/open ", rb"POST /v1/enrolments/\S+/confirm ", rb"POST \S+/exchange ")
    assert all(watched.tap.asked(line) for line in lines)
    assert (2, 6, 10, 2, 1, 2) == tuple(
        len(each)
        for each in (
            *(watched.tickets, watched.seeds, watched.codes, watched.verifiers),
            *(watched.handoffs, watched.tap.proofs),
        )
    )


def test_no_head_holds_any_of_it_and_each_body_only_its_own(watched: Watched) -> None:
    told: dict[str, set[bytes]] = {"ticket": set(), "seed": set(), "codes": set(), "sent": set()}
    escaped = f"%23{'|%23'.join(watched.tickets)}".encode().split(b"|")
    for each in watched.exchanges:
        if not any(ticket in each.target for ticket in escaped):
            assert not found(watched.everything, each.head), each.line
        assert not found(watched.everything, each.answer_head), each.line
        name = re.sub(rb"au_[\w-]{22}", b"{id}", each.target)
        sent, answered = bytes(each.body), bytes(each.answer_body)
        if found(watched.tickets | watched.seeds | watched.codes, sent):
            told["sent"].add(name)
        for kind, texts in (("ticket", watched.tickets), ("seed", watched.seeds), ("codes", watched.codes)):
            if found(texts, answered):
                told[kind].add(name)
    assert {
        "ticket": {b"/v1/authenticators"},
        "seed": {b"/v1/authenticators", b"/v1/enrolments/{id}/open"},
        "codes": {b"/v1/enrolments/{id}/confirm"},
        "sent": set(),
    } == told


def test_the_log_at_its_most_talkative_holds_none_of_it(watched: Watched) -> None:
    log = (watched.folder / "log").read_bytes()
    for route in (b"/v1/enrolments/{id}/open", b"/v1/enrolments/{id}/confirm", b"/a/{id}"):
        assert route in log
    assert not found(watched.everything, log)


def test_no_referer_tells_of_the_page_and_nobody_else_was_asked(watched: Watched) -> None:
    assert not [referer for _, referer in watched.asked if "/a/" in referer]
    assert not [each.line for each in watched.exchanges if b"/a/" in each.header("Referer")]
    ours = (f"{watched.tap.url}/", f"{SHOP}/", "data:", "blob:")
    assert [] == [url for url, _ in watched.asked if not url.startswith(ours)]


def test_history_and_storage_keep_none_of_it(watched: Watched) -> None:
    assert [entry for entry in watched.visited if "/a/" in entry]
    assert not [entry for entry in watched.visited if "#" in entry or "%23" in entry]
    assert not found(watched.everything, "\n".join(watched.visited).encode())
    assert not found(watched.everything, json.dumps(watched.stored).encode())
