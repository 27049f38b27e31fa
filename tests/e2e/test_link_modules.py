"""What the browser's modules make of tokens, tickets and pasted codes, in a real Chromium, under the pages' policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import serving
from watchword.core import binary
from watchword.core.policy import PURPOSES

pytestmark = pytest.mark.xdist_group(__name__)

VECTORS = Path(__file__).parents[2] / "vectors" / "link"
KEYS = [bytes(32), bytes(range(32))]
HEADER = binary.encode(b'{"alg":"dir","enc":"A256GCM"}')
ID = "vf_" + "A" * 22


def vectors(name: str) -> list[dict[str, Any]]:
    """The published cases of a file."""
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) >= 10
    return [case for case in cases if "error" not in case["expect"]]


def coded(raw: str) -> str:
    """base64url of what the vectors write in hexadecimal."""
    return binary.encode(bytes.fromhex(raw))


def derived(key: bytes, label: str) -> bytes:
    return HKDF(SHA256(), 32, None, label.encode()).derive(key)


def sealed(key: bytes, text: bytes) -> str:
    """A context as the service seals it."""
    iv = bytes(range(12))
    both = AESGCM(derived(key, "watchword/v1/link/context")).encrypt(iv, text, HEADER.encode())
    return ".".join([HEADER, "", *(binary.encode(part) for part in (iv, both[:-16], both[-16:]))])


@pytest.fixture(scope="module")
def modules(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of the real service, from which its modules can be imported."""
    with serving(tmp_path_factory.mktemp("modules")) as site:
        page = browser.new_page()
        page.goto(f"{site.url}/v/{ID}")
        yield page
        page.close()


def test_proofs_follow_from_token_and_ticket_as_the_vectors_say(modules: Page) -> None:
    cases = vectors("derivation")
    given = [[coded(case["expect"]["token"]), coded(case["expect"]["ticket"])] for case in cases]
    proofs = modules.evaluate(
        """async (cases) => {
             const { proofOf } = await import("/static/token.js");
             const both = ([token, ticket]) => Promise.all([proofOf(token, "link"), proofOf(ticket, "page")]);
             return Promise.all(cases.map(both));
           }""",
        given,
    )
    assert [[coded(case["expect"]["link_proof"]), coded(case["expect"]["page_proof"])] for case in cases] == proofs


def test_the_page_of_an_enrolment_takes_its_address_and_proves_it_as_the_vectors_say(modules: Page) -> None:
    cases = vectors("enrolments")
    before = modules.url
    taken = modules.evaluate(
        """async (urls) => {
             const { takeAddress } = await import("/static/address.js");
             const { proofOf } = await import("/static/token.js");
             const taken = [];
             for (const url of urls) {
               history.replaceState(null, "", url);
               const { id, read } = takeAddress("a", "au_");
               taken.push([id, location.pathname + location.hash, await proofOf(read.L, "page")]);
             }
             return taken;
           }""",
        [case["expect"]["page_url"].removeprefix(case["given"]["public_url"]) for case in cases],
    )
    modules.goto(before)
    names = [case["expect"]["page_url"].rpartition("/")[2].partition("#")[0] for case in cases]
    assert len(cases) >= 20
    assert [
        [name, f"/a/{name}", coded(case["expect"]["page_proof"])] for name, case in zip(names, cases, strict=True)
    ] == taken


def test_the_element_reads_a_page_url_as_the_vectors_say(modules: Page) -> None:
    cases = vectors("derivation")
    requests = modules.evaluate(
        """async (urls) => {
             const { requestOf } = await import("/static/watchword-code.js");
             return Promise.all(urls.map((url) => requestOf(`  ${url}\n`)));
           }""",
        [case["expect"]["page_url"] for case in cases],
    )
    assert len(cases) >= 20
    assert [
        {
            "origin": case["given"]["public_url"],
            "id": case["expect"]["page_url"].rpartition("/")[2].partition("#")[0],
            "proof": coded(case["expect"]["page_proof"]),
        }
        for case in cases
    ] == requests


def test_contexts_open_as_the_vectors_say(modules: Page) -> None:
    for case in vectors("contexts"):
        opened = modules.evaluate(OPEN, [coded(case["given"]["token"]), case["expect"]["context"]])
        assert opened.pop("pad").strip("0") == ""
        assert json.loads(case["given"]["document"]) == opened, case["name"]


