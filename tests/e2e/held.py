"""Requests of a page that wait until a test lets them go."""

from __future__ import annotations

from playwright.sync_api import Page, Route


class Held:
    """What a page asks of the addresses that match, each kept by the last part of its path."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page = page
        self._routes: dict[str, Route] = {}
        page.route(pattern, self._keep)

    def _keep(self, route: Route) -> None:
        self._routes[route.request.url.rpartition("/")[2]] = route

    def wait_for(self, name: str) -> Route:
        """The request, once it has been made and is held, however long after the page looks as if it was."""
        while name not in self._routes:
            self._page.evaluate("0")  # a turn of the browser's and of ours
        return self._routes[name]
