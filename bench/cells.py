"""``python -m bench.cells``: two simulations behind docs/explanation/scale.md, pure arithmetic and the same every time.

*Hot keys.* Lanes of processes send batches to one database. Each batch that locks holds its rows for as long as it
takes, and batches that want one row wait for each other. What does one row that every request pays into cost?

*Losing a cell.* Recipients are spread over cells by rendezvous hashing. One cell goes: who moves, what do the others
carry, and what does a guesser gain whose counters stay behind?

Not handled here: what anything costs on this machine (``scale.py``); the times below are measured there.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from random import Random

BATCH = 64  # calls
HOLDS = 0.0036  # seconds from BEGIN to COMMIT of such a batch
ELSEWHERE = 0.001  # seconds of a lane between two batches: steps, answers, new requests
SPREAD = 0.3  # of both, up and down
SECONDS = 20.0
RECIPIENTS = 20_000


def rate(lanes: int, *, hot: bool, seed: int = 1) -> float:
    """Calls a second that so many lanes get through, with or without a row that all of them want."""
    dice, done, free_at = Random(seed), 0, 0.0

    def span(usual: float) -> float:
        return usual * dice.uniform(1 - SPREAD, 1 + SPREAD)

    ready = [span(ELSEWHERE) for _ in range(lanes)]
    heapq.heapify(ready)
    while (now := heapq.heappop(ready)) < SECONDS:
        begins = max(now, free_at) if hot else now  # the row's lock is had in the order of asking
        ends = begins + span(HOLDS)
        if hot:
            free_at = ends
        done += BATCH
        heapq.heappush(ready, ends + span(ELSEWHERE))
    return done / SECONDS


def home(recipient: int, cells: Sequence[int]) -> int:
    """The cell of a recipient: whichever scores highest for it, so that no other cell's coming or going moves it."""

    def score(cell: int) -> bytes:
        return blake2b(b"%d/%d" % (cell, recipient), digest_size=8).digest()

    return max(cells, key=score)


def loss(cells: int) -> tuple[float, float, float]:
    """One of so many cells goes: the share of recipients that move, that of those who had no need to, the fullest cell.

    The last is the load of the cell that got most, against an equal share before.
    """
    every, left = list(range(cells)), list(range(1, cells))
    moved, needless = 0, 0
    carried = dict.fromkeys(left, 0)
    for recipient in range(RECIPIENTS):
        before, after = home(recipient, every), home(recipient, left)
        moved += before != after
        needless += before not in {0, after}
        carried[after] += 1
    return moved / RECIPIENTS, needless / RECIPIENTS, max(carried.values()) * cells / RECIPIENTS


def hot_rows() -> Iterator[tuple[str, ...]]:
    """The table of hot keys."""
    for lanes in (1, 2, 4, 8, 16):
        cold, hot = rate(lanes, hot=False), rate(lanes, hot=True)
        yield (str(lanes), f"{cold:,.0f}", f"{hot:,.0f}", f"{hot / cold:.2f}")


def loss_rows() -> Iterator[tuple[str, ...]]:
    """The table of lost cells."""
    for cells in (2, 4, 8, 16):
        moved, needless, fullest = loss(cells)
        yield (str(cells), f"{moved:.1%}", f"{needless:.0%}", f"{fullest:.2f}")


def main() -> None:
    """Print both tables."""
    for rows in (hot_rows(), loss_rows()):
        print("\n".join("| " + " | ".join(row) + " |" for row in rows), end="\n\n")


if __name__ == "__main__":
    main()
