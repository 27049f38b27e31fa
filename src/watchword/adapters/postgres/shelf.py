"""The rows of one table that a batch reads and writes, all of them at once, over arrays.

A batch of steps runs over its shelves as over tables: what it asks for was read before, and what it writes
is kept here until the batch is written as a whole. A step that asks for a row which nobody read yet is stopped
(``UnreadError``), the row is read with all others that are missing, and the steps run again from the start.

Not handled here: when anything is read and written, and in which transaction (``lane.py``).

Rules:

* rows that are there are locked when they are read, in the order of their keys; or the batch holds nothing, and what it
  read must still be what it was when it is written, which each row's version tells (``xmin``: who wrote it last);
* a row that was not there is inserted only where it still is not: else the batch clashes, and runs again;
* what a step wrote, the next one of its batch reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from watchword.adapters.postgres.columns import Columns

Row = TypeVar("Row", bound=msgspec.Struct)
_VERSION = "version"
Key = Any  # bytes, or (bytes, int) or (bytes, bytes) where a table's key has two columns


class UnreadError(Exception):
    """A step asks for what was not read yet. Caught by the batch, never by a step."""


class Asked:
    """Questions that are not about one key, each put once a batch, and their answers."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Know nothing."""
        self._answers: dict[tuple[str, tuple[Any, ...]], Sequence[Sequence[Any]]] = {}
        self.unread: list[tuple[str, tuple[Any, ...]]] = []

    def rows(self, query: str, *arguments: object) -> Sequence[Sequence[Any]]:
        """The answer to a question."""
        question = (query, arguments)
        if question not in self._answers:
            self.unread.append(question)
            raise UnreadError
        return self._answers[question]

    def learn(self, question: tuple[str, tuple[Any, ...]], answer: Sequence[Sequence[Any]]) -> None:
        """Take in an answer."""
        self._answers[question] = answer


class Write(NamedTuple):
    """One statement over arrays and how many rows it must touch."""

    statement: str  # parameters are $1 to $n; the lane numbers them anew
    columns: Sequence[Sequence[Any]]
    rows: int | None  # None where it may be any number


