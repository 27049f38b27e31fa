"""A mail security gateway of the thorough kind, in a browser profile of its own.

It opens every link of a mail, runs all scripts, lets half a minute of the page's time go by, shows what is hidden,
fills every field with plausible text, submits every form and clicks everything that can be clicked, wherever that
leads.

Rule: it is a real Chromium, and its presses are as real as a person's. ``went`` tells where it got, so that a test
can see that it was as thorough as it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as BrowserError

PATIENCE = 30_000  # milliseconds of the page's time
FIELDS = "input:not([type=hidden]):not([type=checkbox]):not([type=radio]), textarea"
PRESSED = "button, a[href], input[type=submit], summary"
UNCOVER = """() => {
  for (const each of document.querySelectorAll("[hidden]")) each.hidden = false;
  for (const each of document.querySelectorAll("details")) each.open = true;
}"""
SUBMIT = "(number) => document.forms[number].requestSubmit()"
# One turn of the page's own loop, and of the threads that do its sums: what was set off before is then further on.
TURN = "() => crypto.subtle?.digest('SHA-256', new Uint8Array(1)).then(() => true)"
QUIET = 25  # turns in which nothing was under way


class Gateway:
    """What stands between a sender and somebody's mailbox."""

    def __init__(self, browser: Browser, texts: Sequence[str]) -> None:
        self._browser = browser
        self.texts = texts
        self.went: list[str] = []
        self._under_way = 0

    def __enter__(self) -> Self:
        self._context: BrowserContext = self._browser.new_context()
        self._context.on(
            "request", lambda request: self.went.append(f"{request.method} {request.url.partition('?')[0]}")
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def inspect(self, links: Sequence[str]) -> None:
        """Look at everything that a mail leads to."""
        for link in links:
            page = self._arrive(link)
            pressed, forms = page.locator(PRESSED).count(), page.locator("form").count()
            for number in range(pressed):
                if self._press(page, number):
                    page = self._again(page, link)
            for number in range(forms):
                for text in self.texts:
                    self._submit(page, number, text)
                    page = self._again(page, link)
            page.close()

    def _again(self, page: Page, link: str) -> Page:
        """Come back: whatever it did has changed the page, or led away from it."""
        page.close()
        return self._arrive(link)

    def _arrive(self, link: str) -> Page:
        page = self._context.new_page()
        self._under_way = 0
        page.on("request", lambda _: self._count(1))
        page.on("requestfinished", lambda _: self._count(-1))
        page.on("requestfailed", lambda _: self._count(-1))
        page.clock.install()
        page.goto(link)
        self._settle(page)
        page.clock.run_for(PATIENCE)
        page.evaluate(UNCOVER)
        return page

    def _fill(self, page: Page, text: str) -> None:
        for field in page.locator(FIELDS).all():
            if field.is_editable():
                field.fill(text, force=True)

    def _press(self, page: Page, number: int) -> bool:
        """Whether it could be pressed."""
        self._fill(page, self.texts[number % len(self.texts)])
        control = page.locator(PRESSED).nth(number)
        if not (control.is_visible() and control.is_enabled()):
            return False
        control.click(force=True)
        self._leave(page)
        return True

    def _submit(self, page: Page, number: int, text: str) -> None:
        self._fill(page, text)
        page.evaluate(SUBMIT, number)
        self._leave(page)

    def _count(self, by: int) -> None:
        self._under_way += by

    def _leave(self, page: Page) -> None:
        """Let whatever was set off come to its end, and wait there as well."""
        self._settle(page)
        page.clock.run_for(PATIENCE)

    def _settle(self, page: Page) -> None:
        """Come back when nothing is under way.

        A page at rest is idle for the network already, and says so before it has begun what the press asks of it.
        """
        turns = 0
        while turns < QUIET:
            before = len(self.went)
            try:
                page.evaluate(TURN)
            except BrowserError:  # it goes somewhere else
                page.wait_for_load_state()
                turns = 0
            turns = turns + 1 if self._under_way <= 0 and len(self.went) == before else 0