@pytest.mark.parametrize(
    "page_url",
    [
        "",
        f"/v/{ID}#{'A' * 43}",
        f"ftp://codes.example.org/v/{ID}#{'A' * 43}",
        f"javascript:alert(1)//https://codes.example.org/v/{ID}#{'A' * 43}",
        f"https://codes.example.org/l/{ID}#{'A' * 43}",
        f"https://codes.example.org/v/{ID}",
        f"https://codes.example.org/v/{ID}#{'A' * 42}",
        f"https://codes.example.org/v/{ID}?#{'A' * 43}",
        f"https://codes.example.org/v/{ID}/../x#{'A' * 43}",
    ],
)
def test_what_is_no_page_url_leads_to_no_request(modules: Page, page_url: str) -> None:
    assert (
        modules.evaluate("async (url) => (await import('/static/watchword-code.js')).requestOf(url)", page_url) is None
    )


def test_tries_are_told_as_people_count_and_only_where_they_were_counted(modules: Page) -> None:
    told = modules.evaluate(
        """async (answers) => {
             const { Refused } = await import("/static/api.js");
             return answers.map((answer) => new Refused(422, answer).tries);
           }""",
        [{"attempts_remaining": 2}, {"attempts_remaining": 1}, {}],
    )
    assert ["2 more tries.", "One more try.", ""] == told


@pytest.mark.parametrize(("told", "waits"), [("7", 7), ("Sat, 28 Nov 2026 09:00:00 GMT", 30), (None, 30)])
def test_a_wait_that_a_proxy_does_not_tell_in_seconds_is_guessed(modules: Page, told: str | None, waits: int) -> None:
    headers = {} if told is None else {"retry-after": told}
    modules.route("**/busy", lambda route: route.fulfill(status=429, headers=headers), times=1)
    asked = """async () => {
      const { fetched } = await import("/static/api.js");
      return fetched("/busy", {}).catch((error) => error.retryAfter);
    }"""
    assert waits == modules.evaluate(asked)


OPEN = """async ([token, jwe]) => {
  const { openContext } = await import("/static/token.js");
  return openContext(token, jwe).catch((error) => `${error.name} ${error.kind}`);
}"""


def test_a_context_opens_with_its_token_and_with_no_other(modules: Page) -> None:
    context = {"status": "pending", "app": 'Ann\'s "shop" <b>', "action": "pay 1 \u2028 €"}
    jwe = sealed(KEYS[1], json.dumps(context).encode() + b"   ")

    assert context == modules.evaluate(OPEN, [binary.encode(KEYS[1]), jwe])
    assert "EnvelopeError tampered" == modules.evaluate(OPEN, [binary.encode(KEYS[0]), jwe])


@pytest.mark.parametrize("change", ["bit", "header", "cut", "key", "none", "number"])
def test_a_context_that_was_changed_does_not_open(modules: Page, change: str) -> None:
    jwe = sealed(KEYS[1], b'{"status": "pending"}')
    parts = jwe.split(".")
    given: object = {
        "bit": ".".join([*parts[:3], ("A" if parts[3][0] != "A" else "B") + parts[3][1:], parts[4]]),
        "header": ".".join([binary.encode(b'{"alg":"none"}'), *parts[1:]]),
        "cut": ".".join(parts[:4]),
        "key": ".".join([parts[0], "AAAA", *parts[2:]]),
        "none": None,
        "number": 7,
    }[change]

    said = modules.evaluate(OPEN, [binary.encode(KEYS[1]), given])

    assert ("EnvelopeError tampered" if change == "bit" else "EnvelopeError invalid") == said


