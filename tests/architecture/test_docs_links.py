"""A link in the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture.tree import ROOT, files, short

FENCE = re.compile(r"^(```|~~~).*?^\1", flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|^\[[^\]]+\]: (\S+)", flags=re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (.+?)\s*#*$", flags=re.MULTILINE)
PAGES = [path for path in files() if path.suffix == ".md"]


def links(page: Path) -> list[str]:
    """Every address that a page links to, without examples in code."""
    prose = CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    return [first or second for first, second in LINK.findall(prose)]


def anchors(page: Path) -> set[str]:
    """The anchors that a reader of the repository's page can jump to."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(prose)]
    named = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", prose)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain} | set(named)


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        address, _, anchor = link.partition("#")
        target = (page.parent / unquote(address)).resolve() if address else page
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)

    assert [] == broken


def test_there_are_pages_to_look_at() -> None:
    assert len(PAGES) > 5
