"""The store in memory: for tests and for trying out. Shipped, and held to the same contract as the others.

Not for production: everything is gone with the process, and there is one process. Steps run one after the other
on the event loop's thread and never wait inside, so each is atomic as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from watchword.adapters import app_steps, device_steps, guess_steps, limit_steps, steps
from watchword.adapters.guard_rows import State, fresh, idle_at
from watchword.adapters.memory_authenticator import MemoryAuthenticatorRows, MemoryAuthenticators
from watchword.adapters.memory_handover import MemoryHandovers
from watchword.adapters.memory_notice import MemoryNoticeRows, MemoryNotices
from watchword.adapters.memory_secret import MemorySecretRows, MemorySecrets
from watchword.core import ids
from watchword.core.app import ApiKey, App
from watchword.core.delivery import Delivery, DeliveryStatus, Due, Report, Settlement
from watchword.core.guard import Joint, JointKeys, Plan, apart
from watchword.core.instant import Instant, Span
from watchword.core.limit import FRESH, UNTRIED, Arrivals, Charge, Guesses, GuessLimits, is_idle
from watchword.core.verification import Expected, Judgement, Outcome, Verification
from watchword.errors import UnknownError
from watchword.ports import Added, Facts, Idempotency
from watchword.ports_limit import BucketKeys, Buckets


class MemoryGuardRows:
    """The guard's rows in a dictionary (``guard_rows.GuardRows``), each with when it may be purged."""

    def __init__(self) -> None:
        self.rows: dict[bytes, tuple[State, Instant]] = {}

    def get(self, keys: Sequence[bytes]) -> list[Any]:
        return [self.rows[key][0] if key in self.rows else fresh(key) for key in keys]

    def look(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        return {key: self.rows[key][0] for key in keys if key in self.rows}

    def put(self, rows: Mapping[bytes, State], now: Instant) -> None:
        self.rows.update((key, (state, idle_at(state, now))) for key, state in rows.items())

    def joint(self, keys: JointKeys) -> Joint:
        return Joint(*self.get(keys))

    def put_joint(self, keys: JointKeys, joint: Joint, now: Instant) -> None:
        self.put(dict(zip(keys, apart(joint), strict=True)), now)


class MemoryTables:
    """Rows in dictionaries (``steps.Tables``)."""

    def __init__(self) -> None:
        self.verifications: dict[bytes, Verification] = {}
        self.replays: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
        self.send_buckets: dict[bytes, Arrivals] = {}
        self.guess_buckets: dict[bytes, Guesses] = {}
        self.guard = MemoryGuardRows()
        self.outbox: dict[bytes, dict[int, Delivery]] = {}
        self.apps: dict[bytes, App] = {}
        self.keys: dict[bytes, ApiKey] = {}
        self.secrets = MemorySecretRows()
        self.authenticators = MemoryAuthenticatorRows()
        self.notices = MemoryNoticeRows(lambda app: self.apps[app].name)

    def verification(self, app: bytes, verification: bytes) -> Verification | None:
        found = self.verifications.get(verification)
        return found if found is not None and found.app == app else None

    def add_verification(self, verification: Verification, idempotency: Idempotency | None) -> None:
        self.verifications[verification.id] = verification
        if idempotency is not None:
            self.replays[verification.app, idempotency.key] = (verification.id, idempotency.request)

    def change_verification(self, verification: Verification) -> None:
        self.verifications[verification.id] = verification

    def replay(self, app: bytes, key: bytes) -> tuple[Verification, bytes] | None:
        found = self.replays.get((app, key))
        return found and (self.verifications[found[0]], found[1])

    def forget_replay(self, app: bytes, key: bytes) -> None:
        self.replays.pop((app, key), None)

    def arrivals(self, key: bytes) -> Arrivals:
        return self.send_buckets.get(key, FRESH)

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        self.send_buckets[key] = arrivals

    def guesses(self, key: bytes) -> Guesses:
        return self.guess_buckets.get(key, UNTRIED)

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        self.guess_buckets[key] = guesses

    def deliveries(self, verification: bytes) -> Sequence[Delivery]:
        return [delivery for _, delivery in sorted(self.outbox.get(verification, {}).items())]

    def put_delivery(self, delivery: Delivery) -> None:
        self.outbox.setdefault(delivery.verification, {})[delivery.number] = delivery

    def queue_delivery(self, verification: bytes, number: int, now: Instant) -> None:
        self.put_delivery(Delivery(verification, number, now, now))

    def due(self, now: Instant, most: int) -> Sequence[tuple[Delivery, Verification, str]]:
        waiting = sorted(
            (delivery.due_at, delivery.verification, delivery.number)
            for entries in self.outbox.values()
            for delivery in entries.values()
            if delivery.due_at is not None and delivery.due_at <= now
        )
        found = []
        for _, raw, number in waiting[:most]:
            verification = self.verifications[raw]
            found.append((self.outbox[raw][number], verification, self.apps[verification.app].name))
        return found

    def add_app(self, app: App) -> bool:
        return self.change_app(app)

    def change_app(self, app: App) -> bool:
        if any(other.name == app.name and other.id != app.id for other in self.apps.values()):
            return False
        self.apps[app.id] = app
        return True

    def app(self, app: bytes) -> App | None:
        return self.apps.get(app)

    def add_key(self, key: ApiKey) -> None:
        self.keys[key.hash] = key

    def remove_keys(self, app: bytes, hint: str | None) -> int:
        gone = [key.hash for key in self.keys.values() if key.app == app and hint in {None, key.hint}]
        for key_hash in gone:
            del self.keys[key_hash]
        return len(gone)


class MemoryStore:
    """All ports of a store (``ports.Store``)."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.secrets = MemorySecrets(self.tables, self.tables.secrets)
        self.authenticators = MemoryAuthenticators(self.tables)
        self.handovers = MemoryHandovers(self.tables)
        self.notices = MemoryNotices(self.tables, self.tables.notices)

    async def open(self) -> None:
        """There is nothing to open."""

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def ping(self) -> None:
        """Memory answers."""

    def facts(self) -> Facts:
        """There are no queues to speak of."""
        return {"memory": {}}

    async def add(
        self,
        verification: Verification,
        *,
        charges: Sequence[Charge],
        guesses: GuessLimits,
        idempotency: Idempotency | None,
        now: Instant,
        plan: Plan | None = None,
    ) -> Added:
        return steps.add(self.tables, verification, charges, guesses, idempotency, now, plan)

    async def find(self, app: bytes, verification: bytes) -> tuple[Verification, Sequence[Delivery]]:
        found = self.tables.verification(app, verification)
        if found is None:
            raise UnknownError
        return found, self.tables.deliveries(verification)

    async def look(self, verification: bytes) -> tuple[Verification, App]:
        found = self.tables.verifications.get(verification)
        if found is None:
            raise UnknownError
        return found, self.tables.apps[found.app]

    async def attempt(
        self,
        app: bytes,
        verification: bytes,
        *,
        digits: int,
        matches: bool,
        expected: Expected,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        return steps.attempt(self.tables, app, verification, digits, matches, expected, guesses, now)

    async def confirm_code(
        self,
        app: bytes,
        verification: bytes,
        *,
        digits: int,
        matches: bool,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        return steps.confirm_code(self.tables, app, verification, digits, matches, guesses, now)

    async def recognise(self, app: bytes, verification: bytes) -> Verification:
        return device_steps.recognise(self.tables, app, verification)

    async def confirm_word(
        self, app: bytes, verification: bytes, *, matches: bool, now: Instant
    ) -> tuple[Outcome, Verification]:
        return steps.confirm_word(self.tables, app, verification, matches, now)

    async def exchange(
        self,
        app: bytes,
        verification: bytes,
        *,
        challenge: bytes,
        expected: Expected,
        handed_over: bool,
        guesses: GuessLimits,
        now: Instant,
    ) -> Judgement:
        return steps.exchange(self.tables, app, verification, challenge, expected, handed_over, guesses, now)

    async def resend(
        self,
        app: bytes,
        verification: bytes,
        *,
        charges: Sequence[Charge],
        schedule: tuple[Span, ...],
        guesses: GuessLimits,
        now: Instant,
        plan: Plan | None = None,
    ) -> Added:
        return steps.resend(self.tables, app, verification, charges, schedule, guesses, now, plan)

    async def cancel(self, app: bytes, verification: bytes, *, now: Instant) -> Verification:
        return steps.cancel(self.tables, app, verification, now)

    async def claim(self, *, now: Instant, lease: Span, most: int) -> Sequence[Due]:
        return steps.take_due(self.tables, now, lease, most)

    async def settle(self, due: Due, settlement: Settlement) -> None:
        steps.settle_due(self.tables, due, settlement)

    async def report(self, app: bytes, verification: bytes, number: int, report: Report, *, now: Instant) -> bool:
        return steps.report(self.tables, app, verification, number, report, now)

    async def next_due(self) -> Instant | None:
        return min((entry.due_at for entry in self._entries() if entry.due_at is not None), default=None)

    async def backlog(self, *, now: Instant) -> int:
        return sum(entry.due_at is not None and entry.due_at <= now for entry in self._entries())

    async def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        sent = sorted(
            (entry for entry in self._entries() if entry.status is DeliveryStatus.SENT),
            key=lambda entry: (entry.at, entry.verification, entry.number),
            reverse=True,
        )
        rows = [(self.tables.verifications[entry.verification], entry) for entry in sent]
        return [(row, self.tables.apps[row.app].name, entry) for row, entry in rows if not row.decoy][:most]

    async def buckets(self, keys: BucketKeys) -> Buckets:
        return limit_steps.buckets(self.tables, keys)

    async def empty(self, keys: BucketKeys, *, now: Instant) -> None:
        limit_steps.empty(self.tables, keys, now)

    async def guesses(self, key: bytes) -> Guesses:
        return self.tables.guesses(key)

    async def note_guess(self, key: bytes, *, wrong: bool, limits: GuessLimits, now: Instant) -> bool:
        return guess_steps.note_guess(self.tables, key, wrong, limits, now)

    async def app(self, app: bytes) -> App | None:
        return self.tables.app(app)

    async def add_app(self, app: App) -> None:
        app_steps.add_app(self.tables, app)

    async def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        keys = sorted(self.tables.keys.values(), key=lambda key: key.created_at)
        apps = sorted(self.tables.apps.values(), key=lambda app: app.id)
        return [(app, [key for key in keys if key.app == app.id]) for app in apps]

    async def update_app(self, app: App) -> None:
        app_steps.update_app(self.tables, app)

    async def add_key(self, key: ApiKey, *, replace: bool = False) -> None:
        app_steps.add_key(self.tables, key, replace)

    async def revoke_key(self, app: bytes, hint: str) -> int:
        return self.tables.remove_keys(app, hint)

    async def app_by_key(self, key_hash: bytes) -> App | None:
        key = self.tables.keys.get(key_hash)
        return None if key is None else self.tables.apps.get(key.app)

    async def purge(self, *, made_before: Instant, now: Instant, step: int) -> int:
        tables, oldest = self.tables, ids.oldest_possible(made_before)
        over = [raw for raw in tables.verifications if raw < oldest][:step]
        for raw in over:
            del tables.verifications[raw]
            tables.outbox.pop(raw, None)
        gone = set(over)
        tables.replays = {key: found for key, found in tables.replays.items() if found[0] not in gone}
        idle = [key for key, arrivals in tables.send_buckets.items() if max(arrivals) <= now][:step]
        for key in idle:
            del tables.send_buckets[key]
        quiet = [key for key, found in tables.guess_buckets.items() if is_idle(found, now)][:step]
        for key in quiet:
            del tables.guess_buckets[key]
        spent = [key for key, (_, idle_at) in tables.guard.rows.items() if idle_at <= now][:step]
        for key in spent:
            del tables.guard.rows[key]
        return len(over) + len(idle) + len(quiet) + len(spent)

    def _entries(self) -> list[Delivery]:
        return [entry for entries in self.tables.outbox.values() for entry in entries.values()]
