"""Moving authenticators in: rows of another table become active authenticators, all of them or none.

Not handled here: reading the table (``core/authenticator_import.py``), atomicity (the store).

Rules: what is planned is what a dry run tells; a seed that the subject has already is left as it is, so that the same
import may run again; one step writes everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from watchword.core import authenticator as rules
from watchword.core import ids
from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Origin, Outcome
from watchword.core.authenticator_import import Bad, Found
from watchword.errors import InvalidInputError
from watchword.flows import authenticator_seal as seal
from watchword.flows.authenticator_seal import Names
from watchword.flows.keys import Keys
from watchword.ports import Clock, Entropy
from watchword.ports_authenticator import AuthenticatorStore

TOO_MANY = f"more than {rules.MOST_ACTIVE} of one subject"
UNPRINTABLE = "a subject or label that is too long, or holds what nobody can read"


class Plan(NamedTuple):
    """What an import would write, how many rows are there already, and which cannot be used."""

    rows: Sequence[Authenticator]
    known: int
    bad: Sequence[Bad]


class AuthenticatorImport:
    """The flow."""

    def __init__(self, store: AuthenticatorStore, keys: Keys, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy

    async def plan(self, app: App, table: Iterable[Found | Bad]) -> Plan:
        """Work out what an import would do. Writes nothing.

        Raises:
            StoreError.
        """
        standing: dict[bytes, list[Authenticator]] = defaultdict(list)
        new: list[Authenticator] = []
        bad: list[Bad] = []
        known = 0
        for found in table:
            row = found if isinstance(found, Bad) else self._row(app, found)
            if isinstance(row, Bad):
                bad.append(row)
                continue
            if row.subject not in standing:
                standing[row.subject] += await self._store.of_subject(row.subject)
            refused = rules.may_bind(row, standing[row.subject])
            if refused is Outcome.FULL:
                bad.append(Bad(found.number, TOO_MANY))
            elif refused is Outcome.BOUND:
                known += 1
            else:
                standing[row.subject].append(row)
                new.append(row)
        return Plan(new, known, bad)

    async def carry_out(self, plan: Plan) -> int:
        """Write what was planned, in one step; returns how many rows were. What came meanwhile is left as it is.

        Raises:
            ConflictError: a subject got too many meanwhile; nothing was written.
            StoreError.
        """
        return sum(await self._store.add_active(plan.rows)) if plan.rows else 0

    def _row(self, app: App, found: Found) -> Authenticator | Bad:
        ring, now = self._keys.ring, self._clock.now()
        try:
            subject = seal.subject_key(ring, app, found.subject)
            names = Names(found.subject, seal.read_label(found.label))
        except InvalidInputError:
            return Bad(found.number, UNPRINTABLE)
        random = self._entropy.draw(ids.AUTHENTICATOR_RANDOM + seal.SEALS)
        row = Authenticator(
            id=ids.authenticator_id(now, random[: ids.AUTHENTICATOR_RANDOM]),
            app=app.id,
            subject=subject,
            seed=b"",
            names=b"",
            fingerprint=seal.fingerprint(ring, subject, found.key.secret),
            key_number=0,
            origin=Origin.IMPORTED.value,
            created_at=now,
            expires_at=None,
            confirmed_at=now,
            last_step=found.last_step,
        )
        return seal.sealed(ring, row, found.key, names, random[ids.AUTHENTICATOR_RANDOM :])
