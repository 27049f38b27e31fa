"""Marks of secrets are compared where the time of comparing is looked after, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import SOURCE, short, syntax
from watchword.core import envelope, secret

# What somebody proves with: the fields and arguments of these names, wherever secrets are looked at.
MARKS = {"auth", "auth_hash", "claim", "link", "link_hash", "manage", "manage_hash", "mark", "proof", "token"}
PLACES = sorted(path for path in SOURCE.rglob("*secret*.py") if "client" not in path.parts and "cli" not in path.parts)


def compared(tree: ast.AST) -> list[str]:
    """Every ``==``, ``!=`` or ``in`` of a module with a mark on either side."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq | ast.In) for op in node.ops):
            sides = [node.left, *node.comparators]
            names = {side.attr if isinstance(side, ast.Attribute) else getattr(side, "id", "") for side in sides}
            found += [f"{node.lineno}: {ast.unparse(node)}"] if names & MARKS else []
    return found


@pytest.mark.parametrize("path", PLACES, ids=short)
def test_marks_and_proofs_are_compared_in_constant_time_alone(path: Path) -> None:
    assert [] == compared(syntax(path))


def test_the_check_finds_what_it_looks_for() -> None:
    assert len(PLACES) > 5
    assert ["1: row.link_hash == given"] == compared(ast.parse("row.link_hash == given"))
    assert ["1: link in links"] == compared(ast.parse("link in links"))
    assert [] == compared(ast.parse("(kdf is None) != (auth_hash is None)"))


@pytest.mark.parametrize("place", [0, 16, 31])
def test_a_mark_that_differs_anywhere_is_another(place: int) -> None:
    right = bytes(range(32))
    wrong = bytearray(right)
    wrong[place] ^= 1

    assert secret.is_same(right, right)
    assert not secret.is_same(right, bytes(wrong))
    assert envelope.is_proof_of(envelope.hash_proof(right), right)
    assert not envelope.is_proof_of(envelope.hash_proof(right), bytes(wrong))
