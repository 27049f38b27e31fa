"""``watchword doctor --assets``: the hashes of what is shipped, which are those of what is served."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import httpx

import watchword
from tests.cli.conftest import Command
from tests.client.running import RunningApp

WEB = Path(watchword.__file__).parent / "web"


def test_every_shipped_file_is_listed_with_its_hash(command: Command) -> None:
    listed = command("doctor", "--assets", "--json")

    files = [path for folder in ("static", "templates") for path in (WEB / folder).rglob("*") if path.is_file()]
    assert listed.code == 0
    assert listed.document == {
        str(path.relative_to(WEB)): sha256(path.read_bytes()).hexdigest() for path in files if path.name[0] != "."
    }
    assert len(listed.document) > 10


def test_a_line_is_what_sha256sum_prints(command: Command) -> None:
    lines = command("doctor", "--assets").out.splitlines()

    assert all(re.fullmatch(r"[0-9a-f]{64}  (static|templates)/\S+", line) for line in lines)


def test_what_is_served_has_the_hash_that_is_listed(command: Command) -> None:
    hashes = command("doctor", "--assets", "--json").document

    with RunningApp() as running, httpx.Client(base_url=running.address, trust_env=False) as client:
        for name in ("copy.js", "tokens.css"):
            served = client.get(f"/static/{name}")
            assert hashes[f"static/{name}"] == sha256(served.content).hexdigest()
