"""The two lanes that write, each with a connection and batches of its own: what every login asks for, and all else.

The first has the large batches and nothing that is long, and compares what it read instead of locking it (``lane.py``).
The store has them, and so has its scribe.

Not handled here: how a batch becomes a transaction (``lane.py``), reading (``store.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from watchword.adapters import device_steps, guess_steps, steps
from watchword.adapters.batch import Batcher, Results
from watchword.adapters.postgres.address import PostgresAddress
from watchword.adapters.postgres.lane import SESSION, Call, Lane
from watchword.adapters.postgres.link import Link
from watchword.adapters.postgres.wants import call_of

_LOGINS: Final = frozenset(
    {
        *(steps.add, steps.attempt, steps.confirm_code, steps.confirm_word, steps.exchange, steps.resend, steps.cancel),
        *(steps.settle_due, steps.report, device_steps.recognise, guess_steps.note_guess),
    }
)

Execute = Callable[[Sequence[Call]], Awaitable[Results]]


def _as_it_is(execute: Execute) -> Execute:
    return execute


class Pens:
    """Their batches. ``around`` may look at how each is carried out."""

    def __init__(
        self, address: PostgresAddress, *, waiting: int, around: Callable[[Execute], Execute] = _as_it_is
    ) -> None:
        # Behind a pooler whatever a session was told may be meant for another one's next transaction.
        session = "" if address.pooled else SESSION
        self.links = logins, rest = Link(address, session), Link(address)
        self._logins, self._rest = self.batchers = tuple(
            Batcher(around(Lane(link, writes=True).execute), waiting=waiting) for link in (logins, rest)
        )

    def submit(self, step: Callable[..., Any], arguments: tuple[object, ...]) -> asyncio.Future[Any]:
        """Queue a step.

        Raises:
            OverloadedError: too many wait.
        """
        batcher = self._logins if step in _LOGINS else self._rest
        return batcher.submit(call_of(step, arguments))

    async def drain(self) -> None:
        """Wait until everything that was queued is done."""
        for batcher in self.batchers:
            await batcher.drain()
