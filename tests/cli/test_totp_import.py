"""``watchword totp import``: all or none, twice is once, and nothing of a row is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.world import FrozenClock, Journal, LoadedDice
from watchword.adapters import key_file
from watchword.adapters.system import SystemClock
from watchword.bootstrap import opened_store, prepare
from watchword.cli.app import Unheard
from watchword.core.totp import step_at, totp
from watchword.errors import AlreadyUsedError
from watchword.flows.app import Apps
from watchword.flows.authenticator import Authenticators
from watchword.flows.keys import Keys
from watchword.settings import Settings

B32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
OTHER = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"
SECRET = b"12345678901234567890"


@pytest.fixture(autouse=True)
def shop(command: Command) -> None:
    """An app, and the key file that a service would have made."""
    command("app", "create", "Shop")
    prepare(Settings.load({}))


def check(subject: str, *, steps: int = 0) -> str:
    """What the service would say to a code of the first key."""

    async def ask() -> str:
        settings = Settings.load({})
        clock = FrozenClock(SystemClock().now())
        async with opened_store(settings) as store:
            keys = Keys(lambda: key_file.load(settings.storage.key_file), clock)
            app = await Apps(store, clock, LoadedDice(), Unheard()).named("Shop")
            flow = Authenticators(store.authenticators, keys, clock, LoadedDice(), Journal(), 50)
            shown = await flow.check(app, subject, totp(SECRET, clock.now() + steps * 30_000))
            return f"{shown.authenticator.origin} {shown.names.label}"

    return asyncio.run(ask())


def test_what_is_imported_is_accepted_at_once(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(f"subject,secret,label\nann,{B32},Phone\nbob,{OTHER},\n")

    ran = command("totp", "import", "Shop", "--file", str(file))

    assert (0, "imported 2, there already 0, cannot be used 0\n") == (ran.code, ran.out)
    assert B32 not in ran.out + ran.err
    assert "imported Phone" == check("ann")


def test_the_same_table_again_changes_nothing(command: Command) -> None:
    table = f"subject,secret\nann,{B32}\nann,{B32}\n"
    first = command("totp", "import", "Shop", "--json", given=table)
    again = command("totp", "import", "Shop", "--json", given=table)

    assert (1, 1) == (first.document["imported"], first.document["known"])
    assert (0, 2) == (again.document["imported"], again.document["known"])


def test_a_dry_run_writes_nothing(command: Command) -> None:
    table = f"subject,secret\nann,{B32}\n"
    ran = command("totp", "import", "Shop", "--dry-run", given=table)

    assert (0, "would import 1, there already 0, cannot be used 0\n") == (ran.code, ran.out)
    assert 1 == command("totp", "import", "Shop", "--json", given=table).document["imported"]


def test_a_dry_run_ends_as_the_real_one_would(command: Command) -> None:
    table = f"subject,secret\nann,{B32}\nbob,018901890189\n"
    dry = command("totp", "import", "Shop", "--dry-run", given=table)
    skipping = command("totp", "import", "Shop", "--dry-run", "--skip-bad", given=table)

    assert (2, "would import 0, there already 0, cannot be used 1\n") == (dry.code, dry.out)
    assert "1 row cannot be used, so nothing would be imported" in dry.err
    assert (0, "would import 1, there already 0, cannot be used 1\n") == (skipping.code, skipping.out)


@pytest.mark.parametrize(("name", "why"), [("none.csv", "No such file or directory"), (".", "Is a directory")])
def test_a_table_that_cannot_be_read_is_told_apart_from_one_in_another_encoding(
    command: Command, name: str, why: str
) -> None:
    ran = command("totp", "import", "Shop", "--file", name)

    assert f"watchword: The table cannot be read: {why}.\n" == ran.err


def test_a_bad_row_keeps_all_out_unless_it_is_skipped(command: Command) -> None:
    table = f"subject,secret\nann,{B32}\nbob,018901890189\n{'x' * 257},{B32}\n"
    ran = command("totp", "import", "Shop", given=table)

    assert 2 == ran.code
    assert "row 3: This key holds a 0, 1, 8 or 9, which no key has." in ran.err
    assert "row 4: " in ran.err
    assert "0189" not in ran.out + ran.err
    assert "nothing was imported" in ran.err
    skipped = command("totp", "import", "Shop", "--skip-bad", "--json", given=table)
    assert (0, 1, [3, 4]) == (
        skipped.code,
        skipped.document["imported"],
        [row["row"] for row in skipped.document["bad"]],
    )


def test_a_sixth_authenticator_of_one_subject_is_a_bad_row(command: Command) -> None:
    keys = [f"{number:040x}" for number in range(1, 7)]
    table = json.dumps([{"user": "ann", "key": key} for key in keys])
    ran = command("totp", "import", "Shop", "--skip-bad", "--json", given=table)

    assert 5 == ran.document["imported"]
    assert [{"row": 6, "reason": "more than 5 of one subject"}] == ran.document["bad"]


def test_a_code_that_was_used_before_the_move_is_used(command: Command) -> None:
    step = step_at(SystemClock().now()) + 1
    command("totp", "import", "Shop", given=json.dumps([{"user": "ann", "secret": B32, "last_t": step}]))

    with pytest.raises(AlreadyUsedError):
        check("ann")


@pytest.mark.parametrize("table", ["", "hello\n", "subject,secret\n"])
def test_nothing_to_import_is_said(command: Command, table: str) -> None:
    assert 2 == command("totp", "import", "Shop", given=table).code


def test_an_app_that_is_not_there_is_refused(command: Command) -> None:
    ran = command("totp", "import", "Nobody", given=f"subject,secret\nann,{B32}\n")

    assert 1 == ran.code
