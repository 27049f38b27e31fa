"""The browser's own modules for authenticator keys: the published vectors, in Chromium, under the page's policy."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import serving
from watchword.core import otpauth, otpauth_export, pasted

pytestmark = pytest.mark.xdist_group(__name__)

VECTORS = Path(__file__).parents[2] / "vectors" / "totp"
FEWEST = {"base32": 31, "codes": 35, "exports": 40, "pasted": 34, "uris": 56}

# What a case of each file is asked, in JavaScript. A refusal becomes {problem}, anything else that is thrown fails.
ASK = """
async ({ name, cases }) => {
  const otpauth = await import("/static/otpauth.js");
  const totp = await import("/static/totp.js");
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hex = (raw) => Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const codes = (warnings) => warnings.map(({ code, words }) => {
    if (words !== otpauth.WARNINGS[code]) throw new Error("other words");
    return code;
  });
  const shown = ({ key, warnings }) => ({ ...key, secret: hex(key.secret), warnings: codes(warnings) });
  const ask = {
    codes: async ({ secret, counter, seconds, ...rhythm }) => ({
      code: counter === undefined
        ? await totp.totpCode(bytes(secret), rhythm, seconds)
        : await totp.hotpCode(bytes(secret), counter, rhythm),
    }),
    base32: ({ text }) => {
      const secret = otpauth.decodeBase32(text);
      return { secret: hex(secret), written: otpauth.encodeBase32(secret) };
    },
    uris: ({ text }) => {
      const understood = otpauth.parseKeyUri(text);
      return { key: shown(understood), written: otpauth.writeKeyUri(understood.key) };
    },
    exports: ({ text }) => {
      const { accounts, unusable, part, parts } = otpauth.readMigration(text);
      const refused = unusable.map(({ issuer, account, code }) => ({ issuer, account, problem: code }));
      return { accounts: accounts.map(shown), unusable: refused, part, parts };
    },
    pasted: ({ text }) => {
      const found = otpauth.recognise(text);
      if (found.kind === "problem") return { kind: found.kind, problem: found.code };
      if (found.kind === "migration") return { kind: found.kind, accounts: found.accounts.length };
      if (found.kind !== "totp") return found;
      return { kind: found.kind, bare: found.bare, secret: hex(found.key.secret), warnings: codes(found.warnings) };
    },
  }[name];
  const answers = [];
  for (const { given } of cases) {
    try {
      answers.push(await ask(given));
    } catch (error) {
      if (!(error instanceof otpauth.UnusableKey)) throw error;
      if (error.message !== otpauth.PROBLEMS[error.code]) throw new Error("other words");
      answers.push({ problem: error.code });
    }
  }
  return answers;
}
"""


@pytest.fixture(scope="module")
def ours(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of a running service, with its policy."""
    with serving(tmp_path_factory.mktemp("service")) as site:
        page = browser.new_page()
        page.goto(site.url)
        yield page
        page.close()


@pytest.mark.parametrize(("name", "fewest"), FEWEST.items())
def test_the_browser_gives_what_the_vectors_expect(ours: Page, name: str, fewest: int) -> None:
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]

    answers = ours.evaluate(ASK, {"name": name, "cases": cases})

    assert fewest <= len(cases) == len(answers)
    for case, answer in zip(cases, answers, strict=True):
        assert case["expect"] == answer, case["name"]


def test_the_browser_says_the_published_words(ours: Page) -> None:
    published = json.loads((VECTORS / "words.json").read_text())

    said = ours.evaluate("async () => ({ ...(await import('/static/otpauth-words.js')) })")

    assert published["problems"] == said["PROBLEMS"]
    assert published["warnings"] == said["WARNINGS"]


def test_a_key_is_grouped_for_reading(ours: Page) -> None:
    grouped = ours.evaluate(
        "async () => ['', 'ABC', 'ABCDEFGHIJ'].map((await import('/static/otpauth.js')).groupsOfFour)"
    )

    assert ["", "ABC", "ABCD EFGH IJ"] == grouped


