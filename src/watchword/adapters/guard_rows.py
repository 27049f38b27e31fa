"""The guard's rows as the steps of one transaction see them: read and decoded once, encoded and written once.

A country, an app and everybody are touched by every send, and a batch holds up to 256 of them. So what a step read the
next one finds here, and what it wrote is written when the transaction ends, as the last one left it.

Not handled here: what rows mean (``core/guard.py``), which of them a step touches (``guard_steps.py``), transactions.

Rules:

* whoever has the transaction calls ``flush`` before it commits, and ``forget`` when it is over, whichever way it ended:
  afterwards others may write these rows;
* states are frozen, so that what a step was given no other step changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from watchword.core.breaker import BLOCKS, FRESH_LINE, REMEMBERED, Line
from watchword.core.calm import FRESH_RANGE
from watchword.core.guard import TRUST, Known, Spent, settled
from watchword.core.instant import DAY, Instant
from watchword.core.limit import FRESH

State = Known | Line | Spent
GuardRow = tuple[bytes, bytes, Instant]  # key, state, when it may be purged

_encode = msgspec.msgpack.Encoder().encode

# By the first byte of a key (``core.guard.keys_of``): what a row is where there is none, and how a state is read.
_FRESH: Mapping[int, State] = {
    ord("n"): Known(),
    ord("3"): FRESH_LINE,
    ord("4"): FRESH_RANGE,
    ord("c"): FRESH_LINE,
    ord("$"): Spent(),
}
_DECODERS: Mapping[int, Callable[[bytes], State]] = {
    kind: msgspec.msgpack.Decoder(type(state)).decode for kind, state in _FRESH.items()
}


class GuardRows(Protocol):
    """What a step sees of them. What a state is, follows from its key: whoever asks for it knows."""

    def get(self, keys: Sequence[bytes]) -> list[Any]:
        """The rows of these keys; fresh ones where there are none."""
        ...

    def look(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Those of these rows that there are."""
        ...

    def put(self, rows: Mapping[bytes, State], now: Instant) -> None:
        """Write rows, new or changed."""
        ...


def fresh(key: bytes) -> State:
    """What a row is where there is none."""
    return _FRESH[key[0]]


class HeldRows:
    """Rows of a transaction, over ``read``, which returns the state of each key or None, and ``write``."""

    def __init__(
        self,
        read: Callable[[Sequence[bytes]], Sequence[bytes | None]],
        write: Callable[[Sequence[GuardRow]], None],
    ) -> None:
        self._read = read
        self._write = write
        self._held: dict[bytes, State] = {}
        self._changed: dict[bytes, State] = {}
        self._latest: Instant = 0  # of what changed

    def get(self, keys: Sequence[bytes]) -> list[Any]:
        """The rows of these keys; fresh ones where there are none."""
        held = self._held
        missing = [key for key in keys if key not in held]
        if missing:
            for key, state in zip(missing, self._read(missing), strict=True):
                held[key] = _FRESH[key[0]] if state is None else _DECODERS[key[0]](state)
        return [held[key] for key in keys]

    def look(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Those of these rows that there are, without holding them."""
        found: dict[bytes, State] = {}
        for key, state in zip(keys, self._read(keys) if keys else (), strict=True):
            if key in self._changed:
                found[key] = self._changed[key]
            elif state is not None:
                found[key] = _DECODERS[key[0]](state)
        return found

    def put(self, rows: Mapping[bytes, State], now: Instant) -> None:
        """Write rows, new or changed."""
        self._held.update(rows)
        self._changed.update(rows)
        self._latest = max(self._latest, now)

    def flush(self) -> None:
        """Write what changed."""
        if self._changed:
            # In the order of their keys, so that those which lie together are written together.
            self._write([_row(key, self._changed[key], self._latest) for key in sorted(self._changed)])
            self._forget_changes()

    def forget(self) -> None:
        """Know nothing any more, and write nothing of what was put since the last ``flush``."""
        if self._held:
            self._held.clear()
            self._forget_changes()

    def _forget_changes(self) -> None:
        self._changed.clear()
        self._latest = 0  # a clock that leapt ahead would keep what comes after it for as long


def _row(key: bytes, state: State, now: Instant) -> GuardRow:
    state = settled(state)
    return key, _encode(state), idle_at(state, now)


def idle_at(state: State, now: Instant) -> Instant:
    """From when on a row that changed now decides nothing, so that it may go."""
    if type(state) is not Line:
        return now + (TRUST if type(state) is Known else 31 * DAY)
    # What is counted outlives the figures of all its blocks, or a range would be calm while one of them is blocked.
    idle = now + (REMEMBERED if state.calm is not None else BLOCKS[-1] + REMEMBERED)
    if state.good_at:
        idle = max(idle, state.good_at + TRUST)
    first, second = state.paid or FRESH
    return idle if first <= idle >= second else max(first, second)
