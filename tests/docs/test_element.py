"""The reference of <watchword-code> names everything that the element has, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import watchword

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "element.md").read_text(encoding="utf-8")
ELEMENT = Path(watchword.__file__).parent / "web" / "static" / "watchword-code.js"
SOURCE = ELEMENT.read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def coded(text: str) -> set[str]:
    """Everything that stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def rows(text: str) -> str:
    """The first cells of its tables."""
    return "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))


def test_every_text_is_listed_with_the_facts_that_it_holds() -> None:
    table = SOURCE.partition("const TEXTS = {")[2].partition("\n};")[0]
    texts = dict(re.findall(r'^  (\w+): "(.*)",$', table, re.MULTILINE))
    listed: dict[str, set[str]] = {}
    for line in section("Attributes and properties").splitlines():
        cells = line.split("|")
        if len(cells) == 4 and cells[1].strip().startswith("`") and "A property" not in line:
            listed |= {name: coded(cells[2]) for name in coded(cells[1])}
    listed = {name: facts for name, facts in listed.items() if name not in {"page-url", "pageUrl", "autofocus"}}

    assert len(texts) > 20
    assert set(texts) == set(listed)
    for name, text in texts.items():
        assert set(re.findall(r"\{\w+\}", text)) <= listed[name], name


def test_every_event_and_every_end_is_listed() -> None:
    events = set(re.findall(r'#tell\("(watchword-\w+)"', SOURCE))
    (ends,) = re.findall(r"const ENDS = new Set\(\[(.*)\]\);", SOURCE)
    told = section("Events")

    assert {"watchword-ready", "watchword-confirmed"} < events
    assert events == coded(rows(told))
    assert set(re.findall(r'"(\w+)"', ends)) < coded(told)


def test_every_colour_and_every_part_is_listed() -> None:
    looks = section("Looks")
    colours = set(re.findall(r'^  "?([\w-]+)"?: \["#', SOURCE, re.MULTILINE))
    parts = set(re.findall(r'part: "([\w-]+)"', SOURCE))

    properties = {name.removeprefix("--watchword-") for name in coded(rows(looks))}
    assert len(colours) >= 8
    assert colours | {"text", "round"} == properties
    assert len(parts) >= 12
    assert parts == {re.sub(r"::part\((.*)\)", r"\1", name) for name in coded(looks.rpartition("Everything else")[2])}


def test_its_weight_is_what_the_page_says() -> None:
    (told,) = re.findall(r"about (\d+) kB", PAGE)

    assert abs(int(told) - ELEMENT.stat().st_size / 1000) < 1
