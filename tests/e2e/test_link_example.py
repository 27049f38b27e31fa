"""The example app as its documentation starts it: one command, which brings a service along."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import on
from tests.e2e.link_people import is_signed_in
from tests.support.ports import free_port
from tests.support.service import plain_environment

pytestmark = pytest.mark.xdist_group(__name__)

ROOT = Path(__file__).parents[2]


@contextmanager
def started(folder: Path, port: str) -> Iterator[tuple[str, str]]:
    """Start it in a folder. The addresses of mailbox and shop."""
    free = {"EXAMPLE_PORT": port, "WATCHWORD_BIND": "127.0.0.1:0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "examples.login"]
    with subprocess.Popen(command, cwd=folder, env=plain_environment(**free), stderr=subprocess.PIPE) as example:
        assert example.stderr is not None
        said = ""
        while "The shop is at" not in said:
            line = example.stderr.readline()
            assert line, said
            said += line.decode()
        (mailbox,) = re.findall(r"Mails arrive at\s+(\S+)", said)
        (shop,) = re.findall(r"The shop is at\s+(\S+)", said)
        try:
            yield mailbox, shop
        finally:
            example.terminate()
            example.communicate(timeout=60)
    assert example.returncode == 0


def test_the_makefile_starts_what_this_test_starts() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nexample: $(DEV) ## " in makefile
    assert "\t@$(RUN) -m examples.login\n" in makefile


@on("desktop-night")
def test_one_command_starts_the_shop_and_a_service_and_a_second_start_goes_on(
    page: Page, to: str, tmp_path: Path
) -> None:
    port = str(free_port())
    for number in (1, 2):
        with started(tmp_path, port) as (mailbox, shop):
            assert port == shop.rpartition(":")[2]
            page.goto(shop)
            page.get_by_label("Your email address").fill(f"{number}{to}")
            page.get_by_role("button", name="Sign in", exact=True).click()
            expect(page.get_by_label("Code", exact=True)).to_be_visible()
            desk = page.context.new_page()
            desk.goto(mailbox)
            desk.locator("#mails button", has_text=f"{number}{to}").click()
            letter = desk.frame_locator("iframe").locator("body")
            expect(letter).to_contain_text(re.compile(r"\d{6}|\d{3} \d{3}"))
            link = letter.locator("a").first.get_attribute("href")
            assert link is not None
            desk.goto("about:blank")
            desk.goto(link)
            desk.get_by_role("button", name="Continue here").click()
            is_signed_in(desk, f"{number}{to}")
            desk.close()
            page.context.clear_cookies()
        key = tmp_path / "watchword-example" / "example.key"
        assert 0o600 == key.stat().st_mode & 0o777
