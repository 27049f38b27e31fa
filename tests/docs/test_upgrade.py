"""The page on upgrades: what it says of an older version on a newer schema is what that version does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.newer import ADDITION
from tests.support.postgres import the_server
from watchword.adapters.postgres import PostgresAddress
from watchword.adapters.postgres.schema import bring_up_to_date, known_migrations
from watchword.adapters.sqlite import database
from watchword.errors import SettingsError

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = (HOW_TO / "upgrade.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE.partition("\n## Go back\n")[2], flags=re.MULTILINE)[1:]


def starts_on_sqlite(folder: Path) -> bool:
    """Whether this version starts on a file with one migration more."""
    path = folder / "watchword.db"
    database.prepare(path)
    connection = database.connect(path)
    version = connection.execute("PRAGMA user_version").get
    connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.close()
    return _starts(lambda: database.prepare(path))


def starts_on_postgresql(migration: str) -> bool:
    """Whether this version starts on a database with such a migration more."""
    address = PostgresAddress.parse(the_server().url())
    asyncio.run(bring_up_to_date(address, [*known_migrations(), migration]))
    return _starts(lambda: asyncio.run(bring_up_to_date(address)))


def _starts(start: Callable[[], object]) -> bool:
    try:
        start()
    except SettingsError:
        return False
    return True


def test_an_older_version_on_a_newer_schema_does_what_the_page_says(tmp_path: Path) -> None:
    removal = f"UPDATE watchword_schema SET oldest = {len(known_migrations()) + 1}"  # noqa: S608 - our own names
    found = {
        "SQLite": starts_on_sqlite(tmp_path),
        "PostgreSQL, and the newer version only added to the schema": starts_on_postgresql(ADDITION),
        "PostgreSQL, and the newer version took something away": starts_on_postgresql(removal),
    }

    assert found == {where: told.startswith("starts and serves") for where, told in ROWS}
    assert all(told.startswith(("starts and serves", "does not start")) for _, told in ROWS)


@pytest.mark.parametrize(
    ("page", "heading"),
    [("scale-out.md", "Upgrade while it runs"), ("back-up-and-restore.md", "On PostgreSQL")],
)
def test_the_page_leads_to_where_several_processes_are_upgraded_and_restored(page: str, heading: str) -> None:
    assert f"]({page}#{heading.lower().replace(' ', '-')})" in PAGE
    assert f"\n## {heading}\n" in (HOW_TO / page).read_text(encoding="utf-8")
