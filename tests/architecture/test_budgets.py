"""Modules and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import modules, short, syntax

MODULE_LINES = 400
FUNCTION_LINES = 50


@pytest.mark.parametrize("path", modules(), ids=short)
def test_a_module_stays_under_its_budget(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= MODULE_LINES, f"{lines} lines: split it by what it is responsible for"


@pytest.mark.parametrize("path", modules(), ids=short)
def test_no_function_is_longer_than_a_page(path: Path) -> None:
    too_long = {
        node.name: length
        for node in ast.walk(syntax(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }

    assert {} == too_long


@pytest.mark.parametrize("path", modules(), ids=short)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(syntax(path)), "no module docstring"
