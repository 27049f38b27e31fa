"""What a caller gave, where the wrong type would go unnoticed or end in a foreign exception.

Not handled here: what a value must be beyond that (the service).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from watchword.core import ids
from watchword.errors import InvalidInputError, UnknownError

_SECOND = timedelta(seconds=1)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)


def text(name: str, value: object) -> str:
    """A text that says something.

    Raises:
        InvalidInputError: it is empty, or no text: None, where a variable was not set.
    """
    if not isinstance(value, str):
        kind = "None" if value is None else f"of type {type(value).__name__}"
        raise InvalidInputError(f"This must be a text, and is {kind}.", field=name)
    if not value:
        raise InvalidInputError("This must be a text that is not empty.", field=name)
    return value


def id_text(prefix: str, value: object) -> str:
    """An id of one kind, as the service writes it.

    Raises:
        InvalidInputError: it is no text.
        UnknownError: nothing can have this id, as somebody else's form may well claim.
    """
    given = text("id", value)
    try:
        ids.from_text(prefix, given)
    except UnknownError:
        raise UnknownError(f"Nothing has this id: one begins with {prefix} and has 25 characters.") from None
    return given


def token(name: str, value: object) -> str:
    """What may stand in a header.

    Raises:
        InvalidInputError: it cannot be a token of ours. It is not repeated.
    """
    given = text(name, value)
    if not _TOKEN.fullmatch(given):
        raise InvalidInputError("This is no token: letters, digits, - and _.", field=name)
    return given


def instant(name: str, value: object) -> datetime:
    """A time that is the same everywhere.

    Raises:
        InvalidInputError: it has no zone, or is no datetime.
    """
    if not isinstance(value, datetime):
        raise InvalidInputError("This must be a datetime.", field=name)
    if value.tzinfo is None:
        raise InvalidInputError("A time needs its zone.", field=name)
    return value


def whole_seconds(span: object) -> int:
    """The seconds of a lifetime; nothing of it is cut off in silence.

    Raises:
        InvalidInputError: it is a number, which may be of minutes, or it has a part of a second.
    """
    if not isinstance(span, timedelta):
        raise InvalidInputError("A lifetime is a timedelta, timedelta(minutes=10) say.", field="expires_in")
    if span % _SECOND:
        raise InvalidInputError("A lifetime is a whole number of seconds.", field="expires_in")
    return span // _SECOND
