"""What the service could be talked into, it cannot: it fetches no address and unpacks no objects."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import SOURCE, dotted, mentions, modules, origins, short, syntax

# Whoever asks the service something lives here: the SDK, and the commands that use it.
ASKING = {"client", "cli"}
FETCHING = ("aiohttp", "ftplib", "http.client", "httpx", "requests", "urllib.request", "urllib3", "websockets")
CONNECTING = {"connect_ex", "create_connection", "create_unix_connection", "open_connection", "open_unix_connection"}
UNPACKING = ("dill", "jsonpickle", "marshal", "pickle", "shelve", "yaml")
RUNNING = {"eval", "exec", "compile", "__import__"}

# The addresses of relay, store and those who send texts come from the settings, and from nothing that a request says.
PROVIDERS = {SOURCE / "adapters" / "http_door.py"}
RELAY = {SOURCE / "adapters" / "smtp_connection.py", SOURCE / "adapters" / "smtp.py"}
STORE = {SOURCE / "adapters" / "valkey" / "link.py"}


def used(path: Path, names: tuple[str, ...]) -> set[str]:
    """Which of these a module imports or calls."""
    found = {*origins(syntax(path)).values(), *(name for _, name in mentions(path))}
    return {each for each in found if any(each == name or each.startswith(f"{name}.") for name in names)}


def calls(path: Path) -> list[ast.Call]:
    """Every call in a module."""
    return [node for node in ast.walk(syntax(path)) if isinstance(node, ast.Call)]


def called(path: Path) -> set[str]:
    """The last names of all that a module calls: ``connect`` for ``self.loop.connect()``."""
    functions = [node.func for node in calls(path)]
    methods = {each.attr for each in functions if isinstance(each, ast.Attribute)}
    return methods | {each.id for each in functions if isinstance(each, ast.Name)}


@pytest.mark.parametrize("path", modules(), ids=short)
def test_nothing_in_the_service_fetches_an_address(path: Path) -> None:
    if path.relative_to(SOURCE).parts[0] not in ASKING:
        assert set() == used(path, FETCHING) or path in PROVIDERS
        assert set() == called(path) & CONNECTING or path in RELAY | STORE


@pytest.mark.parametrize("path", modules(), ids=short)
def test_nothing_unpacks_objects_or_runs_a_text(path: Path) -> None:
    assert set() == used(path, UNPACKING)
    assert set() == {dotted(node.func) for node in calls(path)} & RUNNING


def test_the_check_finds_what_it_looks_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import httpx\nfrom pickle import loads\nhttpx.get('http://169.254.169.254')\n")

    assert used(bad, FETCHING) == {"httpx", "httpx.get"}
    assert used(bad, UNPACKING) == {"pickle.loads"}
    assert any(called(path) & CONNECTING for path in RELAY)
    assert any(called(path) & CONNECTING for path in STORE)
