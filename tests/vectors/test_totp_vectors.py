"""The published vectors of docs/spec/totp.md, run against the library in Python.

The browser's modules run the same files in ``tests/e2e/test_otpauth_vectors.py``.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchword.core import base32, otpauth, otpauth_export, otpauth_words, pasted, totp

Case = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors"
FEWEST = {"base32": 31, "codes": 35, "exports": 40, "pasted": 34, "uris": 56}


def each(name: str) -> pytest.MarkDecorator:
    cases = json.loads((VECTORS / "totp" / f"{name}.json").read_text())["cases"]
    return pytest.mark.parametrize(
        "case", cases, ids=[f"{number}: {case['name']}" for number, case in enumerate(cases)]
    )


def holds(case: Case, work: Callable[[], Case]) -> None:
    """Run a case: it gives exactly the result, or is refused for exactly the reason, that it expects."""
    try:
        got = work()
    except otpauth_words.UnusableKeyError as error:
        got = {"problem": error.reason}
    assert case["expect"] == got


def shown(understood: otpauth.Understood) -> Case:
    key = understood.key
    return {
        "secret": key.secret.hex(),
        "issuer": key.issuer,
        "account": key.account,
        "algorithm": key.algorithm,
        "digits": key.digits,
        "period": key.period,
        "warnings": list(understood.warnings),
    }


@pytest.mark.parametrize(("name", "fewest"), FEWEST.items())
def test_a_file_has_at_least_as_many_cases_as_it_had(name: str, fewest: int) -> None:
    assert fewest <= len(json.loads((VECTORS / "totp" / f"{name}.json").read_text())["cases"])


def test_there_is_a_runner_for_each_file() -> None:
    assert {"words", *FEWEST} == {path.stem for path in (VECTORS / "totp").glob("*.json")}


def test_the_files_are_what_an_independent_reading_of_the_spec_writes(tmp_path: Path) -> None:
    runpy.run_path(str(VECTORS / "generate_totp.py"))["write"](tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {f"{name}.json" for name in FEWEST} == set(written)
    assert written == {name: (VECTORS / "totp" / name).read_bytes() for name in written}


def test_the_generator_imports_nothing_of_the_library() -> None:
    lines = (VECTORS / "generate_totp.py").read_text().splitlines()
    assert not [line for line in lines if "import" in line and "watchword." in line]


@each("codes")
def test_codes(case: Case) -> None:
    given = case["given"]
    secret, algorithm, digits = bytes.fromhex(given["secret"]), given["algorithm"], given["digits"]
    if "counter" in given:
        code = totp.hotp(secret, given["counter"], algorithm=algorithm, digits=digits)
    else:
        now = given["seconds"] * 1000
        code = totp.totp(secret, now, algorithm=algorithm, digits=digits, period=given["period"])
    assert case["expect"] == {"code": code}


@each("base32")
def test_base32(case: Case) -> None:
    def read() -> Case:
        secret = base32.read(case["given"]["text"])
        return {"secret": secret.hex(), "written": base32.write(secret)}

    holds(case, read)


@each("uris")
def test_key_uris(case: Case) -> None:
    def read() -> Case:
        understood = otpauth.read_key_uri(case["given"]["text"])
        return {"key": shown(understood), "written": otpauth.write_key_uri(understood.key)}

    holds(case, read)


@each("exports")
def test_exports(case: Case) -> None:
    def read() -> Case:
        export = otpauth_export.read_export(case["given"]["text"])
        unusable = [
            {"issuer": each.issuer, "account": each.account, "problem": each.reason} for each in export.unusable
        ]
        accounts = [shown(each) for each in export.accounts]
        return {"accounts": accounts, "unusable": unusable, "part": export.part, "parts": export.parts}

    holds(case, read)


@each("pasted")
def test_what_was_pasted(case: Case) -> None:
    assert case["expect"] == taken_for(case["given"]["text"])


def taken_for(text: str) -> Case:
    match pasted.recognise(text):
        case pasted.Key(understood, bare):
            secret, warnings = understood.key.secret.hex(), list(understood.warnings)
            return {"kind": "totp", "bare": bare, "secret": secret, "warnings": warnings}
        case otpauth_export.Export(accounts):
            return {"kind": "migration", "accounts": len(accounts)}
        case pasted.Problem(reason):
            return {"kind": "problem", "problem": reason}
        case pasted.Text(empty):
            return {"kind": "empty" if empty else "text"}


def test_the_words_are_the_published_ones() -> None:
    published = json.loads((VECTORS / "totp" / "words.json").read_text())
    assert published["problems"] == dict(otpauth_words.PROBLEMS)
    assert published["warnings"] == dict(otpauth_words.WARNINGS)


def test_every_problem_and_every_warning_has_a_case() -> None:
    text = "".join(path.read_text() for path in (VECTORS / "totp").glob("*.json") if path.stem != "words")
    assert [] == [word for word in otpauth_words.PROBLEMS if f'"problem": "{word}"' not in text]
    assert [] == [word for word in otpauth_words.WARNINGS if f'"{word}"' not in text]
