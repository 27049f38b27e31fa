"""The rows of the SQLite store, inside whatever transaction the writer has open (``steps.Tables``)."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from watchword.adapters.guard_rows import GuardRow, HeldRows
from watchword.adapters.sqlite.authenticator import SqliteAuthenticatorRows
from watchword.adapters.sqlite.notice import SqliteNoticeRows
from watchword.adapters.sqlite.secret import SqliteSecretRows
from watchword.core.app import ApiKey, App
from watchword.core.delivery import Delivery, DeliveryStatus
from watchword.core.instant import Instant
from watchword.core.limit import FRESH, UNTRIED, Arrivals, Guesses, idle_at
from watchword.core.message import TlsFacts
from watchword.core.verification import Status, Verification
from watchword.ports import Idempotency

_STATUS = {status.value: status for status in Status}

# In the order of the struct's fields, so that a row makes a struct without naming anything.
_VERIFICATION = ", ".join(f"v.{name}" for name in Verification.__struct_fields__)
_WIDTH = len(Verification.__struct_fields__)
_STATUS_AT = Verification.__struct_fields__.index("status")
_DECOY_AT = Verification.__struct_fields__.index("decoy")
_DELIVERY = ", ".join(f"d.{name}" for name in Delivery.__struct_fields__)

_ADD_VERIFICATION = (
    f"INSERT INTO verifications ({_VERIFICATION.replace('v.', '')}, idempotency_key, idempotency_request) "  # noqa: S608 - names of our own fields
    f"VALUES ({', '.join('?' * (_WIDTH + 2))})"
)
_GET_VERIFICATION = f"SELECT {_VERIFICATION} FROM verifications v WHERE v.id = ? AND v.app = ?"  # noqa: S608
_LOOK = (
    f"SELECT {_VERIFICATION}, a.id, a.name, a.created_at, a.redirect_uris "  # noqa: S608
    "FROM verifications v JOIN apps a ON a.id = v.app WHERE v.id = ?"
)
_GET_REPLAY = (
    f"SELECT {_VERIFICATION}, v.idempotency_request FROM verifications v WHERE v.app = ? AND v.idempotency_key = ?"  # noqa: S608
)
_DUE = (
    f"SELECT {_VERIFICATION}, {_DELIVERY}, a.name FROM deliveries d "  # noqa: S608
    "JOIN verifications v ON v.id = d.verification JOIN apps a ON a.id = v.app "
    "WHERE d.due_at <= ? ORDER BY d.due_at, d.verification, d.number LIMIT ?"
)
_GET_DELIVERIES = f"SELECT {_DELIVERY} FROM deliveries d WHERE d.verification = ? ORDER BY d.number"  # noqa: S608
_PUT_DELIVERY = (
    f"INSERT OR REPLACE INTO deliveries ({_DELIVERY.replace('d.', '')}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(Delivery.__struct_fields__))})"
)
_RECENT = (
    f"SELECT {_VERIFICATION}, {_DELIVERY}, a.name FROM deliveries d "  # noqa: S608
    "JOIN verifications v ON v.id = d.verification JOIN apps a ON a.id = v.app "
    "WHERE d.status = 'sent' AND NOT v.decoy ORDER BY d.at DESC, d.verification DESC, d.number DESC LIMIT ?"
)
# A column for each: a row for each would have SQLite sort the keys in a table of its own first, for twice the time.
_GUARD_ROWS = [
    f"SELECT {', '.join(['(SELECT state FROM guard_rows WHERE key = ?)'] * most)}"  # noqa: S608
    for most in range(11)  # the ten blocks of a range at the most
]


class SqliteTables:
    """Reads and writes rows over one connection. What a statement brings is read before the next one is given."""

    def __init__(self, connection: apsw.Connection) -> None:
        cursor = connection.cursor()  # one for all of them: making one costs a fifth of a small statement
        self._execute: Callable[..., Any] = cursor.execute  # rows of any types: whoever reads them knows
        self._changes = connection.changes
        self._many = cursor.executemany
        self.secrets = SqliteSecretRows(cursor)
        self.authenticators = SqliteAuthenticatorRows(cursor)
        self.notices = SqliteNoticeRows(cursor)
        self.guard = HeldRows(self._guard_rows, self._put_guard_rows, self._version)

    def verification(self, app: bytes, verification: bytes) -> Verification | None:
        row = self._execute(_GET_VERIFICATION, (verification, app)).get
        return row and _verification(row)

    def add_verification(self, verification: Verification, idempotency: Idempotency | None) -> None:
        v = verification
        key, request = (idempotency.key, idempotency.request) if idempotency is not None else (None, None)
        # Written out rather than looped over: this is the hottest row there is.
        self._execute(
            _ADD_VERIFICATION,
            (
                *(
                    v.id,
                    v.app,
                    v.channel,
                    v.purpose,
                    v.recipient,
                    v.address,
                    v.sealed,
                    v.locale,
                    v.digits,
                    v.max_attempts,
                ),
                *(v.max_sends, v.created_at, v.expires_at, v.resend_at, v.status.value, v.attempts, v.sends),
                *(v.lane, v.decoy, v.methods, v.challenge, v.action, v.words, v.notice, v.traits),
                *(v.subject, v.contact, key, request),
            ),
        )

    def change_verification(self, verification: Verification) -> None:
        v = verification
        self._execute(
            "UPDATE verifications SET status = ?, attempts = ?, sends = ?, resend_at = ?, lane = ?, words = ? "
            "WHERE id = ?",
            (v.status.value, v.attempts, v.sends, v.resend_at, v.lane, v.words, v.id),
        )

    def replay(self, app: bytes, key: bytes) -> tuple[Verification, bytes] | None:
        row = self._execute(_GET_REPLAY, (app, key)).get
        return row and (_verification(row[:-1]), row[-1])

    def forget_replay(self, app: bytes, key: bytes) -> None:
        self._execute(
            "UPDATE verifications SET idempotency_key = NULL, idempotency_request = NULL "
            "WHERE app = ? AND idempotency_key = ?",
            (app, key),
        )

    def arrivals(self, key: bytes) -> Arrivals:
        return self._execute("SELECT arrival, second FROM send_buckets WHERE key = ?", (key,)).get or FRESH

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        self._execute("INSERT OR REPLACE INTO send_buckets (key, arrival, second) VALUES (?, ?, ?)", (key, *arrivals))

    def guesses(self, key: bytes) -> Guesses:
        row = self._execute("SELECT log, streak FROM guess_buckets WHERE key = ?", (key,)).get
        return UNTRIED if row is None else Guesses(read_log(row[0]), row[1])

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        self._execute(
            "INSERT OR REPLACE INTO guess_buckets (key, log, streak, idle_at) VALUES (?, ?, ?, ?)",
            (key, _write_log(guesses.log), guesses.streak, idle_at(guesses)),
        )

    def _guard_rows(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        found: Any = self._execute(_GUARD_ROWS[len(keys)], keys).get  # of one column its value, and no row
        return found if len(keys) > 1 else (found,)

    def _version(self) -> int:
        version: int = self._execute("PRAGMA data_version").get  # changes with what other connections commit
        return version

    def _put_guard_rows(self, rows: Sequence[GuardRow]) -> None:
        self._many("INSERT OR REPLACE INTO guard_rows (key, state, idle_at) VALUES (?, ?, ?)", rows)

    def remove_idle_guard_rows(self, keys: Sequence[bytes], now: Instant) -> None:
        """Remove rows of the guard, where they still decide nothing."""
        self.guard.flush()
        self.guard.forget()
        self._many("DELETE FROM guard_rows WHERE key = ? AND idle_at <= ?", [(key, now) for key in keys])

    def deliveries(self, verification: bytes) -> Sequence[Delivery]:
        return [_delivery(row) for row in self._execute(_GET_DELIVERIES, (verification,))]

    def put_delivery(self, delivery: Delivery) -> None:
        d = delivery
        tls = d.tls and json.dumps([d.tls.version, d.tls.cipher, d.tls.fingerprint])
        self._execute(
            _PUT_DELIVERY,
            (
                *(d.verification, d.number, d.at, d.due_at, d.status.value, d.tries, d.handed_over, d.uncertain),
                *(d.transport, d.reason, tls),
            ),
        )

    def queue_delivery(self, verification: bytes, number: int, now: Instant) -> None:
        self._execute(
            "INSERT INTO deliveries (verification, number, at, due_at) VALUES (?, ?, ?, ?)",
            (verification, number, now, now),
        )

    def due(self, now: Instant, most: int) -> Sequence[tuple[Delivery, Verification, str]]:
        rows = self._execute(_DUE, (now, most)).fetchall()
        return [(delivery, verification, name) for verification, name, delivery in map(joined, rows)]

    def recent(self, most: int) -> Sequence[tuple[Verification, str, Delivery]]:
        """The latest deliveries that were sent and not decoys, newest first."""
        return [joined(row) for row in self._execute(_RECENT, (most,))]

    def add_app(self, app: App) -> bool:
        try:
            self._execute(
                "INSERT INTO apps (id, name, created_at, redirect_uris) VALUES (?, ?, ?, ?)",
                (app.id, app.name, app.created_at, json.dumps(app.redirect_uris)),
            )
        except apsw.ConstraintError:
            return False
        return True

    def change_app(self, app: App) -> bool:
        try:
            self._execute(
                "UPDATE apps SET name = ?, redirect_uris = ? WHERE id = ?",
                (app.name, json.dumps(app.redirect_uris), app.id),
            )
        except apsw.ConstraintError:
            return False
        return True

    def app(self, app: bytes) -> App | None:
        row = self._execute("SELECT id, name, created_at, redirect_uris FROM apps WHERE id = ?", (app,)).get
        return row and _app(row)

    def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        """Every app with its keys, oldest first."""
        keys = [
            ApiKey(*row)
            for row in self._execute("SELECT hash, app, hint, created_at FROM api_keys ORDER BY created_at")
        ]
        apps = [_app(row) for row in self._execute("SELECT id, name, created_at, redirect_uris FROM apps ORDER BY id")]
        return [(app, [key for key in keys if key.app == app.id]) for app in apps]

    def app_by_key(self, key_hash: bytes) -> App | None:
        """The app a key belongs to."""
        row = self._execute(
            "SELECT a.id, a.name, a.created_at, a.redirect_uris FROM api_keys k JOIN apps a ON a.id = k.app "
            "WHERE k.hash = ?",
            (key_hash,),
        ).get
        return row and _app(row)

    def add_key(self, key: ApiKey) -> None:
        self._execute(
            "INSERT INTO api_keys (hash, app, hint, created_at) VALUES (?, ?, ?, ?)",
            (key.hash, key.app, key.hint, key.created_at),
        )

    def remove_keys(self, app: bytes, hint: str | None) -> int:
        # No hint means every key of the app: the column is never NULL, so each hint equals itself.
        self._execute("DELETE FROM api_keys WHERE app = ? AND hint = ifnull(?, hint)", (app, hint))
        return self._changes()

    def remove_verifications(self, ids: Sequence[bytes]) -> None:
        """Remove verifications with their deliveries."""
        for table, column in (("deliveries", "verification"), ("verifications", "id")):
            self._many(f"DELETE FROM {table} WHERE {column} = ?", [(raw,) for raw in ids])  # noqa: S608 - our own names

    def remove_idle_sends(self, keys: Sequence[bytes], now: Instant) -> None:
        """Remove send buckets, where they still limit nothing."""
        self._many("DELETE FROM send_buckets WHERE key = ? AND max(arrival, second) <= ?", [(key, now) for key in keys])

    def remove_guesses(self, key: bytes) -> None:
        """Remove a bucket of wrong guesses."""
        self._execute("DELETE FROM guess_buckets WHERE key = ?", (key,))

    def known(self, verification: bytes) -> tuple[Verification, App] | None:
        """The row of that id with its app, whosever it is."""
        row = self._execute(_LOOK, (verification,)).get
        return row and (_verification(row[:_WIDTH]), _app(row[_WIDTH:]))

    def beat(self) -> None:
        """Write the heartbeat."""
        self._execute("UPDATE heartbeat SET at = at + 1")

    def look(self) -> None:
        """Read a little of what matters, so that an unreadable file is noticed."""
        self._execute("SELECT count(*) FROM apps").fetchall()
        self._execute("SELECT status FROM verifications ORDER BY id DESC LIMIT 1").fetchall()

    def next_due(self) -> Instant | None:
        """When the earliest open delivery is due."""
        due: Instant | None = self._execute("SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL").get
        return due

    def backlog(self, now: Instant, most: int) -> int:
        """How many deliveries are due, counted up to ``most``."""
        query = "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE due_at <= ? LIMIT ?)"
        count: int = self._execute(query, (now, most)).get
        return count


def read_log(blob: bytes) -> tuple[Instant, ...]:
    """Read the instants of a sliding log."""
    return tuple(_little_endian(array("q", blob)))


def _write_log(log: Sequence[Instant]) -> bytes:
    return _little_endian(array("q", log)).tobytes()


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def joined(row: Sequence[Any]) -> tuple[Verification, str, Delivery]:
    """Read a row of verification, delivery and the app's name."""
    return _verification(row[:_WIDTH]), row[-1], _delivery(row[_WIDTH:-1])


def _verification(row: Sequence[Any]) -> Verification:
    fields = [*row]
    fields[_STATUS_AT] = _STATUS[fields[_STATUS_AT]]
    fields[_DECOY_AT] = fields[_DECOY_AT] == 1
    return Verification(*fields)


def _delivery(row: Sequence[Any]) -> Delivery:
    verification, number, at, due_at, status, tries, handed_over, uncertain, transport, reason, tls = row
    facts = TlsFacts(*json.loads(tls)) if tls else None
    return Delivery(
        *(verification, number, at, due_at, DeliveryStatus(status), tries, bool(handed_over), bool(uncertain)),
        *(transport, reason, facts),
    )


def _app(row: Sequence[Any]) -> App:
    return App(row[0], row[1], row[2], tuple(json.loads(row[3])))
