"""The published vectors of secret links, run by the browser's own modules in a real Chromium, under the page's CSP.

The same files as in ``tests/vectors/test_secret_vectors.py``; ``secret_runner.js`` says what each case gives.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from playwright.sync_api import Browser, Page

from tests.support.service import WATCHWORD, plain_environment
from watchword.core import binary, envelope, records

pytestmark = pytest.mark.xdist_group(__name__)

Case = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors" / "secret"
RUNNER = Path(__file__).with_name("secret_runner.js").read_text(encoding="utf-8")
FILES = ["documents", "envelopes", "links", "padding", "passphrases", "records", "schedule"]
KINDS = {"InvalidInputError": "invalid", "TamperedError": "tampered", "TooLargeError": "invalid"}


@pytest.fixture(scope="module")
def modules(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of the real service, from which its modules can be imported."""
    folder = tmp_path_factory.mktemp("service")
    command = [str(WATCHWORD), "serve", "--json", "--bind", "127.0.0.1:0", "--data", str(folder / "data")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=plain_environment()) as server,
    ):
        assert server.stdout is not None
        try:
            page = browser.new_page()
            page.goto(json.loads(server.stdout.readline())["url"])
            yield page
            page.close()
        finally:
            server.terminate()


def expected(file: str, case: Case) -> Case:
    """What a case expects, in the browser's words."""
    expect = dict(case["expect"])
    if "problem" in expect:
        return {"problem": expect["problem"]}
    if "error" in expect:
        return {"error": KINDS[expect["error"]]}
    if file == "schedule":  # the content key stays in WebCrypto: compare what it makes
        expect["cek"] = AESGCM(bytes.fromhex(expect["cek"])).encrypt(bytes(12), bytes(16), None).hex()
    if file == "links" and "key" in expect:
        return {"key": expect["key"]}
    return expect


def is_for_the_browser(file: str, case: Case) -> bool:
    # A page knows its own address: it reads the key alone, and ids and instances are the command line's to find.
    return not (file == "links" and "text" in case["given"] and "problem" in case["expect"])


@pytest.mark.parametrize("file", FILES)
def test_the_browsers_modules_give_what_the_vectors_expect(modules: Page, file: str) -> None:
    cases = json.loads((VECTORS / f"{file}.json").read_text())["cases"]
    ours = [case for case in cases if is_for_the_browser(file, case)]
    assert len(ours) >= 16
    outcomes = modules.evaluate(RUNNER, [file, json.dumps(ours)])
    wrong = {
        f"{number}: {case['name']}": (expected(file, case), outcome)
        for number, (case, outcome) in enumerate(zip(ours, outcomes, strict=True))
        if expected(file, case) != outcome
    }
    assert {} == wrong


def test_every_file_is_run() -> None:
    assert FILES == sorted(path.stem for path in VECTORS.glob("*.json"))


@pytest.mark.parametrize("passphrase", [None, "K\u00f6nigs-Lampe \U0001f3ee"])
def test_what_the_browser_seals_python_opens(modules: Page, passphrase: str | None) -> None:
    document = {"type": "text", "text": "ink \u00e9\U0001f3ee\u2028\0"}
    sealed = modules.evaluate(
        """async ([document, passphrase]) => {
             const { seal } = await import("/static/envelope.js");
             return seal(document, { passphrase: passphrase ?? undefined });
           }""",
        [document, passphrase],
    )
    link_key = binary.decode_exactly(sealed["L"], 32)
    held = envelope.read_envelope(sealed["body"]["envelope"])
    keys = envelope.derive_keys(link_key, held.nonce, held.kdf, passphrase)
    assert document == envelope.open_with(keys, held)
    assert binary.encode(envelope.hash_proof(keys.link)) == sealed["body"]["link_hash"]
    auth_hash = None if keys.auth is None else binary.encode(envelope.hash_proof(keys.auth))
    assert auth_hash == sealed["body"].get("auth_hash")


