"""Removing rows in small steps, on a connection of its own, so that no batch waits for the search.

Rules: what somebody holds just now is skipped, so any number of processes may purge at once; a streak of wrong guesses
is never purged (``core.limit.idle_at``).
"""

from __future__ import annotations

import asyncpg

from watchword.adapters.postgres.link import Link, as_store_error
from watchword.core import ids
from watchword.core.instant import Instant

_VERIFICATIONS = (
    "WITH ended AS (SELECT id FROM verifications WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED), "
    "messages AS (DELETE FROM deliveries d USING ended WHERE d.verification = ended.id), "
    "keys AS (DELETE FROM replays r USING ended WHERE r.verification = ended.id) "
    "DELETE FROM verifications v USING ended WHERE v.id = ended.id RETURNING 1"
)
_SENDS = (
    "DELETE FROM send_buckets WHERE key IN (SELECT key FROM send_buckets "
    "WHERE greatest(arrival, second) <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"
)
_GUESSES = (
    "DELETE FROM guess_buckets WHERE key IN (SELECT key FROM guess_buckets "
    "WHERE idle_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"
)
_GUARD = (
    "DELETE FROM guard_rows WHERE key IN (SELECT key FROM guard_rows "
    "WHERE idle_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"
)


async def purge(link: Link, *, made_before: Instant, now: Instant, most: int) -> int:
    """Remove up to ``most`` rows of each table that may go; returns how many went.

    Raises:
        StoreError: the server does not answer.
    """
    gone = 0
    over = ((_VERIFICATIONS, ids.oldest_possible(made_before)), (_SENDS, now), (_GUESSES, now), (_GUARD, now))
    for query, limit in over:
        async with link.connected("SELECT 1") as connection:  # each statement is a transaction of its own
            try:
                gone += len(await connection.fetch(query, limit, most))
            except asyncpg.PostgresError as error:
                if connection.is_closed():
                    raise
                raise as_store_error(error) from error
    return gone
