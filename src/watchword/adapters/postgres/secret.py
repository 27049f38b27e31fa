"""Secrets in PostgreSQL (``ports.SecretStore``): rows in one table, ciphertexts in another, so that rows stay small.

Not handled here: what a step does (``adapters/secret_steps.py``), how a batch gets there (``lane.py``).

Reads see what was committed; whatever they say is decided again by the step that spends something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from watchword.adapters import secret_steps as steps
from watchword.adapters.postgres.columns import Columns
from watchword.adapters.postgres.rows import SecretBody
from watchword.adapters.postgres.shelf import Asked, Shelf
from watchword.core.instant import Instant
from watchword.core.secret import Claimed, Secret, Toll, due_at
from watchword.ports_secret import Swept

_DUE = "SELECT id FROM secrets WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_HELD = "SELECT secret FROM secret_bodies WHERE secret = ANY($1::bytea[])"


class PostgresSecretRows:
    """Rows as a batch sees them (``secret_steps.SecretRows``)."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.rows = Shelf("secrets", Columns(Secret, {"due_at": due_at}), "id")
        self.bodies = Shelf("secret_bodies", Columns(SecretBody), "secret")
        self.shelves = (self.rows, self.bodies)  # a secret is locked before its ciphertext

    def get(self, secret: bytes) -> Secret | None:
        return self.rows.get(secret)

    def add(self, secret: Secret, jwe: bytes) -> None:
        self.rows.put(secret.id, secret)
        self.bodies.put(secret.id, SecretBody(secret.id, jwe))

    def change(self, secret: Secret) -> None:
        self.rows.put(secret.id, secret)

    def jwe(self, secret: bytes) -> bytes:
        body = self.bodies.get(secret)
        return b"" if body is None else body.jwe

    def erase(self, secret: bytes) -> None:
        self.bodies.drop(secret)

    def forget(self, secret: bytes) -> None:
        self.rows.drop(secret)

    def due(self, now: Instant, most: int) -> list[Secret]:
        found = self.rows.all(raw for (raw,) in self._asked.rows(_DUE, now, most))
        # Looked at again under its lock: what was due may have been changed, or have gone, in between.
        return [secret for secret in found if due_at(secret) <= now]

    def held(self, secrets: tuple[bytes, ...]) -> set[bytes]:
        """Which of these have ciphertext."""
        return {raw for (raw,) in self._asked.rows(_HELD, secrets)}


class PostgresSecrets:
    """The store of secrets. ``submit`` queues a step that writes, ``look`` one that reads what is committed."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], look: Callable[..., Awaitable[Any]]) -> None:
        self._submit = submit
        self._look = look

    async def add(self, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant) -> None:
        await self._submit(steps.add, secret, jwe, toll, now)

    async def open(self, secret: bytes, link: bytes) -> Secret:
        opened: Secret = await self._look(lambda tables: steps.known(tables.secrets, secret, link))
        return opened

    async def claim(
        self, secret: bytes, link: bytes, *, auth: bytes | None, claim: bytes, now: Instant
    ) -> tuple[Claimed, bytes]:
        claimed: tuple[Claimed, bytes] = await self._submit(steps.claim, secret, link, auth, claim, now)
        return claimed

    async def ack(self, secret: bytes, link: bytes, *, claim: bytes, outcome: str, now: Instant) -> Secret:
        acked: Secret = await self._submit(steps.ack, secret, link, claim, outcome, now)
        return acked

    async def status(self, secret: bytes, manage: bytes) -> Secret:
        managed: Secret = await self._look(lambda tables: steps.managed(tables.secrets, secret, manage))
        return managed

    async def burn(self, secret: bytes, manage: bytes, *, now: Instant) -> Secret:
        burnt: Secret = await self._submit(steps.burn, secret, manage, now)
        return burnt

    async def unlock(self, secret: bytes, manage: bytes) -> Secret:
        unlocked: Secret = await self._submit(steps.unlock, secret, manage)
        return unlocked

    async def arrive(self, secret: bytes, manage: bytes, number: int) -> Secret:
        arrived: Secret = await self._submit(steps.arrive, secret, manage, number)
        return arrived

    async def holder(self, secret: bytes, claim: bytes, *, now: Instant) -> Secret:
        holder: Secret = await self._look(lambda tables: steps.leased(tables.secrets, secret, claim, now))
        return holder

    async def stay(self, secret: bytes, claim: bytes, *, now: Instant) -> None:
        await self._submit(steps.stay, secret, claim, now)

    async def held(self, secrets: Sequence[bytes]) -> set[bytes]:
        held: set[bytes] = await self._look(lambda tables: tables.secrets.held(tuple(secrets)))
        return held

    async def purge(self, *, now: Instant, step: int) -> Swept:
        # Nearly always there is nothing, and that is found out without a lock.
        if not await self._look(lambda tables: tables.secrets.due(now, 1)):
            return Swept(0, ())
        swept: Swept = await self._submit(steps.purge, now, step)
        return swept
