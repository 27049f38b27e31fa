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

from watchword.core.breaker import FRESH_LINE, REMEMBERED, Line
from watchword.core.guard import TRUST, Known, Spent, settled
from watchword.core.instant import DAY, Instant

State = Known | Line | Spent
GuardRow = tuple[bytes, bytes, Instant]  # key, state, when it may be purged

_encode = msgspec.msgpack.Encoder().encode
_read_line = msgspec.msgpack.Decoder(Line).decode
_read_spent = msgspec.msgpack.Decoder(Spent).decode
_read_known = msgspec.msgpack.Decoder(Known).decode

# By the first byte of a key (``core.guard.keys_of``): how a state is read, and what it is where there is no row.
_KINDS: Mapping[int, tuple[Callable[[bytes], State], State]] = {
    ord("n"): (_read_known, Known()),
    ord("3"): (_read_line, FRESH_LINE),
    ord("4"): (_read_line, FRESH_LINE),
    ord("c"): (_read_line, FRESH_LINE),
    ord("$"): (_read_spent, Spent()),
}


class GuardRows(Protocol):
    """What a step sees of them. What a state is, follows from its key: whoever asks for it knows."""

    def get(self, keys: Sequence[bytes]) -> list[Any]:
        """The rows of these keys; fresh ones where there are none."""
        ...

    def look(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Those of these rows that there are."""
        ...

    def put(self, key: bytes, state: State, now: Instant) -> None:
        """Write a row, new or changed."""
        ...


def fresh(key: bytes) -> State:
    """What a row is where there is none."""
    return _KINDS[key[0]][1]


class HeldRows:
    """Rows of a transaction, over ``read``, which returns those that there are, and ``write``."""

    def __init__(
        self,
        read: Callable[[Sequence[bytes]], Mapping[bytes, bytes]],
        write: Callable[[Sequence[GuardRow]], None],
    ) -> None:
        self._read = read
        self._write = write
        self._held: dict[bytes, State] = {}
        self._changed: dict[bytes, Instant] = {}  # and when

    def get(self, keys: Sequence[bytes]) -> list[Any]:
        """The rows of these keys; fresh ones where there are none."""
        held = self._held
        missing = [key for key in keys if key not in held]
        if missing:
            found = self._read(missing)
            for key in missing:
                decode, unused = _KINDS[key[0]]
                state = found.get(key)
                held[key] = unused if state is None else decode(state)
        return [held[key] for key in keys]

    def put(self, key: bytes, state: State, now: Instant) -> None:
        """Write a row, new or changed."""
        self._held[key] = state
        self._changed[key] = now

    def look(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Those of these rows that there are, without holding them."""
        found = {key: _KINDS[key[0]][0](state) for key, state in self._read(keys).items()} if keys else {}
        return found | {key: self._held[key] for key in keys if key in self._changed}

    def flush(self) -> None:
        """Write what changed."""
        if self._changed:
            held = self._held
            self._write(
                [
                    (key, _encode(settled(held[key])), idle_at(held[key], now))
                    for key, now in sorted(self._changed.items())
                ]
            )
            self._changed.clear()

    def forget(self) -> None:
        """Know nothing any more, and write nothing of what was put since the last ``flush``."""
        if self._held:
            self._held.clear()
            self._changed.clear()


def idle_at(state: State, now: Instant) -> Instant:
    """From when on a row that changed now decides nothing, so that it may go."""
    if isinstance(state, Line):
        return max(state.until + REMEMBERED, now + REMEMBERED, state.good_at + TRUST, *(state.paid or ()))
    return now + (TRUST if isinstance(state, Known) else 31 * DAY)
