"""``watchword doctor --assets``: the hashes of what is shipped, which are those of what is served."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

import watchword
from tests.cli.conftest import Command, environment
from tests.client.running import RunningApp
from tests.support.needs import needs
from tests.support.site import TOKEN, Site
from watchword.core.instant import DAY

WEB = Path(watchword.__file__).parent / "web"
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


@pytest.fixture
def running() -> Iterator[RunningApp]:
    """A service with a relay, on a port."""
    with RunningApp() as app:
        yield app


def test_every_file_that_browsers_are_given_is_listed_with_its_hash(command: Command) -> None:
    listed = command("doctor", "--assets", "--json")

    files = [path for folder in ("static", "templates") for path in (WEB / folder).rglob("*") if path.is_file()]
    given = {path for path in files if path.suffix in {".css", ".js", ".svg", ".jinja"}}
    hashes = {str(path.relative_to(WEB)): sha256(path.read_bytes()).hexdigest() for path in given}
    assert listed.code == 0
    assert hashes == {
        name: digest for name, digest in listed.document.items() if not name.startswith(("a/", "l/", "s/", "v/"))
    }
    assert len(listed.document) > 40


def test_a_line_is_what_sha256sum_prints(command: Command) -> None:
    lines = command("doctor", "--assets").out.splitlines()

    assert all(re.fullmatch(r"[0-9a-f]{64}  (static/|templates/|[alsv]/ID)\S*", line) for line in lines)


def test_every_file_and_page_that_is_served_has_the_hash_that_is_listed(command: Command, running: RunningApp) -> None:
    hashes = command("doctor", "--assets", "--json").document
    addresses = {name: digest for name, digest in hashes.items() if not name.startswith("templates/")}

    with httpx.Client(base_url=running.address, trust_env=False, timeout=60) as client:
        served = {name: client.get(f"/{name}") for name in addresses}
        assert {200} == {answer.status_code for answer in served.values()}
        assert addresses == {name: sha256(answer.content).hexdigest() for name, answer in served.items()}
        # Nothing is served besides that nobody could compare.
        others = [path for path in (WEB / "static").rglob("*") if path.is_file()]
        unlisted = [str(path.relative_to(WEB)) for path in others if str(path.relative_to(WEB)) not in hashes]
        assert {404} == {client.get(f"/{name}").status_code for name in unlisted}


def test_what_the_pages_load_is_listed(command: Command, running: RunningApp) -> None:
    hashes = command("doctor", "--assets", "--json").document

    with httpx.Client(base_url=running.address, trust_env=False, timeout=60) as client:
        for page in ("/", "/s/sc_x", "/s/sc_x/status", "/l/vf_x", "/v/vf_x", "/start", "/docs"):
            loaded = re.findall(r'(?:href|src)="/(static/[^"]+)"', client.get(page).text)
            assert loaded
            assert set(loaded) <= set(hashes)


def documented(address: str, path: Path) -> str:
    """The shell lines of the reference, against a service of ours. ``path`` is the folder they are run in."""
    section = REFERENCE.read_text(encoding="utf-8").partition("### What browsers are given\n")[2]
    (script,) = re.findall(r"^```sh\n(.*?)^```$", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    assert "https://secrets.example.org/" in script
    ours = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(
        ["sh", "-uc", script.replace("https://secrets.example.org", address)],
        cwd=path,
        env=environment() | ours,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    return ran.stdout


@needs("curl", "sha256sum", "diff")
def test_the_documented_way_to_compare_finds_an_honest_service_the_same(running: RunningApp, tmp_path: Path) -> None:
    assert "same\n" == documented(running.address, tmp_path)


@needs("curl", "sha256sum", "diff")
@pytest.mark.parametrize("changed", ["static/reveal.js", "s/ID", "l/ID"])
def test_the_documented_way_to_compare_finds_what_was_changed(
    running: RunningApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    # Another version at home is, seen from there, another one at the service.
    wrapped = tmp_path / "watchword"
    wrapped.write_text(
        f"#!/bin/sh\n{sys.executable} -m watchword \"$@\" | sed 's|^.*  {changed}$|{'0' * 64}  {changed}|'\n"
    )
    wrapped.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))  # whose folder comes first in PATH

    said = documented(running.address, tmp_path)

    assert "same" not in said
    assert [f"< {'0' * 64}  {changed}"] == [line for line in said.splitlines() if line.startswith("<")]


def test_the_page_that_makes_links_differs_between_operators_in_what_they_decide() -> None:
    with Site(public_url="https://one.example") as site:
        theirs = site.call("GET", "/").text.splitlines()
    with Site(mailbox_token=TOKEN) as site:
        flow = site.world.secrets
        flow.rules = flow.rules._replace(longest=3 * DAY, max_text=9_999, max_file=8_888)
        ours = site.call("GET", "/").text.splitlines()

    changes = [line[2:] for line in difflib.ndiff(theirs, ours) if line[:2] in {"- ", "+ "}]
    known = r'data-public-url=|data-max-text=|<option value="\d+"|<a href="/mailbox"'
    assert changes
    assert [] == [line for line in changes if not re.search(known, line)]
