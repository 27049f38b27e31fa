"""Keeping seeds and confirmed addresses under the current key: after a rotation every row is sealed anew.

Not handled here: rotating (``adapters/key_file.py``), purging (``flows/purge.py``).

Rules: any number of processes may do this at once, a row is written only where its old seal still stands; what a
check wrote meanwhile stays; a row that does not open is reported and left alone, for an operator to look at.
"""

from __future__ import annotations

import asyncio

import msgspec

from watchword.core import ids
from watchword.core.authenticator import Authenticator
from watchword.core.instant import MINUTE, SECOND, Span
from watchword.core.keyring import NONCE_SIZE
from watchword.core.notice import Address
from watchword.errors import KeyringError, TamperedError, UnavailableError
from watchword.flows import authenticator_seal as seal
from watchword.flows.keys import Keys
from watchword.flows.notice_seal import open_address, seal_contact
from watchword.ports import Audit, Entropy
from watchword.ports_authenticator import AuthenticatorStore, Resealed
from watchword.ports_notice import NoticeStore, ResealedAddress

EVERY: Span = MINUTE
STEP = 200  # rows at once: a few milliseconds of the writer's time


class Resealing:
    """Seals again what an older key has sealed, for ever or once."""

    def __init__(
        self, store: AuthenticatorStore, addresses: NoticeStore, keys: Keys, entropy: Entropy, audit: Audit
    ) -> None:
        self._store = store
        self._addresses = addresses
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
        for number in await self._addresses.key_numbers():
            if number != current:
                total += await self._addresses_under(number)
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

    async def _addresses_under(self, number: int) -> int:
        total, after = 0, b""
        while rows := await self._addresses.sealed_under(number, after=after, most=STEP):
            after = rows[-1].subject + rows[-1].address
            resealed = [new for row in rows if (new := self._address_again(row)) is not None]
            total += await self._addresses.reseal(resealed)
            await asyncio.sleep(0)
        return total

    def _address_again(self, row: Address) -> ResealedAddress | None:
        ring = self._keys.ring
        try:
            address = open_address(ring, row)
        except (TamperedError, KeyringError) as error:
            self._audit.record("address.tampered", app=ids.app_text(row.app), reason=type(error).code)
            return None
        sealed = seal_contact(ring, row.app, row.subject, address, self._entropy.draw(NONCE_SIZE))
        return ResealedAddress(row.sealed, msgspec.structs.replace(row, sealed=sealed, key_number=ring.current))

    def _again(self, row: Authenticator) -> Resealed | None:
        ring = self._keys.ring
        try:
            key, names = seal.open_key(ring, row), seal.open_names(ring, row)
        except (TamperedError, KeyringError) as error:
            name, app = ids.to_text(ids.AUTHENTICATOR, row.id), ids.app_text(row.app)
            self._audit.record("authenticator.tampered", authenticator=name, app=app, reason=type(error).code)
            return None
        return Resealed(row.id, row.seed, seal.sealed(ring, row, key, names, self._entropy.draw(seal.SEALS)))
