"""Names say what a thing is, nothing is left half done, and no file tells where it was written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, SOURCE, modules, short, syntax, texts

# Each could be the name of anything.
EMPTY_WORDS = {
    "base",
    "common",
    "data",
    "handle",
    "handler",
    "helper",
    "helpers",
    "impl",
    "manager",
    "process",
    "util",
    "utils",
}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NotImplementedError)\b")
PRIVATE = re.compile(r"(?<![\w.*-])/(?:work|root)/|(?<![\w.])/home/(?!user/|watchword/)\w+/")
HOSTS = re.compile(r"\b(?:files\.pythonhosted\.org|registry\.npmjs\.org|pypi\.org/simple|deb\.debian\.org)\b")
LOCKS = {"uv.lock", "package-lock.json"}  # they name the public registries, as their formats demand


def words(name: str) -> set[str]:
    """``CamelCase`` and ``snake_case`` taken apart."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def public_definitions(tree: ast.Module) -> set[str]:
    """Classes, functions and constants that other modules may use, and the methods of those classes."""
    found = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {item.name for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))}
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("_")}


# Names that a library or a standard we build on has chosen for us, with its name.
GIVEN = {
    "NOT_BASE32",  # RFC 4648
    "base32",  # RFC 4648
    "data_received",  # asyncio.Protocol
    "read_base32",  # RFC 4648
}


@pytest.mark.parametrize("path", modules(), ids=short)
def test_no_name_is_an_empty_word(path: Path) -> None:
    parts = [part for part in path.relative_to(SOURCE).with_suffix("").parts if part != "__init__"]
    names = {*parts, *public_definitions(syntax(path))} - GIVEN

    assert set() == {name for name in names if words(name) & EMPTY_WORDS}


@pytest.mark.parametrize("path", modules(), ids=short)
def test_nothing_is_left_half_done(path: Path) -> None:
    assert [] == UNFINISHED.findall(path.read_text(encoding="utf-8"))


def test_no_file_tells_where_it_was_written() -> None:
    assert {} == {short(path): found for path, text in texts() if (found := PRIVATE.findall(text))}


def test_no_file_names_the_host_of_a_registry() -> None:
    found = {short(path): hosts for path, text in texts() if (hosts := HOSTS.findall(text)) and path.name not in LOCKS}

    assert {} == found


def test_no_file_is_a_copy_with_conflicts() -> None:
    assert [] == [short(path) for path, text in texts() if re.search(r"^(?:<{7}|>{7}) ", text, flags=re.MULTILINE)]


def test_every_ignore_of_ruff_says_why() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = settings[settings.index("[tool.ruff.lint]") : settings.index("[tool.ruff.lint.flake8")]
    rules = re.findall(r'^ +"([A-Z]+[0-9]*)",(.*)$', section, flags=re.MULTILINE)

    assert len(rules) > 20
    assert [] == [rule for rule, reason in rules if not re.match(r" +# \S+ \S+", reason)]
