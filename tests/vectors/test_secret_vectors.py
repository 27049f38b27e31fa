"""The published vectors of docs/spec/secret-link.md, run against the library.

Each file states its cases with the result or the error class that is expected. A file that is missing, empty or
shorter than it was is a failure here, not a pass. The browser's modules run the same files
(``tests/e2e/test_secret_vectors.py``).
"""

from __future__ import annotations

import hashlib
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.bodies import content, damaged
from watchword import errors
from watchword.core import envelope, records, secret_document, secret_link
from watchword.errors import InvalidInputError

Case = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors"
FEWEST = {
    "documents": 52,
    "envelopes": 79,
    "links": 74,
    "padding": 23,
    "passphrases": 21,
    "records": 35,
    "schedule": 16,
}


def read(name: str) -> list[Case]:
    return list(json.loads((VECTORS / "secret" / f"{name}.json").read_text())["cases"])


def each(name: str) -> pytest.MarkDecorator:
    cases = read(name)
    labels = [
        f"{number}: {case['name']}".encode("ascii", "backslashreplace").decode() for number, case in enumerate(cases)
    ]
    return pytest.mark.parametrize("case", cases, ids=labels)


def holds(case: Case, work: Callable[[], Case]) -> None:
    """Run a case: it gives exactly the result, or raises exactly the class, that it expects."""
    name = case["expect"].get("error")
    if name is None:
        assert case["expect"] == work()
        return
    with pytest.raises(getattr(errors, name)) as caught:
        work()
    assert getattr(errors, name) is caught.type


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(("name", "fewest"), FEWEST.items())
def test_a_file_has_at_least_as_many_cases_as_it_had(name: str, fewest: int) -> None:
    assert fewest <= len(read(name))


def test_there_is_a_runner_for_each_file() -> None:
    assert set(FEWEST) == {path.stem for path in (VECTORS / "secret").glob("*.json")}


def test_the_files_are_what_an_independent_reading_of_the_spec_writes(tmp_path: Path) -> None:
    runpy.run_path(str(VECTORS / "generate_secret.py"))["write"](tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {f"{name}.json" for name in FEWEST} == set(written)
    assert written == {name: (VECTORS / "secret" / name).read_bytes() for name in written}


def test_the_generator_imports_nothing_of_the_library() -> None:
    lines = (VECTORS / "generate_secret.py").read_text().splitlines()
    assert [] == [line for line in lines if "import" in line.split() and "watchword" in line]


@each("schedule")
def test_the_key_schedule(case: Case) -> None:
    given = case["given"]

    def work() -> Case:
        keys = envelope.derive_keys(
            raw(given["link_key"]), raw(given["nonce"]), given.get("kdf"), given.get("passphrase")
        )
        proofs = {"link": keys.link} | ({} if keys.auth is None else {"auth": keys.auth})
        hashes = {f"{name}_hash": envelope.hash_proof(proof).hex() for name, proof in proofs.items()}
        return {name: proof.hex() for name, proof in proofs.items()} | hashes | {"cek": keys.cek.hex()}

    holds(case, work)


@each("passphrases")
def test_passphrases(case: Case) -> None:
    holds(case, lambda: {"bytes": envelope.normalise(case["given"]["passphrase"]).hex()})


@each("documents")
def test_documents(case: Case) -> None:
    document = case["given"]["document"]

    def work() -> Case:
        text = secret_document.write(document)
        assert document == secret_document.read(text)
        return {"text": text.decode(), "sha256": hashlib.sha256(text).hexdigest()}

    holds(case, work)


@each("padding")
def test_padding(case: Case) -> None:
    holds(case, lambda: {"padded": secret_document.padded_size(case["given"]["length"])})


@each("envelopes")
def test_envelopes(case: Case) -> None:
    given = case["given"]
    link_key, passphrase = raw(given["link_key"]), given.get("passphrase")
    if "iv" in given:
        sealed = envelope.seal(
            given["document"], link_key, nonce=raw(given["nonce"]), iv=raw(given["iv"]), passphrase=passphrase
        )
        wire = sealed.to_wire()["envelope"]
        hashes = {"link_hash": sealed.link_hash.hex()}
        hashes |= {} if sealed.auth_hash is None else {"auth_hash": sealed.auth_hash.hex()}
        assert case["expect"] == {"envelope": wire} | hashes
        assert given["document"] == envelope.open_envelope(envelope.read_envelope(wire), link_key, passphrase)
        return

    def work() -> Case:
        held = envelope.read_envelope(given["envelope"])
        return {"document": envelope.open_envelope(held, link_key, passphrase)}

    holds(case, work)


@each("links")
def test_links(case: Case) -> None:
    given, expect = case["given"], case["expect"]
    if "link_key" in given:
        assert expect["url"] == secret_link.share_url(given["public_url"], raw(given["id"]), raw(given["link_key"]))
    elif "problem" in expect:
        details = {"missing": secret_link.MISSING, "damaged": secret_link.DAMAGED}
        with pytest.raises(InvalidInputError) as caught:
            read_key_or_link(given)
        assert (details[expect["problem"]], "link") == (caught.value.detail, caught.value.field)
    else:
        assert expect == read_key_or_link(given)


def read_key_or_link(given: Case) -> Case:
    if "fragment" in given:
        return {"key": secret_link.read_fragment(given["fragment"]).hex()}
    link = secret_link.read_link(given["text"])
    return {"key": link.key.hex(), "public_url": link.public_url, "id": link.id.hex()}


@each("records")
def test_records(case: Case) -> None:
    given = case["given"]
    body = b"".join(records.seal_records([content(given["size"])], raw(given["key"]), salt=raw(given["salt"])))
    if "damage" not in given:
        assert case["expect"] == {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        assert len(body) == records.body_size(given["size"])
        opened = records.open_records([body], raw(given["key"]), size=given["size"])
        assert content(given["size"]) == b"".join(opened)
        return
    damage = given["damage"]
    key, size = raw(damage.get("key", given["key"])), damage.get("size", given["size"])
    seen = bytearray()

    def work() -> Case:
        for text in records.open_records([damaged(body, damage)], key, size=size):
            seen.extend(text)
        return {}

    holds(case, work)
    assert content(given["size"]).startswith(bytes(seen))
