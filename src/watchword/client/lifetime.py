"""A lifetime that a caller asks for, as the whole seconds of the wire.

Not handled here: which lifetimes are allowed (the service).
"""

from __future__ import annotations

from datetime import timedelta

from watchword.errors import InvalidInputError

_SECOND = timedelta(seconds=1)


def whole_seconds(span: timedelta) -> int:
    """The seconds of a lifetime; nothing of it is cut off in silence.

    Raises:
        InvalidInputError: it is a number, which may be of minutes, or it has a part of a second.
    """
    if not isinstance(span, timedelta):
        raise InvalidInputError("A lifetime is a timedelta, timedelta(minutes=10) say.", field="expires_in")
    if span % _SECOND:
        raise InvalidInputError("A lifetime is a whole number of seconds.", field="expires_in")
    return span // _SECOND