@pytest.mark.parametrize("passphrase", [None, "K\u00f6nigs-Lampe \U0001f3ee"])
def test_what_python_seals_the_browser_opens(modules: Page, passphrase: str | None) -> None:
    document = {"type": "login", "password": '\u00e9\u2028\x7f"\\', "username": "ann"}
    link_key, nonce, iv = b"\xfe" * 32, b"n" * 16, b"i" * 12
    sealed = envelope.seal(document, link_key, nonce=nonce, iv=iv, passphrase=passphrase).to_wire()
    opened = modules.evaluate(
        """async ([L, envelope, passphrase]) => {
             const { deriveKeys, proofs, unseal } = await import("/static/envelope.js");
             const typed = passphrase ?? undefined;
             const keys = await deriveKeys(L, envelope, typed);
             const alone = await proofs(L, envelope, typed);
             return { document: await unseal(L, envelope, { keys }), proofs: keys.proofs, alone };
           }""",
        [binary.encode(link_key), sealed["envelope"], passphrase],
    )
    assert document == opened["document"]
    assert opened["proofs"] == opened["alone"]
    for name, proof in opened["proofs"].items():
        hashed = envelope.hash_proof(binary.decode_exactly(proof, 32))
        assert sealed[f"{name}_hash"] == binary.encode(hashed)


def test_fresh_dice_are_thrown_for_every_secret_and_file(modules: Page) -> None:
    drawn = modules.evaluate(
        """async () => {
             const { seal } = await import("/static/envelope.js");
             const { newFileKey } = await import("/static/records.js");
             const made = await Promise.all([1, 2].map(() => seal({ type: "text", text: "ink" })));
             const keys = [newFileKey(), newFileKey()].map((key) => key.join());
             return made.flatMap(({ L, body: { envelope } }) => [L, envelope.nonce, envelope.jwe.split(".")[2]])
               .concat(keys);
           }"""
    )
    assert 8 == len(set(drawn))


def test_keys_of_another_secret_do_not_open_what_a_claim_brings(modules: Page) -> None:
    kind = modules.evaluate(
        """async () => {
             const { deriveKeys, seal, unseal } = await import("/static/envelope.js");
             const { L, body } = await seal({ type: "text", text: "ink" });
             const keys = await deriveKeys(L, { nonce: "AAAAAAAAAAAAAAAAAAAAAA" });
             return unseal(L, body.envelope, { keys }).catch((error) => error.kind);
           }"""
    )
    assert kind == "tampered"


def test_a_file_of_100_mib_is_sealed_and_opened(modules: Page, record_property: Any) -> None:
    spent = modules.evaluate(
        """async () => {
             const { bodySize, newFileKey, openRecords, sealRecords } = await import("/static/records.js");
             const file = new Blob(Array(100).fill(new Uint8Array(1 << 20).fill(7)));
             const key = newFileKey();
             const started = performance.now();
             const body = await new Response(file.stream().pipeThrough(sealRecords(key))).blob();
             const sealed = performance.now();
             const opened = await new Response(body.stream().pipeThrough(openRecords(key, file.size))).blob();
             const done = performance.now();
             return { seal: sealed - started, open: done - sealed, right: body.size === bodySize(file.size),
                      size: opened.size };
           }"""
    )
    record_property("milliseconds", spent)
    assert spent["right"]
    assert spent["size"] == 100 << 20


def test_a_body_that_the_browser_sealed_opens_in_python(modules: Page) -> None:
    body = modules.evaluate(
        """async () => {
             const { sealRecords } = await import("/static/records.js");
             const key = Uint8Array.from({ length: 16 }, (_, place) => place);
             const file = new Blob(["lantern".repeat(20_000)]);
             return [...new Uint8Array(await new Response(file.stream().pipeThrough(sealRecords(key))).arrayBuffer())];
           }"""
    )
    opened = records.open_records([bytes(body)], bytes(range(16)), size=140_000)
    assert b"lantern" * 20_000 == b"".join(opened)
