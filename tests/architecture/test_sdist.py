"""The sdist is the whole project: whoever unpacks it can check, test, build and deploy it."""

from __future__ import annotations

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What only the repository needs. The build adds pyproject.toml and .gitignore by itself.
NOT_SHIPPED = {".ci", ".editorconfig", ".gitattributes"}
BY_ITSELF = {"pyproject.toml", ".gitignore"}


def tracked() -> set[str]:
    """The names at the root of the repository."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a checkout")
    return {line.partition("/")[0] for line in listed.stdout.splitlines()}


def test_everything_in_the_repository_is_in_the_sdist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included: list[str] = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    left_out = {name for name in tracked() if not any(fnmatch(f"/{name}", pattern) for pattern in included)}
    assert NOT_SHIPPED | BY_ITSELF == left_out
