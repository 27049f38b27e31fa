"""The tables of attacks are whole, and every test that they name is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGES = TESTS.parent / "docs" / "explanation"
ATTACKS = {"attacks-on-secret-links": 49, "attacks-on-magic-links": 34}

every_page = pytest.mark.parametrize("page", ATTACKS)


def rows(page: str) -> list[list[str]]:
    """The cells of a page's table."""
    lines = (PAGES / f"{page}.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d+ \|", line)]


@cache
def written_in(path: Path) -> frozenset[str]:
    """The names of the tests that a file holds."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@every_page
def test_no_attack_is_left_out(page: str) -> None:
    assert [str(number) for number in range(1, ATTACKS[page] + 1)] == [row[0] for row in rows(page)]
    assert {4} == {len(row) for row in rows(page)}


@every_page
def test_every_attack_names_tests_and_each_is_there(page: str) -> None:
    named = {row[0]: re.findall(r"`([\w/]+\.py)::(\w+)`", row[3]) for row in rows(page)}

    assert [] == [number for number, tests in named.items() if not tests]
    missing = [
        (n, f"{file}::{name}")
        for n, tests in named.items()
        for file, name in tests
        if name not in written_in(TESTS / file)
    ]
    assert [] == missing


def test_a_test_that_is_not_there_would_be_missed() -> None:
    assert "test_no_attack_is_left_out" in written_in(Path(__file__))
    assert "test_nobody_wrote_this" not in written_in(Path(__file__))
    assert frozenset() == written_in(TESTS / "nowhere.py")
