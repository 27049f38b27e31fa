"""Authenticators in PostgreSQL (``ports_authenticator.AuthenticatorStore``): rows, and hashes of recovery codes.

Not handled here: what a step does (``adapters/authenticator_steps.py``), how a batch gets there (``lane.py``).

Rules:

* what is decided is decided over all that a subject has, so a subject is locked by name, whether it has rows or not;
* a row is therefore read with its whole subject, and never changed without it;
* reads see what was committed; whatever they say is decided again by the step that accepts something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from watchword.adapters import authenticator_steps as steps
from watchword.adapters.postgres.columns import Columns
from watchword.adapters.postgres.rows import RecoveryCode
from watchword.adapters.postgres.shelf import Asked, Shelf
from watchword.core.app import App
from watchword.core.authenticator import REMEMBERED, Authenticator, Compare, Judged, Match
from watchword.core.instant import Instant
from watchword.core.limit import GuessLimits
from watchword.ports_authenticator import Bound, Burnt, Resealed

_UNDER = "SELECT id FROM authenticators WHERE key_number = $1 AND id > $2 ORDER BY id LIMIT $3"
_AT_LINK = "SELECT id FROM authenticators WHERE link = $1"
_LAPSED = "SELECT id FROM authenticators WHERE expires_at <= $1 LIMIT $2"
# A seek in the index for each key; DISTINCT would walk all of it.
_KEY_NUMBERS = (
    "WITH RECURSIVE found AS (SELECT min(key_number) AS number FROM authenticators UNION ALL "
    "SELECT (SELECT min(key_number) FROM authenticators WHERE key_number > found.number) FROM found "
    "WHERE found.number IS NOT NULL) SELECT number FROM found WHERE number IS NOT NULL ORDER BY number"
)


class PostgresAuthenticatorRows:
    """Rows as a batch sees them (``authenticator_steps.AuthenticatorRows``)."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.rows = Shelf("authenticators", Columns(Authenticator), "id", group="subject", guarded=b"subject")
        self.hashes = Shelf(
            "recovery_codes", Columns(RecoveryCode), "subject", "hash", group="subject", guarded=b"subject"
        )
        self.shelves = (self.rows, self.hashes)

    def get(self, authenticator: bytes) -> Authenticator | None:
        return self.rows.get(authenticator)

    def of(self, subject: bytes) -> Sequence[Authenticator]:
        return self.rows.of(subject)

    def at_link(self, secret: bytes) -> Authenticator | None:
        found = self._asked.rows(_AT_LINK, secret)
        return self.rows.get(found[0][0]) if found else None

    def add(self, row: Authenticator) -> None:
        self.rows.put(row.id, row)

    def change(self, row: Authenticator) -> None:
        self.rows.put(row.id, row)

    def accept(self, row: Authenticator) -> None:
        self.rows.put(row.id, row)

    def remove(self, authenticator: bytes) -> None:
        self.rows.drop(authenticator)

    def key_numbers(self) -> Sequence[int]:
        return [number for (number,) in self._asked.rows(_KEY_NUMBERS)]

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Authenticator]:
        return self.rows.all(raw for (raw,) in self._asked.rows(_UNDER, key_number, after, most))

    def lapsed(self, before: Instant, most: int) -> Sequence[bytes]:
        found = self.rows.all(raw for (raw,) in self._asked.rows(_LAPSED, before, most))
        # Looked at again under its lock: it may have been confirmed in between.
        return [row.id for row in found if row.expires_at is not None and row.expires_at <= before]

    def codes(self, subject: bytes) -> dict[bytes, Instant | None]:
        return {code.hash: code.used_at for code in self.hashes.of(subject)}

    def set_codes(self, subject: bytes, codes: Sequence[bytes]) -> None:
        for code in self.hashes.of(subject):
            self.hashes.drop((subject, code.hash))
        for code_hash in codes:
            self.hashes.put((subject, code_hash), RecoveryCode(subject, code_hash))

    def use_code(self, subject: bytes, code: bytes, now: Instant) -> None:
        self.hashes.put((subject, code), RecoveryCode(subject, code, now))


class PostgresAuthenticators:
    """The store of authenticators. ``submit`` queues a step that writes, ``look`` one that reads what is committed."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], look: Callable[..., Awaitable[Any]]) -> None:
        self._submit = submit
        self._look = look

    async def add(self, authenticator: Authenticator) -> None:
        await self._submit(steps.add, authenticator)

    async def add_active(self, authenticators: Sequence[Authenticator]) -> Sequence[bool]:
        added: Sequence[bool] = await self._submit(steps.add_active, authenticators)
        return added

    async def find(self, app: bytes, authenticator: bytes) -> Authenticator:
        found: Authenticator = await self._look(lambda tables: steps.known(tables.authenticators, app, authenticator))
        return found

    async def of_subject(self, subject: bytes) -> Sequence[Authenticator]:
        found: Sequence[Authenticator] = await self._look(lambda tables: tables.authenticators.of(subject))
        return found

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
        found: tuple[Authenticator, App] = await self._look(lambda tables: steps.look(tables, authenticator))
        return found

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
        left: int = await self._look(lambda tables: steps.left(tables.authenticators, subject))
        return left

    async def key_numbers(self) -> Sequence[int]:
        numbers: Sequence[int] = await self._look(lambda tables: tables.authenticators.key_numbers())
        return numbers

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Authenticator]:
        found: Sequence[Authenticator] = await self._look(
            lambda tables: tables.authenticators.sealed_under(key_number, after, most)
        )
        return found

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        written: int = await self._submit(steps.reseal, rows)
        return written

    async def purge(self, *, now: Instant, step: int) -> int:
        # Nearly always there is nothing, and that is found out without a lock.
        if not await self._look(lambda tables: tables.authenticators.lapsed(now - REMEMBERED, 1)):
            return 0
        purged: int = await self._submit(steps.purge, now, step)
        return purged
