"""The page on PostgreSQL: its roles can do what they need, with the statements that stand there, on a real server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.postgres import PASSWORD, the_server
from watchword.adapters.postgres import PostgresAddress
from watchword.adapters.postgres.schema import bring_up_to_date, known_migrations
from watchword.errors import StoreError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "scale-out.md").read_text(encoding="utf-8")
OWNER, SERVING = "the_owner", "the_owner_serve"
LATER = "CREATE TABLE later (id bigserial PRIMARY KEY, name text NOT NULL)"


def statements() -> list[str]:
    """The page's blocks of SQL in their order, with names that the shared server does not know yet."""
    blocks = re.findall(r"^```sql\n(.+?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [block.replace("…", PASSWORD).replace("watchword", OWNER) for block in blocks]


def address(role: str) -> str:
    """Where a role finds the page's database."""
    return the_server().url(OWNER).replace("://watchword:", f"://{role}:")


def asks(role: str, statement: str) -> str:
    """What the database answers a role."""
    return the_server().sql(f"SET SESSION AUTHORIZATION {role}; {statement}", OWNER)


def migrate(role: str, scripts: list[str]) -> None:
    asyncio.run(bring_up_to_date(PostgresAddress.parse(address(role)), scripts))


def refused(role: str, statement: str) -> bool:
    return the_server().refuses(f"SET SESSION AUTHORIZATION {role}; {statement}", OWNER)


def test_a_role_that_only_serves_may_use_what_a_later_migration_makes() -> None:
    first, second, rights = statements()
    for line in (first + second).strip().splitlines():
        the_server().sql(line)
    try:
        now, later = known_migrations(), [*known_migrations(), LATER]
        migrate(OWNER, now)
        for line in rights.strip().splitlines():
            asks(OWNER, line)

        migrate(SERVING, now)
        assert "0" == asks(SERVING, "SELECT count(*) FROM verifications")
        with pytest.raises(StoreError):
            migrate(SERVING, later)

        migrate(OWNER, later)
        migrate(SERVING, later)
        assert "1" == asks(SERVING, "INSERT INTO later (name) VALUES ('a') RETURNING id")
        assert "b" == asks(SERVING, "UPDATE later SET name = 'b' RETURNING name")
        assert "b" == asks(SERVING, "DELETE FROM later RETURNING name")
        assert refused(SERVING, "CREATE TABLE mine (id bigint)")
        assert refused(SERVING, "DROP TABLE later")
    finally:
        the_server().sql(f"DROP DATABASE {OWNER} WITH (FORCE)")
        the_server().sql(f"DROP ROLE {SERVING}")
        the_server().sql(f"DROP ROLE {OWNER}")
