"""How a struct lies in a table: a column a field, in the order of its fields.

Numbers, texts, bytes and switches are columns of that kind, words of a fixed set are texts, and anything else is JSON
in a text, which an operator can read. So a field that a struct gains is kept as soon as a migration has its column.

Not handled here: which rows are read and written (``shelf.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)

_KINDS: dict[Any, str] = {bytes: "bytea", int: "bigint", str: "text", bool: "boolean"}
_to_json = msgspec.json.Encoder().encode


class Columns(Generic[Row]):
    """Reads and writes rows of one struct. ``derived`` columns follow from a row; they are written and never read."""

    def __init__(self, struct: type[Row], derived: Mapping[str, Callable[[Row], int | None]] | None = None) -> None:
        hints = get_type_hints(struct)
        self._struct = struct
        self._derived = tuple((derived or {}).values())
        self.fields = struct.__struct_fields__
        self.names = (*self.fields, *(derived or {}))
        self.kinds: dict[str, str] = dict.fromkeys(derived or {}, "bigint")
        self._readers: list[tuple[int, Callable[[Any], Any]]] = []
        self._packed: list[int] = []
        for place, name in enumerate(self.fields):
            self._learn(place, name, _without_none(hints[name]))

    def _learn(self, place: int, name: str, kind: Any) -> None:  # noqa: ANN401 - an annotation
        self.kinds[name] = _KINDS.get(kind, "text")
        if kind in _KINDS:
            return
        if isinstance(kind, type) and issubclass(kind, Enum):
            self._readers.append((place, {member.value: member for member in kind}.__getitem__))
            return
        self._packed.append(place)
        self._readers.append((place, msgspec.json.Decoder(kind).decode))

    def read(self, record: Sequence[Any]) -> Row:
        """Make a row of a record."""
        if not self._readers:
            return self._struct(*record)
        values = [*record]
        for place, reader in self._readers:
            if values[place] is not None:
                values[place] = reader(values[place])
        return self._struct(*values)

    def write(self, row: Row) -> Sequence[Any]:
        """Make the values of a row, in the order of ``names``."""
        values = msgspec.structs.astuple(row)
        if not self._packed and not self._derived:
            return values
        written = [*values]
        for place in self._packed:
            if written[place] is not None:
                written[place] = _to_json(written[place]).decode()
        written += [derive(row) for derive in self._derived]
        return written


def _without_none(kind: Any) -> Any:  # noqa: ANN401 - an annotation
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = [each for each in get_args(kind) if each is not type(None)]
    return kind
