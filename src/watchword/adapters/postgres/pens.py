"""The two lanes that write, each with a connection and batches of its own: new verifications, and everything else.

So a commit of one is under way while the other one reads. The store has them, and so has its scribe.

Not handled here: how a batch becomes a transaction (``lane.py``), reading (``store.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from watchword.adapters import steps
from watchword.adapters.batch import Batcher, Results
from watchword.adapters.postgres.address import PostgresAddress
from watchword.adapters.postgres.lane import Call, Lane
from watchword.adapters.postgres.link import Link
from watchword.adapters.postgres.wants import call_of

Execute = Callable[[Sequence[Call]], Awaitable[Results]]


def _as_it_is(execute: Execute) -> Execute:
    return execute


class Pens:
    """Their batches. ``around`` may look at how each is carried out."""

    def __init__(
        self, address: PostgresAddress, *, waiting: int, around: Callable[[Execute], Execute] = _as_it_is
    ) -> None:
        self.links = (Link(address), Link(address))
        self._adds, self._changes = self.batchers = tuple(
            Batcher(around(Lane(link, writes=True).execute), waiting=waiting) for link in self.links
        )

    def submit(self, step: Callable[..., Any], arguments: tuple[object, ...]) -> asyncio.Future[Any]:
        """Queue a step.

        Raises:
            OverloadedError: too many wait.
        """
        batcher = self._adds if step is steps.add else self._changes
        return batcher.submit(call_of(step, arguments))

    async def drain(self) -> None:
        """Wait until everything that was queued is done."""
        for batcher in self.batchers:
            await batcher.drain()