@pytest.mark.parametrize("text", [b"\xff\xfe", b"{", b""])
def test_a_context_that_is_no_document_is_refused(modules: Page, text: bytes) -> None:
    said = modules.evaluate(OPEN, [binary.encode(KEYS[1]), sealed(KEYS[1], text)])

    assert "EnvelopeError invalid" == said


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("123-456", "123456"),
        ("1 2 3 4 5 6", "123456"),
        ("\uff11\uff12\uff13 \uff14\uff15\uff16", "123456"),
        ("123\u00a0456", "123456"),
        ("123\u2009456", "123456"),
        ("Your code: 123 456.", "123456"),
        ("Your code:\n\n    123 456\n\nValid for 10 minutes. Sent 27 Nov 2026.", "123456"),
        ("123456 123 456", "123456123456"),
        ("123 456 and 123456", "123456"),
        ("123456 or 654321", None),
        ("12345", None),
        ("1234567", None),
        ("G-123456", "123456"),
        ("12:04 123456 is your code", "123456"),
        ("23 Nov 2026 123456", "123456"),
        ("Code: 123456 10 min", "123456"),
        ("10 min: 123 456, until 12:04", "123456"),
        ("123\u2013456", "123456"),
        ("\u9a8c\u8bc1\u7801123456\u6709\u6548", "123456"),
        ("1234 5678 9012 and 123456", "123456"),
        ("2026-11-28 23:59", None),
        ("+49 151 234567, or 654321", None),
        ("123456 7", None),
        ("A123456", None),
        ("123456B", None),
        ("²23456", None),
        ("١٢٣٤٥٦", None),
        ("", None),
        ("https://c.example/l/vf_x#a-123456-b_654321-c Your code: 271828", "271828"),
    ],
)
def test_a_pasted_text_gives_the_one_code_in_it(modules: Page, text: str, code: str | None) -> None:
    digits = len(code or "") or 6
    found = modules.evaluate(
        "async ([text, digits]) => (await import('/static/watchword-code.js')).codeIn(text, digits)", [text, digits]
    )
    assert code == found


def test_a_text_message_is_called_one_and_its_number_no_address(modules: Page) -> None:
    said = modules.evaluate(
        """async ([origin, purposes]) => {
             const { WatchwordCode } = await import("/static/watchword-code.js");
             const ask = window.fetch;
             const said = [];
             const seen = { status: "pending", app: "Shop", channel: "sms", to: "+49•••7",
               watchword: "copper lantern", digits: 6, expires_at: "2026-11-23T14:12Z",
               resend_at: "2026-11-23T14:03Z", sends_remaining: 4 };
             const look = async (more) => {
               window.fetch = async () => Response.json({ ...seen, ...more });
               const field = new WatchwordCode();
               await field.start({ origin, id: "", proof: "" });
               said.push(field.shadowRoot.textContent);
             };
             for (const purpose of purposes) await look({ purpose });
             await look({ purpose: "login", status: "failed" });
             window.fetch = ask;
             return said;
           }""",
        [modules.url, list(PURPOSES)],
    )
    assert 6 == len(said)
    for text in said:
        assert "text message" in text
        assert "mail" not in text
        assert "address" not in text


@pytest.mark.parametrize(
    ("written", "is_whole"),
    [
        ("{id}#{token}", True),
        ("{id}%23{token}", True),
        ("{id}%2523{token}", True),
        ("{id}#{token}.", True),
        ("{id}#{token}>", True),
        ("{id}#{token}%3E", True),
        ("{id}#{token}#{token}", True),
        ("{id}#{token}&utm_source=mail", True),
        ("{id}?utm_source=mail#{token}", True),
        ("{id}", False),
        ("{id}#", False),
        ("{id}#{cut}", False),
        ("{id}#{token}x", False),
    ],
)
def test_what_a_mail_program_made_of_a_link_is_read_or_refused(modules: Page, written: str, *, is_whole: bool) -> None:
    token = binary.encode(KEYS[1])
    path = "/l/" + written.format(id=ID, token=token, cut=token[:-1])
    found = modules.evaluate(
        """async (path) => {
             const { takeAddress } = await import("/static/address.js");
             history.replaceState(null, "", path);
             return { ...takeAddress("l", "vf_"), left: location.pathname + location.search + location.hash };
           }""",
        path,
    )
    assert (ID, f"/l/{ID}") == (found["id"], found["left"])
    assert is_whole == (found["read"] == {"L": token})


def test_a_sentence_of_the_apps_own_language_stands_for_mails_and_text_messages(modules: Page) -> None:
    said = modules.evaluate(
        """async ([origin]) => {
             const { WatchwordCode } = await import("/static/watchword-code.js");
             const ask = window.fetch;
             window.fetch = async () => Response.json({ status: "pending", app: "Shop", channel: "sms", to: "+49•••7",
               purpose: "binding", watchword: "copper lantern", digits: 6, expires_at: "2026-11-23T14:12Z",
               resend_at: "2026-11-23T14:03Z", sends_remaining: 4 });
             const field = new WatchwordCode();
             field.texts = { binding: "Für {app}.", words: "Mit {word}.", words_sms: "In der SMS steht {word}." };
             await field.start({ origin, id: "", proof: "" });
             window.fetch = ask;
             return field.shadowRoot.textContent;
           }""",
        [modules.url],
    )
    assert "Für Shop." in said
    assert "In der SMS steht lantern." in said
