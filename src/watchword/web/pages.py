"""Pages for people: rendering templates, what developers see first, and the shipped assets they load.

Not handled here: the API's page (``docs_page.py``), the mailbox (``mailbox.py``), secret links
(``secret_pages.py``).

Rules: no script or style stands inside a page, nothing comes from another host, and only files that ship with the
product are served, by name, from memory.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from watchword.errors import UnknownError
from watchword.web.exchange import IMAGE, PAGE, SCRIPT, STYLE, WORKER, Answer, Kind, Request
from watchword.web.services import WebConfig

_HERE = Path(__file__).parent
_KINDS = {".css": STYLE, ".js": SCRIPT, ".svg": IMAGE}

Files = dict[str, tuple[Kind, bytes]]


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
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["inline_code"] = inline_code

    def render(self, template: str, **facts: object) -> bytes:
        """Fill in a template."""
        page = self._templates.get_template(template)
        return page.render(development=self._config.development, **facts).encode()

    async def start(self, _: Request) -> Answer:
        """What this is for developers, and where to go from here."""
        return Answer(200, self.render("start.html.jinja", origin=self._config.public_url), PAGE)


class Assets:
    """The files of ``static``, read once: our own, and those of others that are vendored."""

    def __init__(self) -> None:
        self._own = _read(_HERE / "static")
        self._vendored = _read(_HERE / "static" / "vendor" / "qr")

    async def asset(self, request: Request) -> Answer:
        """One shipped file."""
        return _answer(self._own, request.key)

    async def vendored(self, request: Request) -> Answer:
        """One file of the QR code library."""
        return _answer(self._vendored, request.key)


def _read(folder: Path) -> Files:
    return {
        path.name: (WORKER if path.name.endswith("-worker.js") else _KINDS[path.suffix], path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.suffix in _KINDS
    }


def _answer(files: Files, name: str) -> Answer:
    found = files.get(name)
    if found is None:
        raise UnknownError("There is nothing at this address.")
    kind, content = found
    return Answer(200, content, kind)
