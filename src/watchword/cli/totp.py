"""``watchword totp import``: authenticators out of another table, directly on the store.

Not handled here: reading the table (``core/authenticator_import.py``), what is written of it
(``flows/authenticator_import.py``).

Rules:

* the table comes from a file or standard input, never from the command line, because it holds seeds;
* with a row that cannot be used nothing is written, unless ``--skip-bad`` says so;
* what is told names rows by their numbers, and nothing of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchword.adapters import key_file
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.bootstrap import opened_store
from watchword.cli import console, progress
from watchword.cli.app import Unheard
from watchword.core.authenticator_import import Bad, Found, read_table
from watchword.core.otpauth_words import PROBLEMS
from watchword.errors import InvalidInputError
from watchword.flows.app import Apps
from watchword.flows.authenticator_import import AuthenticatorImport, Plan
from watchword.flows.keys import Keys
from watchword.settings import Settings

MOST_BYTES = 64 << 20
MOST_TOLD = 20  # bad rows that a person is shown; --json lists all


def import_table(
    settings: Settings, name: str, file: Path | None, *, dry_run: bool, skip_bad: bool, as_json: bool
) -> None:
    """Import a table for an app."""
    text = _read(file)
    table = list(read_table(text))
    if not table:
        raise InvalidInputError("There is nothing in it to import.", field="file")

    async def run() -> tuple[Plan, int]:
        async with opened_store(settings, must_exist=True) as store:
            clock, entropy = SystemClock(), SystemEntropy()
            app = await Apps(store, clock, entropy, Unheard()).named(name)
            keys = Keys(lambda: key_file.load(settings.storage.key_file), clock)
            flow = AuthenticatorImport(store.authenticators, keys, clock, entropy)
            plan = await flow.plan(app, _shown(table, len(text)))
            stays = dry_run or (bool(plan.bad) and not skip_bad)
            return plan, 0 if stays else await flow.carry_out(plan)

    plan, written = asyncio.run(run())
    good = 0 if plan.bad and not skip_bad else len(plan.rows)
    _tell(plan, good, written, dry_run=dry_run, as_json=as_json)
    if plan.bad and not skip_bad:
        rows = "1 row" if len(plan.bad) == 1 else f"{len(plan.bad)} rows"
        did = "would be" if dry_run else "was"
        detail = f"{rows} cannot be used, so nothing {did} imported: mend them, or say --skip-bad."
        raise InvalidInputError(detail, field="file")


def _read(file: Path | None) -> str:
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1) if file is None else file.read_bytes()
        if len(raw) > MOST_BYTES:
            raise InvalidInputError(f"A table has at most {MOST_BYTES >> 20} MiB.", field="file")
        return raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The table cannot be read: {console.trouble(error)}.", field="file") from None


def _shown(table: Sequence[Found | Bad], size: int) -> Iterator[Found | Bad]:
    """The rows, with how far they are at a terminal."""
    share = max(1, size // len(table))
    pieces = progress.shown((bytes(share) for _ in table), share * len(table), "Sealing")
    for row, _ in zip(table, pieces, strict=True):
        yield row


def _tell(plan: Plan, good: int, written: int, *, dry_run: bool, as_json: bool) -> None:
    document = {
        "imported": written,
        "would_import": good,
        "known": plan.known,
        "bad": [{"row": row.number, "reason": row.reason} for row in plan.bad],
        "dry_run": dry_run,
    }
    if not as_json:
        for row in plan.bad[:MOST_TOLD]:
            console.say(f"row {row.number}: {PROBLEMS.get(row.reason, row.reason)}")  # a sentence where there is one
        if len(plan.bad) > MOST_TOLD:
            console.say(f"and {len(plan.bad) - MOST_TOLD} more; --json lists all")
    did = f"would import {good}" if dry_run else f"imported {written}"
    console.result(f"{did}, there already {plan.known}, cannot be used {len(plan.bad)}", document, as_json=as_json)
