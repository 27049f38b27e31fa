"""The guard's rows as the steps of one transaction see them: read and decoded once, encoded and written once.

A country, an app and everybody are touched by every send, and a batch holds up to 256 of them. So what a step read the
next one finds here, and what it wrote is written when the transaction ends, as the last one left it. Those three are
held as one (``core.guard.Joint``) until somebody asks for one of them, or for those of other sends; and into the next
transaction, as long as nobody else has written meanwhile (docs/adr/0053).

Not handled here: what rows mean (``core/guard.py``), which of them a step touches (``guard_steps.py``), transactions.

Rules:

* whoever has the transaction calls ``flush`` before it commits, and afterwards ``forget``; or ``keep``, where it has
  committed for sure and it is told of what others write;
* what is kept counts only until others have written anything;
* states are frozen, so that what a step was given no other step changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from watchword.core.breaker import BLOCKS, FRESH_LINE, REMEMBERED, Line
from watchword.core.budget import Spent
from watchword.core.calm import FRESH_RANGE
from watchword.core.guard import TRUST, Joint, JointKeys, Known, apart, settled
from watchword.core.instant import DAY, Instant
from watchword.core.limit import FRESH

State = Known | Line | Spent
GuardRow = tuple[bytes, bytes, Instant]  # key, state, when it may be purged

_encode = msgspec.msgpack.Encoder().encode

_NUMBER: Final = ord("n")
_RANGE_SIZE: Final = 1 + 16  # bytes of a range's key; only a number's has more

# By the kind of a key (``core.guard.keys_of``): what a row is where there is none, and how a state is read.
_FRESH: Mapping[int, State] = {
    _NUMBER: Known(),
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

    def joint(self, keys: JointKeys) -> Joint:
        """The rows of a country, an app and everybody, as one."""
        ...

    def put_joint(self, keys: JointKeys, joint: Joint, now: Instant) -> None:
        """Write them, after they were asked for in the same step."""
        ...


def fresh(key: bytes) -> State:
    """What a row is where there is none."""
    return _FRESH[_kind(key)]


def _kind(key: bytes) -> int:
    """The kind of a row: the first byte of its key, but for a number's, which begins with its range's whole key."""
    return _NUMBER if len(key) > _RANGE_SIZE else key[0]


class HeldRows:
    """Rows of one transaction after the other, over ``read``, which gives each key's state or None, and ``write``.

    ``version`` is asked inside a transaction, and changes whenever others have committed.
    """

    def __init__(
        self,
        read: Callable[[Sequence[bytes]], Sequence[bytes | None]],
        write: Callable[[Sequence[GuardRow]], None],
        version: Callable[[], int] = lambda: 0,
    ) -> None:
        self._read = read
        self._write = write
        self._version = version
        self._held: dict[bytes, State] = {}
        self._changed: dict[bytes, State] = {}
        self._latest: Instant = 0  # of what changed
        self._joint: tuple[JointKeys, Joint] | None = None
        self._in_joint: frozenset[bytes] = frozenset()
        self._joint_changed = False
        self._laid_apart: JointKeys | None = None
        self._checked = False  # whether this transaction has asked for the version
        self._seen = 0  # the version, as it was last

    def get(self, keys: Sequence[bytes]) -> list[Any]:
        """The rows of these keys; fresh ones where there are none."""
        self._part(keys)
        held = self._held
        missing = [key for key in keys if key not in held]
        if missing:
            for key, state in zip(missing, self._read(missing), strict=True):
                held[key] = fresh(key) if state is None else _DECODERS[_kind(key)](state)
        return [held[key] for key in keys]

    def look(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Those of these rows that there are, without holding them."""
        self._part(keys)
        found: dict[bytes, State] = {}
        for key, state in zip(keys, self._read(keys) if keys else (), strict=True):
            if key in self._changed:
                found[key] = self._changed[key]
            elif state is not None:
                found[key] = _DECODERS[_kind(key)](state)
        return found

    def put(self, rows: Mapping[bytes, State], now: Instant) -> None:
        """Write rows, new or changed."""
        self._part(rows)
        self._held.update(rows)
        self._changed.update(rows)
        self._latest = max(self._latest, now)

    def joint(self, keys: JointKeys) -> Joint:
        """The rows of a country, an app and everybody, as one."""
        if not self._checked:
            self._check_version()
        held = self._joint
        if held is not None and held[0] == keys:
            return held[1]
        self._lay_apart()
        return Joint(*self.get(keys))

    def put_joint(self, keys: JointKeys, joint: Joint, now: Instant) -> None:
        """Write them, after they were asked for in the same step."""
        if self._joint is not None and self._joint[0] != keys:
            self._lay_apart()
        self._hold(keys, joint)
        self._joint_changed = True
        self._latest = max(self._latest, now)

    def flush(self) -> None:
        """Write what changed."""
        if self._joint is not None and self._joint_changed:
            self._changed.update(_rows(*self._joint))
            self._joint_changed = False
        if self._changed:
            # In the order of their keys, so that those which lie together are written together.
            self._write([_row(key, self._changed[key], self._latest) for key in sorted(self._changed)])
            self._forget_changes()

    def keep(self) -> None:
        """Keep for the next transaction what all sends touch: it stands as it was flushed."""
        if self._joint is None and self._laid_apart is not None:
            rows: list[Any] = [self._held[key] for key in self._laid_apart]
            self._hold(self._laid_apart, Joint(*rows))
        self._held.clear()
        self._laid_apart, self._checked = None, False

    def forget(self) -> None:
        """Know nothing any more, and write nothing of what was put since the last ``flush``."""
        self._held.clear()
        self._forget_changes()
        self._forget_joint()
        self._laid_apart, self._checked = None, False

    def _forget_changes(self) -> None:
        self._changed.clear()
        self._latest = 0  # a clock that leapt ahead would keep what comes after it for as long

    def _hold(self, keys: JointKeys, joint: Joint) -> None:
        self._joint = keys, joint
        if not self._in_joint:
            self._in_joint = frozenset(keys)

    def _forget_joint(self) -> None:
        self._joint, self._in_joint, self._joint_changed = None, frozenset(), False

    def _check_version(self) -> None:
        """Forget what was kept, where others have written since."""
        seen = self._version()
        if seen != self._seen:
            self._forget_joint()
            self._seen = seen
        self._checked = True

    def _part(self, keys: Iterable[bytes]) -> None:
        """Hold by themselves what is held as one, where any of these rows is in it."""
        if not self._in_joint.isdisjoint(keys):
            if not self._checked:
                self._check_version()
            self._lay_apart()

    def _lay_apart(self) -> None:
        if self._joint is not None:
            rows = _rows(*self._joint)
            self._held.update(rows)
            if self._joint_changed:
                self._changed.update(rows)
            self._laid_apart = self._joint[0]
            self._forget_joint()


def _rows(keys: JointKeys, joint: Joint) -> dict[bytes, State]:
    return dict(zip(keys, apart(joint), strict=True))


def _row(key: bytes, state: State, now: Instant) -> GuardRow:
    state = settled(state)
    return key, _encode(state), idle_at(state, now)


def idle_at(state: State, now: Instant) -> Instant:
    """From when on a row that changed now decides nothing, so that it may go."""
    if isinstance(state, Known):
        trusted_until = state.verified_at + TRUST if state.verified_at else 0
        return max(trusted_until, *state.sends[0], *state.sends[1])
    if isinstance(state, Spent):
        return now + 31 * DAY
    # What is counted outlives the figures of all its blocks, or a range would be calm while one of them is blocked.
    idle = now + (REMEMBERED if state.calm is not None else BLOCKS[-1] + REMEMBERED)
    if state.good_at:
        idle = max(idle, state.good_at + TRUST)
    first, second = state.paid or FRESH
    return idle if first <= idle >= second else max(first, second)
