"""``watchword keys``, ``doctor`` and ``migrate``: numbers and findings, never a key."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Serving
from watchword.adapters import key_file
from watchword.adapters.memory import MemoryStore
from watchword.adapters.sqlite.look import look_at_schema
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.bootstrap import prepare
from watchword.client import Client
from watchword.core.policy import BALANCED
from watchword.errors import StoreError
from watchword.settings import Settings

FILE = Path("watchword-data/keys.json")
DATABASE = Path("watchword-data/watchword.db")


@pytest.fixture
def _prepared(command: Command) -> None:
    assert command is not None  # it changes to a folder of its own first
    assert prepare(Settings.load({}))


def keys_in_file() -> list[str]:
    written = json.loads(FILE.read_text())
    return [written["index"], *(key["key"] for key in written["keys"].values())]


@pytest.mark.usefixtures("_prepared")
def test_rotating_prints_the_new_number(command: Command) -> None:
    ran = command("keys", "rotate")

    assert (0, "2\n") == (ran.code, ran.out)
    assert "SIGHUP" in ran.err
    assert {"current": 3} == command("keys", "rotate", "--json").document


@pytest.mark.usefixtures("_prepared")
def test_listing_shows_which_key_is_current(command: Command) -> None:
    command("keys", "rotate")

    assert [(1, False), (2, True)] == [
        (key["number"], key["current"]) for key in command("keys", "list", "--json").document
    ]
    assert re.fullmatch(r"1  \S+Z\n2  \S+Z  current\n", command("keys", "list").out)


@pytest.mark.usefixtures("_prepared")
def test_no_command_prints_a_key(command: Command) -> None:
    said = ""
    for arguments in (
        ["keys", "rotate"],
        ["keys", "list"],
        ["keys", "list", "--json"],
        ["doctor"],
        ["doctor", "--json"],
    ):
        ran = command(*arguments)
        said += ran.out + ran.err

    assert 3 == len(keys_in_file())
    assert not [key for key in keys_in_file() if key in said]


def test_without_a_key_file_there_is_nothing_to_rotate(command: Command) -> None:
    ran = command("keys", "rotate")

    assert 2 == ran.code
    assert "watchword serve" in ran.err
    assert not FILE.parent.exists()


@pytest.mark.usefixtures("_prepared")
def test_a_key_file_that_others_can_read_is_refused(command: Command) -> None:
    FILE.chmod(0o644)

    assert 2 == command("keys", "list").code
    assert "chmod 600" in command("keys", "rotate").err


# --- migrate ---------------------------------------------------------------------------------------


def test_migrating_makes_the_store_and_says_where(command: Command) -> None:
    ran = command("migrate", "--json")

    assert {"store": "sqlite", "path": "watchword-data/watchword.db"} == ran.document
    assert Path("watchword-data/watchword.db").exists()
    assert "Made a new database: " in ran.err
    again = command("migrate")
    assert (0, "") == (again.code, again.err)


def test_the_store_that_keeps_nothing_has_nothing_to_migrate(command: Command) -> None:
    assert 2 == command("migrate", WATCHWORD_STORE="memory").code


# --- doctor ----------------------------------------------------------------------------------------


def findings(command: Command, code: int = 0, **settings: str) -> dict[str, list[str]]:
    ran = command("doctor", "--json", **settings)
    assert code == ran.code
    found: dict[str, list[str]] = {}
    for finding in ran.document:
        found.setdefault(f"{finding['subject']} {finding['verdict']}", []).append(finding["text"])
    return found


def test_doctor_finds_a_fresh_folder_in_order_and_changes_nothing(command: Command) -> None:
    found = findings(command)

    assert {"settings ok", "keys note", "store note", "relay note", "policy note"} == set(found)
    assert not Path("watchword-data").exists()


def traces() -> dict[str, tuple[int, bytes]]:
    """Every file in the data directory, with its time and its content."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in DATABASE.parent.iterdir()}


def with_schema(number: int) -> None:
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(f"PRAGMA user_version = {number}")
        connection.commit()


@pytest.mark.parametrize("step", [-1, 1])
def test_doctor_leaves_a_store_of_another_version_as_it_is(command: Command, step: int) -> None:
    command("migrate")
    known = look_at_schema(DATABASE).known
    with_schema(known + step)
    before = traces()

    text, *_ = findings(command, 0 if step < 0 else 2)[f"store {'note' if step < 0 else 'error'}"]
    assert f"has schema {known + step}, this version writes {known}: " in text
    assert ("`watchword migrate` (or the next serve) upgrades it" in text) == (step < 0)
    assert before == traces()
    assert (known + step, known) == look_at_schema(DATABASE)


