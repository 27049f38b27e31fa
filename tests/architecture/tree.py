"""The project's own files, read once for all architecture tests."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "watchword"
_MADE = {".git", ".hypothesis", ".uv", ".venv", "dist", "node_modules", "out", "watchword-data", "__pycache__"}


@cache
def modules() -> tuple[Path, ...]:
    """Every module of the product. Finding none is a fault of the test, not a pass."""
    found = tuple(sorted(SOURCE.rglob("*.py")))
    assert len(found) > 20, "the source tree was not found"
    return found


@cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def short(path: Path) -> str:
    """A path as a person would name it."""
    return path.relative_to(ROOT).as_posix()


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, in the repository: also those that are not added yet."""
    found = tuple(path for path in map(ROOT.joinpath, _listed() or _walked()) if path.is_file())
    assert len(found) > 50, "the project's files were not found"
    return found


def _listed() -> list[str]:
    # A copy without .git, or one that belongs to somebody else, has no list: then the folders are walked.
    if not (ROOT / ".git").exists():
        return []
    answer = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return [name for name in answer.stdout.decode().split("\0") if name] if answer.returncode == 0 else []


def _walked() -> list[str]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _MADE and not name.endswith("_cache")]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]  # noqa: PTH118 - as os.walk gives
    return found


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of the project that is text, with its content."""
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode("utf-8")


def dotted(node: ast.expr) -> str:
    """``datetime.now`` for the expression that reads so, an empty text for anything but names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{before}.{node.attr}" if (before := dotted(node.value)) else ""
    return ""


def origins(tree: ast.Module) -> dict[str, str]:
    """What each imported name of a module stands for: ``from time import time as t`` gives ``t: time.time``."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.split(".")[0]: _bound(alias) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _bound(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.split(".")[0]


def mentions(path: Path) -> Iterator[tuple[int, str]]:
    """Every use of an imported name in a module, spelled out from its import, with its line."""
    tree = syntax(path)
    known = origins(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            first, dot, rest = dotted(node).partition(".")
            if first in known:
                yield node.lineno, known[first] + dot + rest
