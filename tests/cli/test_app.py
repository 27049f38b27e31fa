"""``watchword app``: the key alone on standard output, once, and never again."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from watchword.bootstrap import opened_apps
from watchword.core.app import App
from watchword.settings import Settings

KEY = re.compile(r"wk_[A-Za-z0-9_-]{43}\n")


class Unheard:
    """No audit."""

    def record(self, event: str, /, **facts: object) -> None:
        """Say nothing."""


def app_of(key: str) -> App:
    """The app a key opens, as the service would see it."""

    async def ask() -> App:
        async with opened_apps(Settings.load({}), Unheard()) as apps:
            return await apps.by_key(key.strip().encode())

    return asyncio.run(ask())


def test_creating_an_app_prints_its_key_and_nothing_else(command: Command) -> None:
    ran = command("app", "create", "Shop")

    assert 0 == ran.code
    assert KEY.fullmatch(ran.out)
    assert "Shop" in ran.err
    assert ran.out.strip() not in ran.err
    assert "Shop" == app_of(ran.out).name


def test_an_app_has_redirect_addresses(command: Command) -> None:
    uris = ["https://shop.example/a", "http://localhost:3000/b"]

    ran = command("app", "create", "Shop", "--redirect-uri", uris[0], "--redirect-uri", uris[1], "--json")

    assert uris == ran.document["redirect_uris"]
    assert ran.document["id"].startswith("ap_")
    assert uris == command("app", "list", "--json").document[0]["redirect_uris"]


def test_a_name_that_is_taken_is_refused(command: Command) -> None:
    command("app", "create", "Shop")

    ran = command("app", "create", "Shop", "--json")

    assert (2, "") == (ran.code, ran.out)
    assert "name" == ran.problem["field"]


def test_a_redirect_address_that_cannot_be_used_is_refused_and_makes_no_app(command: Command) -> None:
    command("migrate")

    ran = command("app", "create", "Shop", "--redirect-uri", "http://shop.example")

    assert 2 == ran.code
    assert [] == command("app", "list", "--json").document


def test_listing_shows_hints_and_no_keys(command: Command) -> None:
    key = command("app", "create", "Shop").out.strip()

    ran = command("app", "list")

    assert key[:7] + "…" in ran.out
    assert key[:10] not in ran.out


def test_an_empty_list_says_how_to_begin_and_prints_nothing(command: Command) -> None:
    command("migrate")

    ran = command("app", "list")

    assert (0, "") == (ran.code, ran.out)
    assert "app create" in ran.err
    assert [] == command("app", "list", "--json").document


def test_another_key_leaves_the_first_one_valid(command: Command) -> None:
    first = command("app", "create", "Shop").out
    second = command("app", "key", "Shop").out

    assert first != second
    assert app_of(first) == app_of(second)


def test_a_replacing_key_revokes_the_first_one(command: Command) -> None:
    command("app", "create", "Shop")
    ran = command("app", "key", "Shop", "--replace")

    assert KEY.fullmatch(ran.out)
    assert [ran.out[:7]] == [key["hint"] for key in command("app", "list", "--json").document[0]["keys"]]


def test_a_key_is_revoked_by_its_hint(command: Command) -> None:
    key = command("app", "create", "Shop").out.strip()

    assert 0 == command("app", "revoke", "Shop", key[:7]).code
    assert [] == command("app", "list", "--json").document[0]["keys"]
    assert 1 == command("app", "revoke", "Shop", key[:7]).code


def test_anything_longer_than_a_hint_is_refused_and_not_repeated(command: Command) -> None:
    key = command("app", "create", "Shop").out.strip()

    for longer in (key, key[:8]):
        ran = command("app", "revoke", "Shop", longer)
        assert (2, "") == (ran.code, ran.out)
        assert "a whole key has no business on a command line" in ran.err
        assert key[7:] not in ran.err
    assert [key[:7]] == [each["hint"] for each in command("app", "list", "--json").document[0]["keys"]]


def test_an_app_is_renamed_and_its_key_stays(command: Command) -> None:
    key = command("app", "create", "Shop").out

    assert 0 == command("app", "update", "Shop", "--name", "Store").code
    assert "Store" == app_of(key).name


def test_an_app_is_found_by_its_id_too(command: Command) -> None:
    made = command("app", "create", "Shop", "--json").document

    assert 0 == command("app", "update", made["id"], "--redirect-uri", "https://shop.example").code
    assert ["https://shop.example"] == command("app", "list", "--json").document[0]["redirect_uris"]


def test_an_update_of_nothing_is_a_wrong_command_line(command: Command) -> None:
    command("app", "create", "Shop")

    assert 2 == command("app", "update", "Shop").code


def test_an_unknown_app_is_refused(command: Command) -> None:
    command("migrate")

    for arguments in (["key", "Nobody"], ["revoke", "Nobody", "wk_abcd"], ["update", "Nobody", "--name", "X"]):
        assert 1 == command("app", *arguments).code


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["key", "Shop"], ["revoke", "Shop", "wk_abcd"], ["update", "Shop", "--name", "Store"]],
    ids=lambda arguments: arguments[0],
)
def test_a_folder_without_a_database_is_a_mistake_and_stays_as_it_is(
    command: Command, tmp_path: Path, arguments: list[str]
) -> None:
    ran = command("app", *arguments, "--data", str(tmp_path / "typo"))

    assert (2, "") == (ran.code, ran.out)
    assert f"There is no database at {tmp_path / 'typo' / 'watchword.db'}: is --data" in ran.err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("arguments", [[""], ["Shop", "--redirect-uri", "ftp://shop.example"]])
def test_an_app_that_cannot_be_made_makes_no_database(command: Command, tmp_path: Path, arguments: list[str]) -> None:
    ran = command("app", "create", *arguments)

    assert 2 == ran.code
    assert "Made a new database" not in ran.err
    assert not (tmp_path / "watchword-data").exists()


CLOSED = "x" * 300  # no file system takes the name: an error other than "not there", for root as well


@pytest.mark.parametrize(
    "arguments",
    [
        ["app", "list", "--data", CLOSED],
        ["app", "create", "Shop", "--data", CLOSED],
        ["limits", "show", "Shop", "ann@example.org", "--data", CLOSED],
        ["migrate", "--data", CLOSED],
        ["serve", "--bind", "127.0.0.1:0", "--data", CLOSED],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_folder_that_may_not_be_looked_into_is_told_without_a_trace(command: Command, arguments: list[str]) -> None:
    ran = command(*arguments)

    assert (2, "") == (ran.code, ran.out)
    assert 1 == ran.err.count("\n")
    assert "File name too long" in ran.err


def test_a_key_file_in_a_folder_that_may_not_be_looked_into_is_told_without_a_trace(command: Command) -> None:
    ran = command("serve", "--bind", "127.0.0.1:0", WATCHWORD_KEY_FILE=f"{CLOSED}/keys.json")

    assert 2 == ran.code
    assert "File name too long. Is this the user that runs the service? (WATCHWORD_KEY_FILE)\n" in ran.err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_creating_the_first_app_says_which_database_it_made(command: Command, tmp_path: Path, more: list[str]) -> None:
    made = f"Made a new database: {tmp_path / 'watchword-data' / 'watchword.db'}\n"

    assert made in command("app", "create", "Shop", *more).err
    assert made not in command("app", "create", "Store", *more).err


def test_control_characters_never_reach_the_terminal(command: Command) -> None:
    command("migrate")

    ran = command("app", "key", "\x1b[2J")

    assert "\x1b" not in ran.out + ran.err


def test_the_store_that_keeps_nothing_has_no_apps_to_work_on(command: Command) -> None:
    assert 2 == command("app", "list", WATCHWORD_STORE="memory").code


def test_the_folder_can_be_given(command: Command, tmp_path: Path) -> None:
    command("app", "create", "Shop", "--data", str(tmp_path / "elsewhere"))

    assert (tmp_path / "elsewhere" / "watchword.db").exists()
    assert "Shop" == command("app", "list", "--json", WATCHWORD_DATA=str(tmp_path / "elsewhere")).document[0]["name"]


def test_a_store_that_is_none_is_told_without_a_trace(command: Command, tmp_path: Path) -> None:
    (tmp_path / "watchword.db").write_bytes(b"certainly no database" * 100)

    ran = command("app", "list", "--data", str(tmp_path))

    assert ran.code in {2, 4}
    assert "Traceback" not in ran.err
    assert 1 == ran.err.count("\n")
