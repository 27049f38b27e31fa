"""TLS is verified or not spoken. The behaviour is proven in tests/adapters; this keeps back doors from being built."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import dotted, mentions, modules, short, syntax

BACK_DOORS = {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "_create_stdlib_context", "wrap_socket"}
SWITCHES = {"check_hostname", "ssl", "tls", "validate_certs", "verify", "verify_mode"}


@pytest.mark.parametrize("path", modules(), ids=short)
def test_no_module_names_an_unverified_context(path: Path) -> None:
    assert [] == [f"line {line}: {name}" for line, name in mentions(path) if name.rpartition(".")[2] in BACK_DOORS]


@pytest.mark.parametrize("path", modules(), ids=short)
def test_no_module_switches_verification_off(path: Path) -> None:
    tree = syntax(path)
    passed = [
        node.value.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in SWITCHES and is_false(node.value)
    ]
    assigned = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and is_false(node.value)
        and any(isinstance(target, ast.Attribute) and target.attr in SWITCHES for target in node.targets)
    ]

    assert [] == passed + assigned


@pytest.mark.parametrize("path", modules(), ids=short)
def test_a_context_is_made_by_the_standard_librarys_verifying_default(path: Path) -> None:
    calls = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.Call)]

    assert [] == [call.lineno for call in calls if dotted(call.func) in {"ssl.SSLContext", "SSLContext"}]


def is_false(node: ast.expr) -> bool:
    """Whether an expression is the constant False."""
    return isinstance(node, ast.Constant) and node.value is False
