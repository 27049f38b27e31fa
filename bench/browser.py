"""What people wait for in the browser: from the open page to a link on the clipboard, and the sealing of a large file.

In Chromium from the system, against the service over loopback. The time to the link is that of the two inputs (paste,
Ctrl+Enter), of sealing, of the service's answer and of the clipboard; the file is sealed and opened by the pages' own
modules, without a network.

    python -m bench.browser < order.json > shown.json
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from statistics import median

import msgspec
from playwright.sync_api import Browser, sync_playwright

from bench.children import server

TEXT = "correct horse battery staple"
# What a browser would ask of its maker's servers has no business in a bench.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]

BROWSERS = ("chromium", "chromium-browser", "chromium-headless-shell")  # as people have it, or else without its window

_SEAL = """async (mebibytes) => {
  const { newFileKey, openRecords, sealRecords } = await import("/static/records.js");
  const file = new Blob(Array(mebibytes).fill(new Uint8Array(1 << 20).fill(7)));
  const key = newFileKey();
  const began = performance.now();
  const body = await new Response(file.stream().pipeThrough(sealRecords(key))).blob();
  const sealed = performance.now();
  const opened = await new Response(body.stream().pipeThrough(openRecords(key, file.size))).blob();
  if (opened.size !== file.size) throw new Error("another file");
  return [sealed - began, performance.now() - sealed];
}"""


class Order(msgspec.Struct, frozen=True):
    """How often, how large a file, and where the service keeps its data."""

    rounds: int
    mebibytes: int
    folder: str


class Shown(msgspec.Struct, frozen=True):
    """Milliseconds, round by round."""

    mebibytes: int
    to_clipboard: list[float]
    sealing: list[float]
    opening: list[float]

    @property
    def clipboard(self) -> float:
        """The median from the first input to the link on the clipboard."""
        return median(self.to_clipboard)


def measure(order: Order) -> Shown:
    """Start service and browser, and take the times."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    with (
        server("watchword", Path(order.folder) / "browser") as service,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=FLAGS) as browser,
    ):
        # By this name a page is on a trustworthy origin whatever the port, which the clipboard asks for.
        url = f"http://127.0.0.1:{service.told.port}"
        _share(browser, url)  # what a browser compiles and caches once is not what is measured
        links = [_share(browser, url) for _ in range(order.rounds)]
        sealed = [_seal(browser, url, order.mebibytes) for _ in range(order.rounds)]
    return Shown(order.mebibytes, links, [each[0] for each in sealed], [each[1] for each in sealed])


def _share(browser: Browser, url: str) -> float:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("document.activeElement?.id === 'secret'")
    began = time.perf_counter()
    page.keyboard.insert_text(TEXT)
    page.keyboard.press("Control+Enter")
    page.locator("#said", has_text="on your clipboard").wait_for()
    took = (time.perf_counter() - began) * 1_000
    assert "/s/sc_" in page.evaluate("navigator.clipboard.readText()")
    context.close()
    return took


def _seal(browser: Browser, url: str, mebibytes: int) -> tuple[float, float]:
    page = browser.new_page()
    page.goto(url)
    sealing, opening = page.evaluate(_SEAL, mebibytes)
    page.close()
    return sealing, opening


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(measure(asked)))
