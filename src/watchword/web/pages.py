"""Pages for people: rendering templates, what developers see first, and the shipped assets they load.

Not handled here: the API's page (``docs_page.py``), the mailbox (``mailbox.py``), secret links
(``secret_pages.py``).

Rules: no script or style stands inside a page, nothing comes from another host, and only files that ship with the
product are served, by name, from memory. They alone are compressed: nothing secret stands in them, and nothing that
somebody sent, so that their length tells nobody anything. Pages for people are in their browser's language, those for
developers in English.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from watchword.web import words
from watchword.web.exchange import IMAGE, PAGE, SCRIPT, STYLE, WORKER, Answer, Kind, Request
from watchword.web.problems import NoSuchPathError
from watchword.web.services import WebConfig

_HERE = Path(__file__).parent
_KINDS = {".css": STYLE, ".js": SCRIPT, ".svg": IMAGE}

_GZIP = re.compile(rb"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?:1(?:\.0{0,3})?|0?\.[0-9]*[1-9][0-9]*)\s*)?(?:,|$)")
_VARIES = (b"vary", b"accept-encoding")

Files = dict[str, tuple[Kind, bytes]]
Shell = Callable[[str], bytes]  # a page by its language, the same for everybody who speaks it


def inline_code(text: str) -> Markup:
    """Show what stands between backticks as code; everything is escaped."""
    pieces = text.split("`")
    shown = [Markup("<code>{}</code>").format(piece) if odd % 2 else escape(piece) for odd, piece in enumerate(pieces)]
    return Markup("").join(shown)


class Pages:
    """Renders templates with what every page knows."""

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._templates = Environment(
            # Read at once, though compiled as somebody asks: an upgrade may change the files under a running process.
            loader=DictLoader({file.name: file.read_text("utf-8") for file in (_HERE / "templates").glob("*.jinja")}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["inline_code"] = inline_code
        self._words = words.load()
        self._chooser = words.Chooser(frozenset(self._words))

    def render(self, template: str, language: str = words.ENGLISH, **facts: object) -> bytes:
        """Fill in a template."""
        page = self._templates.get_template(template)
        spoken = self._words[language]
        return page.render(
            development=self._config.development, phrase=spoken.phrase, language=spoken, **facts
        ).encode()

    def shell(self, template: str) -> Shell:
        """A template, filled in once for each language when somebody first asks: all at once delayed each start."""
        return cache(partial(self.render, template))

    def language(self, request: Request) -> str:
        """The language of a page for whoever asks."""
        return self._chooser.choose(request.headers.get(b"accept-language"))

    def show(self, shell: Shell, request: Request) -> Answer:
        """A page in the language of whoever asks."""
        return Answer(200, shell(self.language(request)), PAGE, words.VARIES)

    async def start(self, _: Request) -> Answer:
        """What this is for developers, and where to go from here."""
        return Answer(200, self.render("start.html.jinja", origin=self._config.public_url), PAGE)

    def lost(self, request: Request) -> Answer:
        """What a browser is shown at an address where there is nothing."""
        return Answer(404, self.render("lost.html.jinja", self.language(request)), PAGE, words.VARIES)


class Assets:
    """The files of ``static``, read once: our own, and those of others that are vendored."""

    def __init__(self) -> None:
        self._own = _read(_HERE / "static") | {
            f"words-{tag}.js": (SCRIPT, spoken.module()) for tag, spoken in words.load().items()
        }
        self._vendored = _read(_HERE / "static" / "vendor" / "qr")
        self._compressed: dict[bytes, bytes] = {}

    async def asset(self, request: Request) -> Answer:
        """One shipped file."""
        return self._answer(self._own, request)

    async def vendored(self, request: Request) -> Answer:
        """One file of the QR code library."""
        return self._answer(self._vendored, request)

    def _answer(self, files: Files, request: Request) -> Answer:
        found = files.get(request.key)
        if found is None:
            raise NoSuchPathError
        kind, content = found
        if not _GZIP.search(request.headers.get(b"accept-encoding", b"").lower()):
            return Answer(200, content, kind, [_VARIES])
        compressed = self._compressed.get(content)
        if compressed is None:  # once each, when it is first asked for: a start does not wait for it
            compressed = self._compressed[content] = gzip.compress(content, mtime=0)
        return Answer(200, compressed, kind, [_VARIES, (b"content-encoding", b"gzip")])


def _read(folder: Path) -> Files:
    return {
        path.name: (WORKER if path.name.endswith("-worker.js") else _KINDS[path.suffix], path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.suffix in _KINDS
    }
