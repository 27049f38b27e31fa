"""Keeping seeds under the current key: after a rotation every row is sealed anew, in the background.

Not handled here: rotating (``adapters/key_file.py``), purging (``flows/purge.py``).

Rules: any number of processes may do this at once, a row is written only where its old seal still stands; what a
check wrote meanwhile stays; a row that does not open is reported and left alone, for an operator to look at.
"""

from __future__ import annotations

import asyncio

from watchword.core import ids
from watchword.core.authenticator import Authenticator
from watchword.core.instant import MINUTE, SECOND, Span
from watchword.errors import KeyringError, TamperedError, UnavailableError
from watchword.flows import authenticator_seal as seal
from watchword.flows.keys import Keys
from watchword.ports import Audit, Entropy
from watchword.ports_authenticator import AuthenticatorStore, Resealed

EVERY: Span = MINUTE
STEP = 200  # rows at once: a few milliseconds of the writer's time


class Resealing:
    """Seals again what an older key has sealed, for ever or once."""

    def __init__(self, store: AuthenticatorStore, keys: Keys, entropy: Entropy, audit: Audit) -> None:
        self._store = store
        self._keys = keys
        self._entropy = entropy
        self._audit = audit

    async def run(self) -> None:
        """Look once a minute until cancelled. What fails is left alone until the next time."""
        while True:
            try:
                self._keys.reload()
                await self.once()
            except UnavailableError as error:
                self._audit.record("reseal.failed", detail=error.detail)
            await asyncio.sleep(EVERY / SECOND)

    async def once(self) -> int:
        """Seal again all there is under other keys than the current one; returns how many rows were."""
        total = 0
        current = self._keys.ring.current
        for number in await self._store.key_numbers():
            if number != current:
                total += await self._under(number)
        if total:
            self._audit.record("reseal.done", rows=total, key=current)
        return total

    async def _under(self, number: int) -> int:
        total, after = 0, b""
        while rows := await self._store.sealed_under(number, after=after, most=STEP):
            after = rows[-1].id
            resealed = [new for row in rows if (new := self._again(row)) is not None]
            total += await self._store.reseal(resealed)
            await asyncio.sleep(0)
        return total

    def _again(self, row: Authenticator) -> Resealed | None:
        ring = self._keys.ring
        try:
            key, names = seal.open_key(ring, row), seal.open_names(ring, row)
        except (TamperedError, KeyringError) as error:
            name, app = ids.to_text(ids.AUTHENTICATOR, row.id), ids.app_text(row.app)
            self._audit.record("authenticator.tampered", authenticator=name, app=app, reason=type(error).code)
            return None
        return Resealed(row.id, row.seed, seal.sealed(ring, row, key, names, self._entropy.draw(seal.SEALS)))
