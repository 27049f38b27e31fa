"""Files of secrets in the browser: cut off on their way up and down, they go on from where they broke."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Site, serving
from tests.e2e.secret_people import choose, made, reveal

pytestmark = pytest.mark.xdist_group("browser")

CONTENT = bytes(range(256)) * 16_384  # 4 MiB
PIECE = 65_536


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("transfers")) as site:
        yield site


class Cutter:
    """A proxy for TCP that cuts a connection once, after so many bytes of one direction, and keeps the first bytes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._near, self._far = self.url[7:].encode(), f"127.0.0.1:{port}".encode()
        self.cut_after: dict[str, int] = {}  # "up" or "down"; taken away by the cut
        self.cuts = 0
        self.heads: list[bytes] = []
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """End every connection and take no more."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                self._start(self._pass, "up", near, far)
                self._start(self._pass, "down", far, near)

    def _pass(self, way: str, source: socket.socket, sink: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if way == "up":
                    piece = piece.replace(self._near, self._far)  # in development only its own address is served
                    self.heads.append(piece[:2_000])
                passed += len(piece)
                if passed > self.cut_after.get(way, passed):
                    del self.cut_after[way]
                    self.cuts += 1
                    break
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def asked(self, method: str, header: str) -> list[bytes]:
        """The requests of a method that had a header, as far as they were sent in one piece with it."""
        found = [head for head in self.heads if head.startswith(method.encode()) and b"/blobs/" in head]
        return [head for head in found if f"\r\n{header}".lower().encode() in head.lower()]


@contextmanager
def cutting(place: Site) -> Iterator[Cutter]:
    """A proxy in front of the service."""
    cutter = Cutter(int(place.url.rpartition(":")[2]))
    try:
        yield cutter
    finally:
        cutter.close()


def test_an_upload_and_a_download_that_are_cut_go_on_from_there(place: Site, page: Page, tmp_path: Path) -> None:
    with cutting(place) as cutter:
        page.goto(cutter.url)
        choose(page, "large.bin", CONTENT, "application/octet-stream")
        cutter.cut_after["up"] = len(CONTENT) // 2
        page.get_by_role("button", name="Make the link").click()
        link = made(page)
        assert cutter.cuts == 1
        (rest,) = [head for head in cutter.asked("PUT", "content-range:") if b"bytes */" not in head]
        assert b"content-range: bytes 0-" not in rest.lower()

        reveal(page, link.replace(place.url, cutter.url))
        cutter.cut_after["down"] = len(CONTENT) // 2
        with page.expect_download() as coming:
            page.get_by_role("button", name="Save large.bin").click()
        coming.value.save_as(tmp_path / "large.bin")
        assert cutter.cuts == 2
        assert len(cutter.asked("GET", "range: bytes=")) == 1
    assert (tmp_path / "large.bin").read_bytes() == CONTENT


def test_a_server_that_stays_away_is_told_and_nothing_is_lost(place: Site, page: Page) -> None:
    page.clock.install()
    page.goto(place.url)
    choose(page, "large.bin", CONTENT[:100_000], "application/octet-stream")
    tries: list[str] = []

    def refuse(route: Route) -> None:
        tries.append("")
        route.abort()

    page.route("**/blobs/*", refuse)
    page.get_by_role("button", name="Make the link").click()
    page.clock.run_for(1)
    problem = page.locator("#problem")
    while not problem.is_visible() and len(tries) < 50:
        page.clock.fast_forward(9_000)
    expect(problem).to_contain_text("Nothing was lost")
    expect(page.locator("#files")).to_contain_text("large.bin")
    assert len(tries) == 6
    page.unroute("**/blobs/*")
    page.get_by_role("button", name="Make the link").click()
    made(page)
