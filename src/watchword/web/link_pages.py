"""The pages that a mail's link leads to, and that an app sends people to: to type a code, to set up an app for codes.

Not handled here: what the scripts of these pages ask for (the API's routes below ``/v1/links``, ``/v1/pages`` and
``/v1/enrolments``).

Rules: shells, as those of secret links (``secret_pages.py``): no look at a page changes anything, and a page is the
same for every id, whether it exists or not, so that robots, link previews and mail scanners see the shell and learn
nothing. They never redirect: a browser would carry the fragment along.
"""

from __future__ import annotations

from watchword.web.exchange import Answer, Request
from watchword.web.pages import Pages


class LinkPages:
    """The shells."""

    def __init__(self, pages: Pages) -> None:
        self._show = pages.show
        self._link = pages.shell("link.html.jinja")
        self._code = pages.shell("code.html.jinja")
        self._enrol = pages.shell("enrol.html.jinja")

    async def link(self, request: Request) -> Answer:
        """Where the link in a mail leads."""
        return self._show(self._link, request)

    async def code(self, request: Request) -> Answer:
        """Where a code is typed, for an app that has no page of its own for that."""
        return self._show(self._code, request)

    async def enrol(self, request: Request) -> Answer:
        """Where an authenticator app is set up, for an app that has no page of its own for that."""
        return self._show(self._enrol, request)
