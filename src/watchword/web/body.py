"""Bodies arriving: size, media type, and clients that leave in the middle.

Not handled here: what a body says (``wire.py``), how long it may take (``watchdog.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from watchword.errors import TooLargeError
from watchword.web.asgi import Receive
from watchword.web.exchange import Request
from watchword.web.problems import MalformedError, NotJsonError

_LONGEST_LENGTH = 18  # digits: longer ones are not even read as numbers
_UTF8 = {b"", b"charset=utf-8", b'charset="utf-8"'}


class GoneError(Exception):
    """The client left before its request was complete. Nobody is there to be answered."""


async def read_body(request: Request, receive: Receive, most: int) -> bytes:
    """Read the whole body, or stop at the first byte too many.

    Raises:
        TooLargeError: longer than ``most``, by its own account or in fact.
        MalformedError: ``Content-Length`` is no number.
        GoneError: the client left.
    """
    length = request.headers.get(b"content-length")
    if length is not None:
        if not length.isdigit():
            raise MalformedError("This is not a length.", field="Content-Length")
        if len(length) > _LONGEST_LENGTH or int(length) > most:
            raise _too_large(most)
    if request.shortcut is not None:
        whole = request.shortcut.body()
        if whole is not None:
            if len(whole) > most:
                raise _too_large(most)
            return whole
    request.reading = True
    message = await receive()
    if message["type"] != "http.request":
        raise GoneError
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(body, receive, most)
    if len(body) > most:
        raise _too_large(most)
    request.reading = False
    return body


async def _read_on(start: bytes, receive: Receive, most: int) -> bytes:
    pieces = [start]
    size = len(start)
    more = True
    while more and size <= most:
        message = await receive()
        if message["type"] != "http.request":
            raise GoneError
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


async def read_pieces(request: Request, receive: Receive, tick: Callable[[], int]) -> AsyncIterator[bytes]:
    """The body as it comes. Each piece may take as long as a whole request may; ``tick`` is the watchdog's now.

    Raises:
        GoneError: the client left.
    """
    more = True
    while more:
        request.came_in = tick()
        request.reading = True
        message = await receive()
        request.reading = False
        if message["type"] != "http.request":
            raise GoneError
        more = message.get("more_body", False)
        yield message.get("body", b"")


def check_json(request: Request) -> None:
    """Let a body pass that is declared as JSON, in UTF-8 as RFC 8259 has it.

    Raises:
        NotJsonError: it is declared as something else, or not at all.
    """
    declared = request.headers.get(b"content-type", b"")
    if declared == b"application/json":
        return
    media, _, parameters = declared.partition(b";")
    if media.strip().lower() != b"application/json" or parameters.strip().lower() not in _UTF8:
        raise NotJsonError(field="Content-Type")


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"A request body has at most {most} bytes.", field="body")
