"""Secrets in memory (``ports.SecretStore``): the same steps as everywhere, over dictionaries. See ``memory.py``."""

from __future__ import annotations

from collections.abc import Sequence

from watchword.adapters import secret_steps as steps
from watchword.core.instant import Instant
from watchword.core.secret import Claimed, Secret, Toll, due_at
from watchword.ports_secret import Swept


class MemorySecretRows:
    """Rows in dictionaries (``secret_steps.SecretRows``)."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Secret] = {}
        self.bodies: dict[bytes, bytes] = {}

    def get(self, secret: bytes) -> Secret | None:
        return self.rows.get(secret)

    def add(self, secret: Secret, jwe: bytes) -> None:
        self.rows[secret.id] = secret
        self.bodies[secret.id] = jwe

    def change(self, secret: Secret) -> None:
        self.rows[secret.id] = secret

    def jwe(self, secret: bytes) -> bytes:
        return self.bodies[secret]

    def erase(self, secret: bytes) -> None:
        self.bodies.pop(secret, None)

    def forget(self, secret: bytes) -> None:
        del self.rows[secret]

    def due(self, now: Instant, most: int) -> list[Secret]:
        return [secret for secret in self.rows.values() if due_at(secret) <= now][:most]


class MemorySecrets:
    """The store of secrets. Each verb runs without waiting, so it is atomic as it stands."""

    def __init__(self, tables: steps.Tables, rows: MemorySecretRows) -> None:
        self._tables = tables
        self._rows = rows

    async def add(self, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant) -> None:
        steps.add(self._tables, secret, jwe, toll, now)

    async def open(self, secret: bytes, link: bytes) -> Secret:
        return steps.known(self._rows, secret, link)

    async def claim(
        self, secret: bytes, link: bytes, *, auth: bytes | None, claim: bytes, now: Instant
    ) -> tuple[Claimed, bytes]:
        return steps.claim(self._tables, secret, link, auth, claim, now)

    async def ack(self, secret: bytes, link: bytes, *, claim: bytes, outcome: str, now: Instant) -> Secret:
        return steps.ack(self._tables, secret, link, claim, outcome, now)

    async def status(self, secret: bytes, manage: bytes) -> Secret:
        return steps.managed(self._rows, secret, manage)

    async def burn(self, secret: bytes, manage: bytes, *, now: Instant) -> Secret:
        return steps.burn(self._tables, secret, manage, now)

    async def unlock(self, secret: bytes, manage: bytes) -> Secret:
        return steps.unlock(self._tables, secret, manage)

    async def arrive(self, secret: bytes, manage: bytes, number: int) -> Secret:
        return steps.arrive(self._tables, secret, manage, number)

    async def holder(self, secret: bytes, claim: bytes, *, now: Instant) -> Secret:
        return steps.leased(self._rows, secret, claim, now)

    async def stay(self, secret: bytes, claim: bytes, *, now: Instant) -> None:
        steps.stay(self._tables, secret, claim, now)

    async def held(self, secrets: Sequence[bytes]) -> set[bytes]:
        return self._rows.bodies.keys() & set(secrets)

    async def purge(self, *, now: Instant, step: int) -> Swept:
        return steps.purge(self._tables, now, step)
