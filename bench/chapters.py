"""``bench/SCALE.md`` in chapters, each written by the program that measured it, the others left as they are.

Not handled here: what is in a chapter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import machine

PAGE = Path(__file__).with_name("SCALE.md")
OUT = PAGE.with_name("out")  # on the disk of the project: a folder in memory would make every commit free
QUIET = 1.5  # more than one for each core: a service, its database and the generator make about so much
ORDER = ("postgresql", "valkey", "aged", "workers")
_HEAD = """# Results at scale

Each chapter names the command that wrote it, and when. Do not edit: run it again.
What R is and how load is made: [RESULTS.md](RESULTS.md).
Compare ratios within a chapter: rates move with the machine."""
_MARK = re.compile(r"<!-- chapter: (\w+) -->\n")


def put(name: str, text: str, page: Path = PAGE) -> None:
    """Write one chapter."""
    assert name in ORDER
    parts = _MARK.split(page.read_text(encoding="utf-8"))[1:] if page.exists() else []
    chapters = dict(zip(parts[::2], parts[1::2], strict=True)) | {name: text}
    body = "".join(f"<!-- chapter: {each} -->\n{chapters[each].strip()}\n\n" for each in ORDER if each in chapters)
    page.write_text(f"{_HEAD}\n\n{body.rstrip()}\n", encoding="utf-8")


def run(
    module: str, name: str, arguments: Sequence[str], written: Callable[[bool, str, list[tuple[str, str]]], str]
) -> None:
    """What the program of a chapter does: measure, print, and put the chapter, unless it was told to be quick.

    ``written`` is told whether it is quick, the command, and what the machine is; it returns the chapter.
    """
    assert set(arguments) <= {"--quick"}, f"python -m bench.{module} [--quick]"
    OUT.mkdir(exist_ok=True)
    described = [*machine.describe(), ("Load average before", f"{machine.load_average():.2f}")]
    text = written(bool(arguments), " ".join([f"python -m bench.{module}", *arguments]), described)
    if not arguments:
        put(name, text)
    print(text)


def busy(load: float) -> list[str]:
    """What to say where others had the cores as well, by the load average at the end; nothing on a quiet machine."""
    cores = os.cpu_count() or 1
    if load < cores + QUIET:
        return []
    told = (
        f"**Others had these cores as well: a load average of {load:.1f} on {cores} of them. A service and what it "
        "asks then wait for their turns, which lowers rates and ratios. Measure again where it is quiet.**"
    )
    return [told]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])
