"""The rows of the PostgreSQL store, as a batch of a lane sees them (``steps.Tables``).

Not handled here: reading and writing them (``shelf.py``, ``lane.py``).

Rules: whatever is not read by its key or its group is asked for by name (``Asked``); rows that such a question finds
are read by their keys like any others, and locked, before a step may change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from watchword.adapters.guard_rows import GuardRow, HeldRows
from watchword.adapters.postgres.authenticator import PostgresAuthenticatorRows
from watchword.adapters.postgres.columns import Columns
from watchword.adapters.postgres.notice import PostgresNoticeRows
from watchword.adapters.postgres.rows import GuardState, GuessBucket, Replay, SendBucket
from watchword.adapters.postgres.secret import PostgresSecretRows
from watchword.adapters.postgres.shelf import Asked, Shelf
from watchword.core.app import ApiKey, App
from watchword.core.delivery import Delivery
from watchword.core.guard import Plan, joint_keys, keys_of
from watchword.core.instant import Instant
from watchword.core.limit import FRESH, UNTRIED, Arrivals, Guesses, idle_at
from watchword.core.verification import Verification, guess_key
from watchword.ports import Idempotency

# A verification is made with all of these, and none of them ever changes.
_MADE_WITH = (
    *("app", "channel", "purpose", "recipient", "address", "sealed", "locale", "digits"),
    *("max_attempts", "max_sends", "created_at", "decoy", "methods", "challenge", "action", "notice", "traits"),
    *("subject", "contact"),
)
_DUE = (
    "SELECT d.verification, d.number FROM deliveries d JOIN verifications v ON v.id = d.verification "
    "WHERE d.due_at <= $1 ORDER BY d.due_at, d.verification, d.number LIMIT $2 FOR UPDATE OF d, v SKIP LOCKED"
)
_RECENT = (
    "SELECT d.verification, d.number FROM deliveries d JOIN verifications v ON v.id = d.verification "
    "WHERE d.status = 'sent' AND NOT v.decoy ORDER BY d.at DESC, d.verification DESC, d.number DESC LIMIT $1"
)
_BACKLOG = "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE due_at <= $1 LIMIT $2) due"
_APPS = "SELECT id FROM apps ORDER BY id"
_APP_NAMED = "SELECT id FROM apps WHERE name = $1"
_APP_BY_KEY = "SELECT app FROM api_keys WHERE hash = $1"


def _idle_at(bucket: GuessBucket) -> Instant | None:
    return idle_at(Guesses(bucket.log, bucket.streak))


class PostgresTables:
    """Rows as a batch sees them."""

    def __init__(self) -> None:
        self.asked = Asked()
        self.replays = Shelf("replays", Columns(Replay), "key")
        self.verifications = Shelf("verifications", Columns(Verification), "id", fixed=_MADE_WITH)
        self.outbox = Shelf("deliveries", Columns(Delivery), "verification", "number", group="verification")
        self.authenticators = PostgresAuthenticatorRows(self.asked)
        self.guess_buckets = Shelf("guess_buckets", Columns(GuessBucket, {"idle_at": _idle_at}), "key")
        self.send_buckets = Shelf("send_buckets", Columns(SendBucket), "key")
        self.guard_states = Shelf("guard_rows", Columns(GuardState), "key")
        self.guard = HeldRows(self._guard_rows, self._put_guard_rows)
        self.secrets = PostgresSecretRows(self.asked)
        # An app is read by every claim of a courier, and replaced as a whole: nobody waits for it.
        self.tenants = Shelf("apps", Columns(App), "id", locked=False, fixed=("created_at",))
        self.notices = PostgresNoticeRows(self.asked, self.tenants)
        self.api_keys = Shelf("api_keys", Columns(ApiKey), "hash", group="app", guarded=b"app")
        # The order in which rows are locked, the same in every batch of every process.
        self.shelves: tuple[Shelf[Any], ...] = (
            *(self.replays, self.verifications, self.outbox, *self.authenticators.shelves),
            *self.notices.shelves,
            *(self.guess_buckets, self.send_buckets, self.guard_states),
            *(*self.secrets.shelves, self.tenants, self.api_keys),
        )
        # Their rows tell which rows of others follow.
        self.leading = (self.replays, self.verifications)
        self._looked_at = 0

    def begin(self) -> None:
        """Know nothing."""
        self.asked.begin()
        self._looked_at = 0
        self.notices.begin()
        self.guard.forget()
        for shelf in self.shelves:
            shelf.begin()

    def rewind(self) -> None:
        """Forget what was written, and keep what was read."""
        self.guard.forget()
        for shelf in self.shelves:
            shelf.rewind()

    def flush(self) -> None:
        """Put what was held back onto its shelf."""
        self.guard.flush()

    @property
    def lacks(self) -> bool:
        """Whether a step asked for something that was not read yet."""
        return bool(self.asked.unread) or any(shelf.lacks for shelf in self.shelves)

    def verification(self, app: bytes, verification: bytes) -> Verification | None:
        found = self.verifications.get(verification)
        return found if found is not None and found.app == app else None

    def add_verification(self, verification: Verification, idempotency: Idempotency | None) -> None:
        self.verifications.put(verification.id, verification)
        if idempotency is not None:
            key = verification.app + idempotency.key
            self.replays.put(key, Replay(key, verification.id, idempotency.request))

    def change_verification(self, verification: Verification) -> None:
        self.verifications.put(verification.id, verification)

    def replay(self, app: bytes, key: bytes) -> tuple[Verification, bytes] | None:
        found = self.replays.get(app + key)
        verification = found and self.verifications.get(found.verification)
        return (verification, found.request) if found and verification else None

    def forget_replay(self, app: bytes, key: bytes) -> None:
        self.replays.drop(app + key)

    def arrivals(self, key: bytes) -> Arrivals:
        found = self.send_buckets.get(key)
        return FRESH if found is None else (found.arrival, found.second)

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        self.send_buckets.put(key, SendBucket(key, *arrivals))

    def guesses(self, key: bytes) -> Guesses:
        found = self.guess_buckets.get(key)
        return UNTRIED if found is None else Guesses(found.log, found.streak)

    def want_guesses_of(self, verification: bytes) -> None:
        """Have the bucket of wrong guesses read that a verification counts in, once that was read."""
        found = self.verifications.seen(verification)
        if found is not None:
            self.guess_buckets.want(guess_key(found))

    def want_replayed(self, app: bytes, idempotency: Idempotency) -> None:
        """Have the verification read that was made under an idempotency key, once that was read."""
        found = self.replays.seen(app + idempotency.key)
        if found is not None:
            self.verifications.want(found.verification)

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        self.guess_buckets.put(key, GuessBucket(key, *guesses))

    def _guard_rows(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        self.guard_states.want(*keys)
        return [None if row is None else row.state for row in map(self.guard_states.get, keys)]

    def want_planned(self, plan: Plan | None) -> None:
        """Have everything read that the guard decides on."""
        if plan is not None:
            joint = joint_keys(plan.traits.country, plan.app)
            self.guard_states.want(*keys_of(plan.traits), *joint)
            self.send_buckets.want(*(charge.key for charge in plan.charges))

    def _put_guard_rows(self, rows: Sequence[GuardRow]) -> None:
        for row in rows:
            self.guard_states.put(row[0], GuardState(*row))

    def known(self, verification: bytes) -> tuple[Verification, App] | None:
        """A verification by its id alone, with its app."""
        found = self.verifications.get(verification)
        app = found and self.tenants.get(found.app)
        return (found, app) if found and app else None

    def deliveries(self, verification: bytes) -> Sequence[Delivery]:
        return self.outbox.of(verification)

    def put_delivery(self, delivery: Delivery) -> None:
        self.outbox.put((delivery.verification, delivery.number), delivery)

    def queue_delivery(self, verification: bytes, number: int, now: Instant) -> None:
        self.outbox.put((verification, number), Delivery(verification, number, now, now))

    def due(self, now: Instant, most: int) -> Sequence[tuple[Delivery, Verification, str]]:
        wanted = max(most, self._looked_at)
        keys = self.asked.rows(_DUE, now, wanted)
        found = [row for row in self._deliveries(keys) if row.due_at is not None and row.due_at <= now]
        rows = found[:most]
        if len(rows) < most and len(keys) == wanted:
            # What was found is closed by now: look further, which finds these again and more.
            self._looked_at = 2 * wanted
            return self.due(now, most)
        return [(row, verification, name) for verification, name, row in self._with_apps(rows)]

    def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        """The latest deliveries that were sent and not decoys, newest first."""
        return self._with_apps(self._deliveries(self.asked.rows(_RECENT, most)))

    def add_app(self, app: App) -> bool:
        return self.change_app(app)

    def change_app(self, app: App) -> bool:
        if any(raw != app.id for (raw,) in self.asked.rows(_APP_NAMED, app.name)):
            return False
        self.tenants.put(app.id, app)
        return True

    def app(self, app: bytes) -> App | None:
        return self.tenants.get(app)

    def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        """Every app with its keys, oldest first."""
        found = self.tenants.all(raw for (raw,) in self.asked.rows(_APPS))
        self.api_keys.want_groups(*(app.id for app in found))
        return [(app, sorted(self.api_keys.of(app.id), key=lambda key: key.created_at)) for app in found]

    def app_by_key(self, key_hash: bytes) -> App | None:
        """The app a key belongs to."""
        found = self.asked.rows(_APP_BY_KEY, key_hash)
        return self.tenants.get(found[0][0]) if found else None

    def add_key(self, key: ApiKey) -> None:
        self.api_keys.put(key.hash, key)

    def remove_keys(self, app: bytes, hint: str | None) -> int:
        gone = [key.hash for key in self.api_keys.of(app) if hint in {None, key.hint}]
        for key_hash in gone:
            self.api_keys.drop(key_hash)
        return len(gone)

    def next_due(self) -> Instant | None:
        """When the earliest open delivery is due."""
        due: Instant | None = self.asked.rows("SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL")[0][0]
        return due

    def backlog(self, now: Instant, most: int) -> int:
        """How many deliveries are due, counted up to ``most``."""
        count: int = self.asked.rows(_BACKLOG, now, most)[0][0]
        return count

    def beat(self) -> None:
        """Write the heartbeat."""
        self.asked.rows("UPDATE heartbeat SET at = at + 1 RETURNING at")

    def look(self) -> None:
        """Read a little of what matters."""
        self.asked.rows("SELECT count(*) FROM apps")
        self.asked.rows("SELECT status FROM verifications ORDER BY id DESC LIMIT 1")

    def _deliveries(self, keys: Sequence[Sequence[Any]]) -> list[Delivery]:
        wanted = [verification for verification, _ in keys]
        self.verifications.want(*wanted)
        self.outbox.want_groups(*wanted)
        return [row for raw, number in keys for row in self.outbox.of(raw) if row.number == number]

    def _with_apps(self, deliveries: Sequence[Delivery]) -> list[tuple[Verification, str, Delivery]]:
        made = self.verifications.all(delivery.verification for delivery in deliveries)
        names = {app.id: app.name for app in self.tenants.all(verification.app for verification in made)}
        return [
            (verification, names[verification.app], delivery)
            for verification, delivery in zip(made, deliveries, strict=True)
        ]
