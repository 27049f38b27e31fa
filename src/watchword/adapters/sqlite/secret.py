"""Secrets in SQLite (``ports.SecretStore``): rows in one table, ciphertexts in another, so that rows stay small.

Not handled here: what a step does (``adapters/secret_steps.py``), how a batch gets to disk (``writer.py``).

Reads see what was committed; whatever they say is decided again by the step that spends something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from watchword.adapters import secret_steps as steps
from watchword.adapters.sqlite.database import our_words
from watchword.core.instant import Instant
from watchword.core.secret import Claimed, Lease, Secret, Toll, due_at
from watchword.ports_secret import Swept

if TYPE_CHECKING:
    from watchword.adapters.sqlite.tables import SqliteTables

_FIELDS = Secret.__struct_fields__  # the columns, in this order
_COLUMNS = ", ".join(_FIELDS)
_ERASED, _HANDOVER = _FIELDS.index("erased"), _FIELDS.index("handover")
_SIZES, _LEASES = _FIELDS.index("sizes"), _FIELDS.index("leases")
_GET = f"SELECT {_COLUMNS} FROM secrets WHERE id = ?"  # noqa: S608 - names of our own fields
_DUE = f"SELECT {_COLUMNS} FROM secrets WHERE due_at <= ? ORDER BY due_at LIMIT ?"  # noqa: S608
_ADD = f"INSERT INTO secrets ({_COLUMNS}, due_at) VALUES ({', '.join('?' * (len(_FIELDS) + 1))})"  # noqa: S608
_CHANGE = f"UPDATE secrets SET {', '.join(f'{name} = ?' for name in _FIELDS[1:])}, due_at = ? WHERE id = ?"  # noqa: S608

_write = msgspec.msgpack.Encoder().encode
_read_sizes = msgspec.msgpack.Decoder(tuple[int, ...]).decode
_read_leases = msgspec.msgpack.Decoder(tuple[Lease, ...]).decode


class SqliteSecretRows:
    """Reads and writes rows over a cursor (``secret_steps.SecretRows``)."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._execute: Callable[..., Any] = cursor.execute  # rows of any types: whoever reads them knows

    def get(self, secret: bytes) -> Secret | None:
        row = self._execute(_GET, (secret,)).get
        return None if row is None else _secret(row)

    def add(self, secret: Secret, jwe: bytes) -> None:
        self._execute(_ADD, (*_row(secret), due_at(secret)))
        self._execute("INSERT INTO secret_bodies (secret, jwe) VALUES (?, ?)", (secret.id, jwe))

    def change(self, secret: Secret) -> None:
        self._execute(_CHANGE, (*_row(secret)[1:], due_at(secret), secret.id))

    def jwe(self, secret: bytes) -> bytes:
        found: bytes = self._execute("SELECT jwe FROM secret_bodies WHERE secret = ?", (secret,)).get
        return found

    def erase(self, secret: bytes) -> None:
        self._execute("DELETE FROM secret_bodies WHERE secret = ?", (secret,))

    def forget(self, secret: bytes) -> None:
        self._execute("DELETE FROM secrets WHERE id = ?", (secret,))

    def due(self, now: Instant, most: int) -> list[Secret]:
        return [_secret(row) for row in self._execute(_DUE, (now, most))]

    def is_held(self, secret: bytes) -> bool:
        """Whether there is ciphertext."""
        return self._execute("SELECT 1 FROM secret_bodies WHERE secret = ?", (secret,)).get is not None


def _row(secret: Secret) -> list[Any]:
    row: list[Any] = list(msgspec.structs.astuple(secret))
    row[_SIZES], row[_LEASES] = _write(secret.sizes), _write(secret.leases)
    return row


def _secret(row: Sequence[Any]) -> Secret:
    fields = [*row]
    fields[_SIZES], fields[_LEASES] = _read_sizes(fields[_SIZES]), _read_leases(fields[_LEASES])
    fields[_ERASED], fields[_HANDOVER] = bool(fields[_ERASED]), bool(fields[_HANDOVER])
    return Secret(*fields)


class SqliteSecrets:
    """The store of secrets. ``submit`` queues a step for the next batch, ``reader`` reads what is committed."""

    def __init__(self, submit: Callable[..., Awaitable[Any]], reader: Callable[[], SqliteTables]) -> None:
        self._submit = submit
        self._reader = reader

    async def add(self, secret: Secret, jwe: bytes, *, toll: Toll | None, now: Instant) -> None:
        await self._submit(steps.add, secret, jwe, toll, now)

    async def open(self, secret: bytes, link: bytes) -> Secret:
        with our_words():
            return steps.known(self._reader().secrets, secret, link)

    async def claim(
        self, secret: bytes, link: bytes, *, auth: bytes | None, claim: bytes, now: Instant
    ) -> tuple[Claimed, bytes]:
        claimed: tuple[Claimed, bytes] = await self._submit(steps.claim, secret, link, auth, claim, now)
        return claimed

    async def ack(self, secret: bytes, link: bytes, *, claim: bytes, outcome: str, now: Instant) -> Secret:
        acked: Secret = await self._submit(steps.ack, secret, link, claim, outcome, now)
        return acked

    async def status(self, secret: bytes, manage: bytes) -> Secret:
        with our_words():
            return steps.managed(self._reader().secrets, secret, manage)

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
        with our_words():
            return steps.leased(self._reader().secrets, secret, claim, now)

    async def stay(self, secret: bytes, claim: bytes, *, now: Instant) -> None:
        await self._submit(steps.stay, secret, claim, now)

    async def held(self, secrets: Sequence[bytes]) -> set[bytes]:
        with our_words():
            return {secret for secret in secrets if self._reader().secrets.is_held(secret)}

    async def purge(self, *, now: Instant, step: int) -> Swept:
        # Nearly always there is nothing, and that is found out without the write lock.
        with our_words():
            if not self._reader().secrets.due(now, 1):
                return Swept(0, ())
        swept: Swept = await self._submit(steps.purge, now, step)
        return swept
