"""The three pages of secret links: create, reveal, status. They are shells: all that matters happens in the browser.

Not handled here: what the scripts of these pages ask for (``api/secret.py``).

Rules: no look at a page changes anything, and none looks at a secret: the page is the same for every id, whether it
exists or not, so that robots, link previews and mail scanners see the shell and learn nothing.
"""

from __future__ import annotations

from watchword.core.instant import DAY, SECOND
from watchword.flows.secret import Secrets
from watchword.web.exchange import PAGE, Answer, Request
from watchword.web.pages import Pages
from watchword.web.services import WebConfig
from watchword.web.words import VARIES

_HOUR = 3_600  # seconds
LIFETIMES = (
    (_HOUR, "1 hour"),
    (4 * _HOUR, "4 hours"),
    (24 * _HOUR, "24 hours"),
    (3 * 24 * _HOUR, "3 days"),
    (7 * 24 * _HOUR, "7 days"),
    (14 * 24 * _HOUR, "14 days"),
    (30 * 24 * _HOUR, "30 days"),
)


class SecretPages:
    """The shells."""

    def __init__(self, secrets: Secrets, config: WebConfig, pages: Pages) -> None:
        self._secrets = secrets
        self._origin = config.public_url
        self._pages = pages
        self._reveal = pages.shell("reveal.html.jinja")
        self._status = pages.shell("status.html.jinja")

    async def create(self, request: Request) -> Answer:
        """Where a secret becomes a link. Rendered for each, because the operator's rules may change meanwhile."""
        rules = self._secrets.rules
        lifetimes = [(seconds, words) for seconds, words in LIFETIMES if seconds * SECOND <= max(rules.longest, DAY)]
        language = self._pages.language(request)
        facts = {"here": "create", "origin": self._origin, "rules": rules, "lifetimes": lifetimes}
        page = self._pages.render("create.html.jinja", language, **facts)
        return Answer(200, page, PAGE, VARIES)

    async def reveal(self, request: Request) -> Answer:
        """Where a link is opened."""
        return self._pages.show(self._reveal, request)

    async def status(self, request: Request) -> Answer:
        """Where its maker sees what became of it."""
        return self._pages.show(self._status, request)
