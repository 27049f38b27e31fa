"""Recovery codes: a new set, and using one up.

Not handled here: how a code is written and read (``core/recovery.py``), atomicity (the store).

Rules: a set is shown once, in the answer that made it, and replaces the one before; using one up counts in no budget
of authenticators and is refused by none, so that whoever is being attacked can still get in.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from watchword.core import ids, recovery
from watchword.core.app import App
from watchword.errors import AlreadyUsedError, MismatchError
from watchword.flows.authenticator_seal import subject_key
from watchword.flows.keys import Keys
from watchword.flows.notice import draw_notice
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_authenticator import AuthenticatorStore


class CodeSet(msgspec.Struct, frozen=True):
    """A fresh set, in this one answer."""

    subject: str
    codes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"CodeSet({len(self.codes)})"


class RecoveryCodes:
    """The flow. ``wake`` tells the courier of notices of this process about news."""

    def __init__(
        self,
        store: AuthenticatorStore,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._wake = wake

    async def renew(self, app: App, subject: str) -> CodeSet:
        """Make ten new codes; all earlier ones of the subject stop counting in the same step.

        Raises:
            InvalidInputError, StoreError.
        """
        who = subject_key(self._keys.ring, app, subject)
        codes = tuple(recovery.write(self._entropy.draw(recovery.CODE_BYTES)) for _ in range(recovery.CODES))
        hashes = [recovery.digest(app.id, who, recovery.read(code)) for code in codes]
        now = self._clock.now()
        await self._store.set_codes(who, hashes, notice=draw_notice(self._entropy, now), now=now)
        self._audit.record("recovery.renewed", app=ids.app_text(app.id), codes=len(codes))
        self._wake()
        return CodeSet(subject, codes)

    async def check(self, app: App, subject: str, typed: str) -> int:
        """Use up a code; returns how many are left. Exactly one caller gets it.

        Raises:
            InvalidInputError: the input cannot be a code.
            MismatchError: it is none of this subject's.
            AlreadyUsedError: it was, and was used before.
            StoreError.
        """
        who = subject_key(self._keys.ring, app, subject)
        code = recovery.digest(app.id, who, recovery.read(typed))
        now = self._clock.now()
        burnt = await self._store.burn_code(who, code, notice=draw_notice(self._entropy, now), now=now)
        if not burnt.accepted:
            error = AlreadyUsedError if burnt.known else MismatchError
            self._audit.record("recovery.refused", app=ids.app_text(app.id), reason=error.reason)
            raise error
        self._audit.record("recovery.used", app=ids.app_text(app.id), remaining=burnt.remaining)
        self._wake()
        return burnt.remaining

    async def remaining(self, app: App, subject: str) -> int:
        """How many codes of a subject are unused.

        Raises:
            InvalidInputError, StoreError.
        """
        return await self._store.codes_left(subject_key(self._keys.ring, app, subject))
