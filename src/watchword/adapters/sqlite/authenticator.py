"""Authenticators in SQLite (``ports_authenticator.AuthenticatorStore``): rows, and hashes of recovery codes.

Not handled here: what a step does (``adapters/authenticator_steps.py``), how a batch gets to disk (``writer.py``).

Reads see what was committed; whatever they say is decided again by the step that accepts something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from watchword.adapters import authenticator_steps as steps
from watchword.adapters.sqlite.database import our_words
from watchword.core.app import App
from watchword.core.authenticator import REMEMBERED, Authenticator, Compare, Judged, Match
from watchword.core.instant import Instant
from watchword.core.limit import GuessLimits
from watchword.ports_authenticator import Bound, Burnt, Resealed

if TYPE_CHECKING:
    from watchword.adapters.sqlite.tables import SqliteTables

_FIELDS = Authenticator.__struct_fields__  # the columns, in this order
_COLUMNS = ", ".join(_FIELDS)
_SELECT = f"SELECT {_COLUMNS} FROM authenticators"  # noqa: S608 - names of our own fields
_GET = f"{_SELECT} WHERE id = ?"
_ACCEPT = "UPDATE authenticators SET used_at = ?, last_step = ?, drift = ?, lean = ? WHERE id = ?"
_AT_LINK = f"{_SELECT} WHERE link = ?"
_OF = f"{_SELECT} WHERE subject = ? ORDER BY id"
_UNDER = f"{_SELECT} WHERE key_number = ? AND id > ? ORDER BY id LIMIT ?"
_ADD = f"INSERT INTO authenticators ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608
_CHANGE = f"UPDATE authenticators SET {', '.join(f'{name} = ?' for name in _FIELDS[1:])} WHERE id = ?"  # noqa: S608
_LAPSED = "SELECT id FROM authenticators WHERE expires_at <= ? LIMIT ?"
_CODES = "SELECT hash, used_at FROM recovery_codes WHERE subject = ?"


class SqliteAuthenticatorRows:
    """Reads and writes rows over a cursor (``authenticator_steps.AuthenticatorRows``)."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._execute: Callable[..., Any] = cursor.execute  # rows of any types: whoever reads them knows
        self._many = cursor.executemany

    def get(self, authenticator: bytes) -> Authenticator | None:
        row = self._execute(_GET, (authenticator,)).get
        return None if row is None else Authenticator(*row)

    def of(self, subject: bytes) -> Sequence[Authenticator]:
        return [Authenticator(*row) for row in self._execute(_OF, (subject,))]

    def at_link(self, secret: bytes) -> Authenticator | None:
        row = self._execute(_AT_LINK, (secret,)).get
        return None if row is None else Authenticator(*row)

    def add(self, row: Authenticator) -> None:
        self._execute(_ADD, msgspec.structs.astuple(row))

    def change(self, row: Authenticator) -> None:
        self._execute(_CHANGE, (*msgspec.structs.astuple(row)[1:], row.id))

    def accept(self, row: Authenticator) -> None:
        # The columns of no index: writing the others, unchanged, would write their indexes anew.
        self._execute(_ACCEPT, (row.used_at, row.last_step, row.drift, row.lean, row.id))

    def remove(self, authenticator: bytes) -> None:
        self._execute("DELETE FROM authenticators WHERE id = ?", (authenticator,))

    def key_numbers(self) -> Sequence[int]:
        numbers: list[int] = []
        found: int | None = 0
        # A seek in the index for each key; DISTINCT would walk all of it.
        while found is not None:
            query = "SELECT min(key_number) FROM authenticators WHERE key_number > ?"
            found = self._execute(query, (found,)).get
            numbers += [] if found is None else [found]
        return numbers

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Authenticator]:
        return [Authenticator(*row) for row in self._execute(_UNDER, (key_number, after, most))]

    def lapsed(self, before: Instant, most: int) -> Sequence[bytes]:
        return [row[0] for row in self._execute(_LAPSED, (before, most))]

    def codes(self, subject: bytes) -> dict[bytes, Instant | None]:
        return dict(self._execute(_CODES, (subject,)).fetchall())

    def set_codes(self, subject: bytes, codes: Sequence[bytes]) -> None:
        self._execute("DELETE FROM recovery_codes WHERE subject = ?", (subject,))
        self._many("INSERT INTO recovery_codes (subject, hash) VALUES (?, ?)", [(subject, code) for code in codes])

    def use_code(self, subject: bytes, code: bytes, now: Instant) -> None:
        self._execute("UPDATE recovery_codes SET used_at = ? WHERE subject = ? AND hash = ?", (now, subject, code))