def test_doctor_reads_the_schema_of_a_store_that_is_in_use(command: Command) -> None:
    command("migrate")
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute("PRAGMA user_version = 0")  # in the log beside the file, and not in the file
        connection.commit()
        assert "has schema 0" in findings(command)["store note"][0]


def test_doctor_writes_a_heartbeat_to_a_store_of_this_version(command: Command) -> None:
    command("migrate")
    known = look_at_schema(DATABASE).known

    assert [f"{DATABASE} can be read and written, schema {known}"] == findings(command)["store ok"]


def test_doctor_closes_the_store_that_does_not_answer(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Broken(MemoryStore):
        async def ping(self) -> None:
            raise StoreError("It does not answer.")

        async def aclose(self) -> None:
            closed.append(self)

    command("migrate")
    monkeypatch.setattr("watchword.bootstrap.open_durable", lambda _settings: Broken())

    assert ["It does not answer."] == findings(command, 4)["store error"]
    assert 1 == len(closed)


@pytest.mark.usefixtures("_prepared")
def test_doctor_warns_while_keys_lie_beside_the_database(command: Command) -> None:
    command("migrate")

    found = findings(command)
    assert "one backup takes both" in found["keys warning"][0]
    assert {"keys ok", "store ok"} <= set(found)


@pytest.mark.usefixtures("_prepared")
def test_doctor_is_content_with_keys_that_lie_apart(command: Command, tmp_path: Path) -> None:
    FILE.rename(tmp_path / "keys.json")

    assert "keys warning" not in findings(command, WATCHWORD_KEY_FILE=str(tmp_path / "keys.json"))


@pytest.mark.usefixtures("_prepared")
def test_doctor_finds_a_key_file_that_others_can_read(command: Command) -> None:
    FILE.chmod(0o644)

    assert "keys error" in findings(command, 2)


def test_doctor_finds_a_key_file_that_is_lost_or_that_the_database_was_not_written_with(
    command: Command, start: Callable[..., Serving]
) -> None:
    serving = start("--data", "watchword-data")
    client = Client(serving.welcome["url"], serving.welcome["api_key"])
    with client:
        client.create(to="you@example.com", purpose="login")
    serving.stop()
    FILE.unlink()

    (lost,) = findings(command, 2)["keys error"]
    assert "needs it: bring it back" in lost

    key_file.ensure(FILE, SystemEntropy().draw, SystemClock().now())
    (other,) = findings(command, 2)["keys error"]
    assert "is not the one that" in other


def test_doctor_finds_a_setting_that_is_wrong(command: Command) -> None:
    assert {"settings error"} == set(findings(command, 2, WATCHWORD_PROFILE="lax"))


def test_doctor_names_the_setting_that_is_wrong(command: Command) -> None:
    assert "(WATCHWORD_NOTICE_URL)" in command("doctor", WATCHWORD_NOTICE_URL="http://example.org").out


def test_doctor_finds_folders_that_may_not_be_looked_into(command: Command) -> None:
    assert {"keys error", "store error"} <= set(findings(command, 2, WATCHWORD_DATA="x" * 300))


def test_doctor_finds_a_data_directory_that_cannot_be_made(command: Command) -> None:
    Path("taken").write_text("a file")

    assert "store error" in findings(command, 2, WATCHWORD_DATA="taken")


def test_doctor_finds_a_store_that_is_none(command: Command) -> None:
    Path("watchword-data").mkdir()
    Path("watchword-data/watchword.db").write_bytes(b"certainly no database" * 100)

    ran = command("doctor", "--json")
    assert ran.code in {2, 4}
    assert [finding for finding in ran.document if finding["subject"] == "store" and finding["verdict"] == "error"]


def test_doctor_lists_every_departure_from_the_standards(command: Command) -> None:
    shown = findings(command)["policy note"]

    assert len(BALANCED.departures) == len(shown)
    assert all(any(clause in text for text in shown) for clause in BALANCED.departures)


def test_doctor_prints_lines_for_people(command: Command) -> None:
    ran = command("doctor")

    assert 0 == ran.code
    assert ran.out.startswith("ok      settings  127.0.0.1:8000")
