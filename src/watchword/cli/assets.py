"""``watchword doctor --assets``: the SHA-256 of everything that browsers are given, as this installation has it.

How to compare it with what a service serves, and what that cannot show: docs/reference/cli.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from watchword.cli import console

FOLDERS = ("static", "templates")


def show(*, as_json: bool) -> None:
    """Print a line a file, in the manner of sha256sum."""
    hashes = {name: sha256(content).hexdigest() for folder in FOLDERS for name, content in _shipped(folder)}
    lines = [f"{digest}  {name}" for name, digest in hashes.items()]
    console.result("\n".join(lines), hashes, as_json=as_json)


def _shipped(folder: str) -> Iterator[tuple[str, bytes]]:
    yield from _below(files("watchword.web") / folder, folder)


def _below(place: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in sorted(place.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _below(each, f"{name}/{each.name}")
        elif not each.name.startswith("."):
            yield f"{name}/{each.name}", each.read_bytes()