def test_the_countdown_counts_down(ours: Page) -> None:
    left = ours.evaluate(
        "async () => { const { secondsLeft } = await import('/static/totp.js');"
        " return [secondsLeft(0), secondsLeft(29.5), secondsLeft(30), secondsLeft(61, 60)]; }"
    )

    assert [30, 0.5, 30, 59] == left


def written_out(text: str) -> dict[str, Any]:
    """What Python takes a text for, in the shape in which the browser says it."""
    found = pasted.recognise(text)
    match found:
        case pasted.Key(understood, bare):
            return {"kind": "totp", "bare": bare, **key_of(understood)}
        case otpauth_export.Export(accounts, unusable, part, parts):
            refused = [[each.issuer, each.account, each.reason] for each in unusable]
            read = [key_of(each) for each in accounts]
            return {"kind": "migration", "accounts": read, "unusable": refused, "part": part, "parts": parts}
        case pasted.Problem(reason):
            return {"kind": "problem", "code": reason}
        case pasted.Text(empty):
            return {"kind": "empty" if empty else "text"}


def key_of(understood: otpauth.Understood) -> dict[str, Any]:
    key = understood.key
    names = {"issuer": key.issuer, "account": key.account, "algorithm": key.algorithm}
    numbers = {"digits": key.digits, "period": key.period, "secret": list(key.secret)}
    return {**names, **numbers, "warnings": list(understood.warnings)}


def odd_texts(dice: Random) -> list[str]:
    """Links and keys that went through many hands: cut, joined, doubled, with strangers in them."""
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    pieces = [
        key,
        key.lower(),
        key[:16],
        "otpauth://totp/",
        "OTPauth://TOTP/",
        "ACME:ann",
        "?",
        "&",
        "secret=",
        "issuer=",
    ]
    pieces += [
        "algorithm=",
        "SHA256",
        "digits=",
        "8",
        "period=",
        "60",
        "%3A",
        "%20",
        "%",
        "+",
        " ",
        "-",
        "\n",
        "\t",
        "=",
        ":",
    ]
    pieces += [
        "\u202e",
        "\ufeff",
        "\u00a0",
        "\u2013",
        "\ud800",
        "\U0001f511",
        "%E2%80%8B",
        "%FF",
        "0",
        "1",
        "2",
        "a",
        "A",
        "\u0130",
    ]
    texts = ["".join(dice.choices(pieces, k=dice.randint(0, 9))) for _ in range(3000)]
    good = f"otpauth://totp/ACME:ann?secret={key}&issuer=ACME&digits=8"
    for _ in range(3000):
        at = dice.randint(0, len(good))
        texts.append(good[:at] + dice.choice(pieces) + good[at + dice.randint(0, 2) :])
    account = b"\x0a\x14" + bytes(range(20)) + b"\x12\x03ann\x1a\x04ACME\x20\x01\x28\x01\x30\x02"
    payload = bytes([0x0A, len(account)]) + account + b"\x10\x01\x18\x02\x20\x01"
    for _ in range(3000):
        raw = bytearray(payload)
        for _ in range(dice.randint(0, 3)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        texts.append("otpauth-migration://offline?data=" + quote(b64encode(raw[: dice.randint(0, len(raw) + 40)])))
    return texts


def test_python_and_browser_take_every_text_for_the_same(ours: Page) -> None:
    texts = odd_texts(Random(20261123))

    answers = ours.evaluate(
        """async (texts) => {
          const { recognise } = await import("/static/otpauth.js");
          const of = ({ key, warnings }) => ({
            ...key, secret: [...key.secret], warnings: warnings.map(({ code }) => code),
          });
          return texts.map((text) => {
            const { words, ...found } = recognise(text);
            if (found.kind === "totp") return { kind: found.kind, bare: found.bare, ...of(found) };
            if (found.kind !== "migration") return found;
            const unusable = found.unusable.map(({ issuer, account, code }) => [issuer, account, code]);
            return { ...found, accounts: found.accounts.map(of), unusable };
          });
        }""",
        texts,
    )

    assert len(texts) == len(answers)
    for text, answer in zip(texts, answers, strict=True):
        assert written_out(text) == answer, ascii(text)
    assert {"empty", "text", "totp", "migration", "problem"} == {answer["kind"] for answer in answers}