class Shelf(Generic[Row]):
    """Rows by key, and by group where the table has one.

    ``guarded`` groups are locked as groups, under this name, whether they have rows or not.
    """

    def __init__(
        self,
        table: str,
        columns: Columns[Row],
        *key: str,
        group: str | None = None,
        guarded: bytes = b"",
        locked: bool = True,
        fixed: Iterable[str] = (),
    ) -> None:
        """``fixed`` columns are never changed, so that a change does not send them.

        Rows that are not ``locked`` are only ever replaced as a whole, whatever they were: no version is compared.
        """
        self.table = table
        self.guarded = guarded
        self._locked = locked
        self._columns = columns
        places = [columns.fields.index(name) for name in key]
        self._places = places
        self._group = None if group is None else columns.fields.index(group)
        self._changing = [
            place for place, name in enumerate(columns.names) if place in places or name not in set(fixed)
        ]
        self._write_sql(key, group)
        self.begin()

    def _write_sql(self, key: Sequence[str], group: str | None) -> None:
        names, table = self._columns.names, self.table
        kinds = self._columns.kinds | {_VERSION: "xid"}
        changing = [names[place] for place in self._changing]
        read = f"SELECT {', '.join(self._columns.fields)}, xmin FROM {table} WHERE"  # noqa: S608 - names of our own fields
        self.by_key = f"{read} {key[0]} = ANY($1::{kinds[key[0]]}[])"
        self.by_group = f"{read} {group} = ANY($1::{kinds[group]}[])" if group else ""
        # Sorted, so that two batches which want the same rows wait for each other instead of both waiting.
        self.lock = f" ORDER BY {', '.join(key)} FOR UPDATE" if self._locked and not self.guarded else ""
        insert = f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM unnest({_arrays(names, kinds)})"  # noqa: S608
        self._insert = f"{insert} ON CONFLICT DO NOTHING RETURNING 1"
        versioned = [_VERSION] if self._locked else []
        same = " AND ".join(f"t.{name} = u.{name}" for name in key)
        unmoved = f"{same} AND t.xmin = u.{_VERSION}" if versioned else same
        sets = ", ".join(f"{name} = u.{name}" for name in changing if name not in key)
        new, read_before = _listed([*changing, *versioned], kinds), _listed([*key, *versioned], kinds)
        self._update = f"UPDATE {table} t SET {sets} FROM {new} WHERE {unmoved} RETURNING 1"  # noqa: S608
        self._delete = f"DELETE FROM {table} t USING {read_before} WHERE {unmoved} RETURNING 1"  # noqa: S608
        self._remove = f"DELETE FROM {table} t USING {_listed(key, kinds)} WHERE {same} RETURNING 1"  # noqa: S608
        order = ", ".join(f"t.{name}" for name in key)
        self._hold = f"SELECT 1 FROM {table} t, {read_before} WHERE {unmoved} ORDER BY {order} FOR UPDATE OF t"  # noqa: S608

    # --- a batch's life ---------------------------------------------------------------------------

    @property
    def lacks(self) -> bool:
        """Whether something was asked for that was not read yet."""
        return bool(self.unread or self.unread_groups)

    def begin(self) -> None:
        """Know nothing."""
        self._rows: dict[Key, Row] = {}
        self._versions: dict[Key, int] = {}
        self._members: dict[bytes, set[Key]] = {}
        self._known: set[Key] = set()
        self._known_groups: set[bytes] = set()
        self.unread: set[Key] = set()
        self.unread_groups: set[bytes] = set()
        self.rewind()

    def rewind(self) -> None:
        """Forget what was written, and keep what was read."""
        self._changed: dict[Key, Row | None] = {}
        self._joined: dict[bytes, set[Key]] = {}

    def want(self, *keys: Key) -> None:
        """Have rows read before a step asks for them, all at once."""
        self.unread.update(key for key in keys if key not in self._known)

    def want_groups(self, *groups: bytes) -> None:
        """Have all rows of some groups read before a step asks for them, all at once."""
        self.unread_groups.update(group for group in groups if group not in self._known_groups)

    def learn(self, records: Iterable[Sequence[Any]]) -> None:
        """Take in the rows of all keys that were wanted. Where groups are guarded, theirs are wanted now."""
        for record in records:
            self._take(record)
            if self.guarded and self._group is not None:
                self.want_groups(record[self._group])
        self._known |= self.unread
        self.unread = set()

    def learn_groups(self, records: Iterable[Sequence[Any]]) -> None:
        """Take in the rows of all groups that were wanted, instead of what was known of them."""
        for group in self.unread_groups:
            self._members[group] = set()
        for record in records:
            self._members[record[self._group or 0]].add(self._take(record))
        self._known_groups |= self.unread_groups
        self.unread_groups = set()

    def _take(self, record: Sequence[Any]) -> Key:
        *values, version = record
        key = self._key(values)
        self._rows[key], self._versions[key] = self._columns.read(values), version
        return key

    def writes(self) -> list[Write]:
        """What the steps wrote, in up to four statements."""
        inserted: list[Any] = []
        updated: list[Any] = []
        replaced: list[Key] = []
        deleted: list[Key] = []
        removed: list[Key] = []
        for key, row in sorted(self._changed.items()) if self._changed else ():
            was_read = key in self._rows
            if row is None:
                (deleted if was_read and self._locked else removed).append(key)
            elif was_read:
                updated.append(self._columns.write(row))
                replaced.append(key)
            else:
                inserted.append(self._columns.write(row))
        found = []
        if deleted:
            found.append(Write(self._delete, [*self._by_column(deleted), *self._versions_of(deleted)], len(deleted)))
        if removed:
            found.append(Write(self._remove, self._by_column(removed), None))
        if updated:
            every = list(zip(*updated, strict=True))
            changing = [every[place] for place in self._changing]
            found.append(Write(self._update, [*changing, *self._versions_of(replaced)], len(updated)))
        if inserted:
            found.append(Write(self._insert, list(zip(*inserted, strict=True)), len(inserted)))
        return found

    def holds(self) -> list[Write]:
        """What holds the rows that were read, as they were read, where nothing has locked them.

        All of them, in the order of their keys, so that two batches wait for each other in turn; where all are updated,
        the update does so by itself. What holds them comes before what writes.
        """
        if not self._locked or all(self._changed.get(key) is not None for key in self._rows):
            return []
        held = sorted(self._rows)
        return [Write(self._hold, [*self._by_column(held), *self._versions_of(held)], len(held))]

    def _by_column(self, keys: Sequence[Key]) -> list[Sequence[Any]]:
        return list(zip(*keys, strict=True)) if len(self._places) > 1 else [keys]

    def _versions_of(self, keys: Sequence[Key]) -> list[Sequence[int]]:
        return [[self._versions[key] for key in keys]] if self._locked else []

    # --- what tables are made of ------------------------------------------------------------------

    def get(self, key: Key) -> Row | None:
        """A row, or None where there is none."""
        if key in self._changed:
            return self._changed[key]
        found = self._rows.get(key)
        if found is None and key not in self._known:
            self.unread.add(key)
            raise UnreadError
        if found is not None and self.guarded:
            # Its group was read under the lock, after the row itself: what left it meanwhile is gone.
            return found if key in self._members[getattr(found, self._columns.fields[self._group or 0])] else None
        return found

    def seen(self, key: Key) -> Row | None:
        """A row that was read, or None where it was not, or is not there."""
        return self._rows.get(key)

    def all(self, keys: Iterable[Key]) -> list[Row]:
        """The rows that are there, of several keys."""
        wanted = list(keys)
        self.want(*(key for key in wanted if key not in self._rows))
        return [row for row in map(self.get, wanted) if row is not None]

    def of(self, group: bytes) -> list[Row]:
        """All rows of a group, in the order of their keys."""
        if group not in self._known_groups:
            self.unread_groups.add(group)
            raise UnreadError
        keys = self._members.get(group, set()) | self._joined.get(group, set())
        rows = [self._changed[key] if key in self._changed else self._rows[key] for key in sorted(keys)]
        return [row for row in rows if row is not None]

    def put(self, key: Key, row: Row) -> None:
        """Write a row, new or changed."""
        self._changed[key] = row
        if self._group is not None:
            self._joined.setdefault(getattr(row, self._columns.fields[self._group]), set()).add(key)

    def drop(self, key: Key) -> None:
        """Remove a row, where there is one."""
        self._changed[key] = None

    def _key(self, record: Sequence[Any]) -> Key:
        places = self._places
        return record[places[0]] if len(places) == 1 else tuple(record[place] for place in places)


def _arrays(names: Sequence[str], kinds: dict[str, str]) -> str:
    return ", ".join(f"${number}::{kinds[name]}[]" for number, name in enumerate(names, start=1))


def _listed(names: Sequence[str], kinds: dict[str, str]) -> str:
    return f"unnest({_arrays(names, kinds)}) u({', '.join(names)})"