class SqliteAuthenticators:
    """The store of authenticators. ``submit`` queues a step for the next batch, ``reader`` reads what is committed."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], reader: Callable[[], SqliteTables]) -> None:
        self._submit = submit
        self._reader = reader

    async def add(self, authenticator: Authenticator) -> None:
        await self._submit(steps.add, authenticator)

    async def add_active(self, authenticators: Sequence[Authenticator]) -> Sequence[bool]:
        added: Sequence[bool] = await self._submit(steps.add_active, authenticators)
        return added

    async def find(self, app: bytes, authenticator: bytes) -> Authenticator:
        with our_words():
            return steps.known(self._reader().authenticators, app, authenticator)

    async def of_subject(self, subject: bytes) -> Sequence[Authenticator]:
        with our_words():
            return self._reader().authenticators.of(subject)

    async def confirm(
        self,
        app: bytes,
        authenticator: bytes,
        *,
        match: Match | None,
        codes: Sequence[bytes],
        notice: bytes,
        now: Instant,
    ) -> Bound:
        bound: Bound = await self._submit(steps.confirm, app, authenticator, match, codes, notice, now)
        return bound

    async def look(self, authenticator: bytes) -> tuple[Authenticator, App]:
        with our_words():
            return steps.look(self._reader(), authenticator)

    async def prove(
        self, app: bytes, authenticator: bytes, *, match: Match | None, codes: Sequence[bytes], now: Instant
    ) -> Bound:
        bound: Bound = await self._submit(steps.prove, app, authenticator, match, codes, now)
        return bound

    async def collect(
        self, app: bytes, authenticator: bytes, *, subject: bytes, challenge: bytes, notice: bytes, now: Instant
    ) -> Bound:
        bound: Bound = await self._submit(steps.collect, app, authenticator, subject, challenge, notice, now)
        return bound

    async def check(
        self, subject: bytes, *, compare: Compare, lane: int, limits: GuessLimits, notice: bytes, now: Instant
    ) -> Judged:
        judged: Judged = await self._submit(steps.check, subject, compare, lane, limits, notice, now)
        return judged

    async def rename(self, app: bytes, resealed: Resealed) -> bool:
        renamed: bool = await self._submit(steps.rename, app, resealed)
        return renamed

    async def revoke(self, app: bytes, authenticator: bytes, *, notice: bytes, now: Instant) -> Authenticator:
        revoked: Authenticator = await self._submit(steps.revoke, app, authenticator, notice, now)
        return revoked

    async def set_codes(self, subject: bytes, codes: Sequence[bytes], *, notice: bytes, now: Instant) -> None:
        await self._submit(steps.set_codes, subject, codes, notice, now)

    async def burn_code(self, subject: bytes, code: bytes, *, notice: bytes, now: Instant) -> Burnt:
        burnt: Burnt = await self._submit(steps.burn_code, subject, code, notice, now)
        return burnt

    async def codes_left(self, subject: bytes) -> int:
        with our_words():
            return steps.left(self._reader().authenticators, subject)

    async def key_numbers(self) -> Sequence[int]:
        with our_words():
            return self._reader().authenticators.key_numbers()

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Authenticator]:
        with our_words():
            return self._reader().authenticators.sealed_under(key_number, after, most)

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        written: int = await self._submit(steps.reseal, rows)
        return written

    async def purge(self, *, now: Instant, step: int) -> int:
        # Nearly always there is nothing, and that is found out without the write lock.
        with our_words():
            if not self._reader().authenticators.lapsed(now - REMEMBERED, 1):
                return 0
        purged: int = await self._submit(steps.purge, now, step)
        return purged
