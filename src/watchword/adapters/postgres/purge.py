"""Removing rows in small steps, on a connection of its own, so that no batch waits for the search.

Rules:

* what somebody holds just now is skipped, so any number of processes may purge at once;
* a streak of wrong guesses is never purged (``core.limit.idle_at``);
* no statement reads more than a few pages, whatever the tables hold: buckets of sends, which every request writes and
  which therefore have no index by time, are gone through page by page, once a round.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    "DELETE FROM send_buckets WHERE ctid = ANY(ARRAY(SELECT ctid FROM send_buckets "
    "WHERE ctid >= $2::tid AND ctid < $3::tid AND greatest(arrival, second) <= $1 FOR UPDATE SKIP LOCKED)) RETURNING 1"
)
_PAGES_OF_SENDS = "SELECT pg_relation_size('send_buckets') / current_setting('block_size')::bigint"
_STEP = 16  # pages, about a thousand buckets
_STRIDE = 256  # steps, until the line is asked for again
_GUESSES = (
    "DELETE FROM guess_buckets WHERE key IN (SELECT key FROM guess_buckets "
    "WHERE idle_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"
)
_GUARD = (
    "DELETE FROM guard_rows WHERE key IN (SELECT key FROM guard_rows "
    "WHERE idle_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"
)


@dataclass(slots=True)
class Sweep:
    """How far the pages of buckets were gone through, and for which round to the end."""

    page: int = 0
    ended: Instant | None = None


async def purge(link: Link, sweep: Sweep, *, made_before: Instant, now: Instant, most: int) -> int:
    """Remove up to ``most`` rows, or a few more, of each table that may go; returns how many went.

    Raises:
        StoreError: the server does not answer.
    """
    gone = 0
    for query, limit in ((_VERIFICATIONS, ids.oldest_possible(made_before)), (_GUESSES, now), (_GUARD, now)):
        async with link.connected("SELECT 1") as connection:  # each statement is a transaction of its own
            gone += await _remove(connection, query, limit, most)
    idle = 0
    while idle < most and sweep.ended != now:
        async with link.connected("SELECT 1") as connection:
            idle += await _stride(connection, sweep, now, most - idle)
    return gone + idle


async def _stride(connection: asyncpg.Connection, sweep: Sweep, now: Instant, most: int) -> int:
    """Go on through the buckets of sends for a while, or until so many went."""
    gone, pages = 0, await connection.fetchval(_PAGES_OF_SENDS)
    for _ in range(_STRIDE):
        if sweep.page >= pages:
            sweep.page, sweep.ended = 0, now
            break
        first, sweep.page = sweep.page, sweep.page + _STEP
        gone += await _remove(connection, _SENDS, now, (first, 0), (sweep.page, 0))
        if gone >= most:
            break
    return gone


async def _remove(connection: asyncpg.Connection, query: str, *values: object) -> int:
    try:
        return len(await connection.fetch(query, *values))
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        raise as_store_error(error) from error
