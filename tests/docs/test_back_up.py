"""The page on backups: what it tells to type on PostgreSQL is typed here, on a real server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.docs.test_use_valkey import BUDGET, a_side, guesses
from tests.support.postgres import PASSWORD, USER, the_server
from tests.support.valkeys import Server
from watchword.adapters.postgres import PostgresAddress
from watchword.adapters.postgres.schema import bring_up_to_date, known_migrations
from watchword.errors import AlreadyUsedError, UnknownError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "back-up-and-restore.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## On PostgreSQL\n")[2].partition("\n## ")[0]
OWNER, SERVING, BEFORE = "backed_up", "backed_up_serve", "backed_up_before"
LATER = "CREATE TABLE later (id bigserial PRIMARY KEY)"
VALUES = {"bytea": r"'\x01'", "bigint": "1", "smallint": "1", "text": "''", "boolean": "true"}


def commands() -> list[str]:
    """The section's blocks in their order, with a name that the shared server has for nobody else."""
    blocks = re.findall(r"^```sh\n(.+?)^```$", SECTION, flags=re.MULTILINE | re.DOTALL)
    return [block.replace("watchword", OWNER) for block in blocks]


def typed(block: str, role: str, folder: Path) -> None:
    """Type a block, as somebody who connects as a role."""
    there = {"PGHOST": "127.0.0.1", "PGPORT": str(the_server().port), "PGUSER": role, "PGPASSWORD": PASSWORD}
    done = subprocess.run(
        ["sh", "-euc", block],
        cwd=folder,
        env={"PATH": f"{the_server().binaries}:{os.defpath}", **there},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def asks(statement: str, role: str = OWNER, database: str = OWNER) -> str:
    return the_server().sql(f"SET SESSION AUTHORIZATION {role}; {statement}", database)


def migrate(scripts: list[str]) -> None:
    url = the_server().url(OWNER).replace(f"://{USER}:", f"://{OWNER}:")
    asyncio.run(bring_up_to_date(PostgresAddress.parse(url), scripts))


def tables(holding: str = "true") -> list[str]:
    """The tables of the database, or those with such a column."""
    where = f"table_schema = 'public' AND ({holding})"
    return asks(f"SELECT DISTINCT table_name FROM information_schema.columns WHERE {where} ORDER BY 1").split()  # noqa: S608 - our own names


def fill(table: str) -> None:
    """Put a row into a table, whatever its columns are."""
    where = f"table_schema = 'public' AND table_name = '{table}' AND is_nullable = 'NO'"
    columns = asks(f"SELECT column_name, data_type FROM information_schema.columns WHERE {where}").splitlines()  # noqa: S608 - our own names
    row = {name: VALUES[kind] for name, kind in (line.split("|") for line in columns)}
    asks(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())}) ON CONFLICT DO NOTHING")  # noqa: S608 - our own names


def counted() -> dict[str, int]:
    return {table: int(asks(f"SELECT count(*) FROM {table}")) for table in tables()}  # noqa: S608 - our own names


@pytest.fixture
def database() -> Iterator[None]:
    """The database of an owner who is no superuser, with a row in every table, and a role that only serves."""
    server = the_server()
    for role in (OWNER, SERVING):
        server.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    server.sql(f"CREATE DATABASE {OWNER} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0")
    try:
        migrate(known_migrations())
        for kind in ("TABLES", "SEQUENCES"):
            asks(f"GRANT SELECT ON ALL {kind} IN SCHEMA public TO {SERVING}")
            asks(f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT SELECT ON {kind} TO {SERVING}")
        for table in ("apps", *tables()):
            fill(table)
        yield
    finally:
        for name in (OWNER, BEFORE):
            server.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for role in (SERVING, OWNER):
            server.sql(f"DROP ROLE {role}")


@pytest.mark.usefixtures("database")
def test_a_dump_is_restored_without_what_was_used_up_since_and_the_next_version_goes_on_with_it(tmp_path: Path) -> None:
    back_up, restore, forget, drop = commands()
    there = counted()
    assert 1 == min(there.values())

    typed(back_up, OWNER, tmp_path)
    (dump,) = tmp_path.iterdir()
    assert 0o600 == dump.stat().st_mode & 0o777
    migrate([*known_migrations(), LATER])  # a version that is gone back from

    typed(restore, USER, tmp_path)
    assert there == counted()

    typed(forget, USER, tmp_path)
    emptied = {table for table, rows in counted().items() if rows == 0}
    assert {"deliveries", "replays", "verifications", "secret_bodies", "secrets"} == emptied
    assert set(tables("column_name IN ('verification', 'secret')")) <= emptied

    typed(drop, USER, tmp_path)
    assert "0" == asks(f"SELECT count(*) FROM pg_database WHERE datname = '{BEFORE}'")  # noqa: S608 - our own names
    migrate([*known_migrations(), LATER])
    assert "0" == asks("SELECT count(*) FROM later", SERVING)


def test_what_is_forgotten_on_postgresql_is_what_is_forgotten_on_sqlite() -> None:
    (embedded,) = re.findall(r'^sqlite3 \S+ "(DELETE[^"]+)"$', PAGE, flags=re.MULTILINE)
    (truncated,) = re.findall(r'"TRUNCATE ([^"]+)"', SECTION)

    # Idempotency keys are columns of a verification there.
    assert set(re.findall(r"FROM (\w+)", embedded)) == set(truncated.split(", ")) - {"replays"}


def test_a_live_valkey_knows_what_a_restored_database_does_not_until_it_is_restarted(tmp_path: Path) -> None:
    told = " ".join(PAGE.partition("\n### With Valkey beside it\n")[2].partition("\n## ")[0].split())
    assert "Leave it as it is" in told
    assert "restart Valkey" in told
    now, then = tmp_path / "now", tmp_path / "then"
    now.mkdir()

    async def journey() -> None:
        with closing(Server()) as valkey:
            async with a_side(now, valkey) as before:
                app, _ = await before.apps.create("Acme")
            shutil.copytree(now, then)
            async with a_side(now, valkey) as before:
                before.app = app
                used, code = await before.send()
                await before.check(used, code)
                waits, still_good = await before.send("bob@example.com")
                assert 2 == await guesses(before, 2)
            async with a_side(then, valkey) as restored:
                restored.app = app
                restored.dice.draw(1)  # so that no two ids are one
                with pytest.raises(AlreadyUsedError):
                    await restored.check(used, code)
                await restored.check(waits, still_good)
                assert BUDGET - 2 == await guesses(restored, BUDGET)
                waits, out = await restored.send("cleo@example.com")
            valkey.kill()
            valkey.start()
            async with a_side(then, valkey) as restarted:
                restarted.app = app
                with pytest.raises(UnknownError):
                    await restarted.check(waits, out)

    asyncio.run(journey())
