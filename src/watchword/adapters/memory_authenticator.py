"""Authenticators in memory (``ports.AuthenticatorStore``): the same steps as everywhere, over dictionaries.

See ``memory.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchword.adapters import authenticator_steps as steps
from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Compare, Judged, Match
from watchword.core.instant import Instant
from watchword.core.limit import GuessLimits
from watchword.ports_authenticator import Bound, Burnt, Resealed


class MemoryAuthenticatorRows:
    """Rows in dictionaries (``authenticator_steps.AuthenticatorRows``)."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Authenticator] = {}
        self.hashes: dict[bytes, dict[bytes, Instant | None]] = {}

    def get(self, authenticator: bytes) -> Authenticator | None:
        return self.rows.get(authenticator)

    def of(self, subject: bytes) -> Sequence[Authenticator]:
        return sorted((row for row in self.rows.values() if row.subject == subject), key=lambda row: row.id)

    def at_link(self, secret: bytes) -> Authenticator | None:
        return next((row for row in self.rows.values() if row.link == secret), None)

    def add(self, row: Authenticator) -> None:
        self.rows[row.id] = row

    def change(self, row: Authenticator) -> None:
        self.rows[row.id] = row

    def accept(self, row: Authenticator) -> None:
        self.rows[row.id] = row

    def remove(self, authenticator: bytes) -> None:
        del self.rows[authenticator]

    def key_numbers(self) -> Sequence[int]:
        return sorted({row.key_number for row in self.rows.values()})

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Authenticator]:
        rows = sorted(self.rows.values(), key=lambda row: row.id)
        return [row for row in rows if row.key_number == key_number and row.id > after][:most]

    def lapsed(self, before: Instant, most: int) -> Sequence[bytes]:
        rows = self.rows.values()
        return [row.id for row in rows if row.expires_at is not None and row.expires_at <= before][:most]

    def codes(self, subject: bytes) -> dict[bytes, Instant | None]:
        return self.hashes.get(subject, {})

    def set_codes(self, subject: bytes, codes: Sequence[bytes]) -> None:
        self.hashes[subject] = dict.fromkeys(codes)

    def use_code(self, subject: bytes, code: bytes, now: Instant) -> None:
        self.hashes[subject][code] = now


class MemoryAuthenticators:
    """The store of authenticators. Each verb runs without waiting, so it is atomic as it stands."""

    def __init__(self, tables: steps.Tables) -> None:
        self._tables = tables

    async def add(self, authenticator: Authenticator) -> None:
        steps.add(self._tables, authenticator)

    async def add_active(self, authenticators: Sequence[Authenticator]) -> Sequence[bool]:
        return steps.add_active(self._tables, authenticators)

    async def find(self, app: bytes, authenticator: bytes) -> Authenticator:
        return steps.known(self._tables.authenticators, app, authenticator)

    async def of_subject(self, subject: bytes) -> Sequence[Authenticator]:
        return self._tables.authenticators.of(subject)

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
        return steps.confirm(self._tables, app, authenticator, match, codes, notice, now)

    async def look(self, authenticator: bytes) -> tuple[Authenticator, App]:
        return steps.look(self._tables, authenticator)

    async def prove(
        self, app: bytes, authenticator: bytes, *, match: Match | None, codes: Sequence[bytes], now: Instant
    ) -> Bound:
        return steps.prove(self._tables, app, authenticator, match, codes, now)

    async def collect(
        self, app: bytes, authenticator: bytes, *, subject: bytes, challenge: bytes, notice: bytes, now: Instant
    ) -> Bound:
        return steps.collect(self._tables, app, authenticator, subject, challenge, notice, now)

    async def check(
        self, subject: bytes, *, compare: Compare, lane: int, limits: GuessLimits, notice: bytes, now: Instant
    ) -> Judged:
        return steps.check(self._tables, subject, compare, lane, limits, notice, now)

    async def rename(self, app: bytes, resealed: Resealed) -> bool:
        return steps.rename(self._tables, app, resealed)

    async def revoke(self, app: bytes, authenticator: bytes, *, notice: bytes, now: Instant) -> Authenticator:
        return steps.revoke(self._tables, app, authenticator, notice, now)

    async def set_codes(self, subject: bytes, codes: Sequence[bytes], *, notice: bytes, now: Instant) -> None:
        steps.set_codes(self._tables, subject, codes, notice, now)

    async def burn_code(self, subject: bytes, code: bytes, *, notice: bytes, now: Instant) -> Burnt:
        return steps.burn_code(self._tables, subject, code, notice, now)

    async def codes_left(self, subject: bytes) -> int:
        return steps.left(self._tables.authenticators, subject)

    async def key_numbers(self) -> Sequence[int]:
        return self._tables.authenticators.key_numbers()

    async def sealed_under(self, key_number: int, *, after: bytes, most: int) -> Sequence[Authenticator]:
        return self._tables.authenticators.sealed_under(key_number, after, most)

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        return steps.reseal(self._tables, rows)

    async def purge(self, *, now: Instant, step: int) -> int:
        return steps.purge(self._tables, now, step)
