"""``watchword doctor --assets``: the SHA-256 of everything that browsers are given, as this installation has it.

A name without ``templates/`` is an address, too: what a service of this version serves there has that hash. The pages
that open a link, tell of it or take a code are the same for every id, so that ``ID`` stands for any.

How to compare it with what a service serves, and what that cannot show: docs/reference/cli.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from watchword.cli import console
from watchword.web.pages import Pages
from watchword.web.services import WebConfig

FOLDERS = ("static", "templates")
PAGES = {
    "a/ID": "enrol.html.jinja",
    "l/ID": "link.html.jinja",
    "s/ID": "reveal.html.jinja",
    "s/ID/status": "status.html.jinja",
    "v/ID": "code.html.jinja",
}
SHIPPED = (".css", ".jinja", ".js", ".svg")  # beside them lie licences and types of what is vendored, for people


def show(*, as_json: bool) -> None:
    """Print a line a file, in the manner of sha256sum."""
    hashes = {name: sha256(content).hexdigest() for name, content in _given()}
    lines = [f"{digest}  {name}" for name, digest in hashes.items()]
    console.result("\n".join(lines), hashes, as_json=as_json)


def _given() -> Iterator[tuple[str, bytes]]:
    # A service with a relay: in development mode pages have a link to the mailbox besides.
    pages = Pages(WebConfig(public_url=""))
    yield from ((name, pages.render(template)) for name, template in PAGES.items())
    for folder in FOLDERS:
        yield from _below(files("watchword.web") / folder, folder)


def _below(place: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in sorted(place.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _below(each, f"{name}/{each.name}")
        elif each.name.endswith(SHIPPED):
            yield f"{name}/{each.name}", each.read_bytes()
