"""Every dependency has its reason and its licence on one page, and the page names nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from tests.architecture.tree import ROOT, modules, origins, syntax

PAGE = ROOT / "docs" / "explanation" / "dependencies.md"
# A copyleft licence that reaches into the product would be a decision, not an accident. MPL-2.0 stays in its files.
LICENCES = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PostgreSQL", "Unlicense", "Zlib"}
IMPORTED_AS = {"dnspython": "dns"}
UNDER_UVICORN = {"httptools", "uvloop"}  # uvicorn imports them by name, as it is told in cli/serve.py
Row = tuple[str, str, str]


def rows(heading: str) -> list[Row]:
    """The table under a heading of the page: name, licence, reason."""
    page = PAGE.read_text(encoding="utf-8")
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith(heading + "\n")]
    lines = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", found, flags=re.MULTILINE)
    return [(name, licence.strip(), reason.strip()) for name, licence, reason in lines]


def named(requirements: list[str]) -> list[str]:
    """The bare names of a list of requirements."""
    return [re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements]


def project() -> dict[str, list[str]]:
    """What pyproject.toml and package.json ask for, by the heading that must list it."""
    settings = tomllib.loads(Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    node = json.loads(Path(ROOT / "package.json").read_text(encoding="utf-8"))
    return {
        "At run time": named(settings["project"]["dependencies"]),
        "For development": named(settings["dependency-groups"]["dev"]) + list(node["devDependencies"]),
        "To build": named(settings["build-system"]["requires"]),
    }


def test_the_page_lists_every_dependency_and_no_other() -> None:
    asked = {heading: sorted(names) for heading, names in project().items()}

    assert asked == {heading: sorted(name for name, _, _ in rows(heading)) for heading in asked}


def test_every_runtime_dependency_is_used() -> None:
    used = {name.partition(".")[0] for path in modules() for name in origins(syntax(path)).values()} | UNDER_UVICORN
    asked = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in project()["At run time"]}

    assert set() == asked - used


def test_every_dependency_has_a_reason_in_words() -> None:
    short_reasons = [name for heading in project() for name, _, reason in rows(heading) if len(reason.split()) < 4]

    assert [] == short_reasons


def test_every_licence_is_one_that_we_accept() -> None:
    unknown = {
        name: licence
        for heading in project()
        for name, licence, _ in rows(heading)
        if not set(re.split(r" (?:OR|AND) ", licence)) <= LICENCES
    }

    assert {} == unknown
