"""How far long work is, on standard error, for a person at a terminal and for nobody else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

LONG = 1 << 20  # bytes; less is done before anybody wonders


def shown(pieces: Iterable[bytes], size: int, doing: str) -> Iterator[bytes]:
    """The same pieces, with the share of ``size`` that went by written over itself."""
    if size < LONG or not sys.stderr.isatty():
        yield from pieces
        return
    done, told = 0, -1
    try:
        for piece in pieces:
            yield piece
            done += len(piece)
            share = min(100, 100 * done // size)
            if share != told:
                told = share
                print(f"\r{doing} {share:3} %", end="", file=sys.stderr, flush=True)
    finally:
        print(file=sys.stderr, flush=True)
