"""Bodies arriving: size, media type, and clients that leave in the middle.

Not handled here: what a body says (``wire.py``), how long it may take (``watchdog.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from watchword.errors import TooLargeError
from watchword.web.exchange import Request
from watchword.web.problems import MalformedError, NotJsonError

_LONGEST_LENGTH = 18  # digits: longer ones are not even read as numbers
_UTF8 = {b"", b"charset=utf-8", b'charset="utf-8"'}


def whole_body(request: Request, most: int) -> bytes | None:
    """The body, where it is here already, as most are; None where it must be waited for with ``rest_of_body``.

    Raises:
        TooLargeError: longer than ``most``, by its own account or in fact.
        MalformedError: ``Content-Length`` is no number.
    """
    length = request.headers.get(b"content-length")
    if length is not None:
        if not length.isdigit():
            raise MalformedError("This is not a length.", field="Content-Length")
        if len(length) > _LONGEST_LENGTH or int(length) > most:
            raise _too_large(most)
    body = request.caller.whole()
    if body is not None and len(body) > most:
        raise _too_large(most)
    return body


async def rest_of_body(request: Request, most: int) -> bytes:
    """Read the body as it arrives, or stop at the first byte too many.

    Raises:
        TooLargeError: longer than ``most``.
        GoneError: the client left.
    """
    request.reading = True
    pieces: list[bytes] = []
    size = 0
    more = True
    while more and size <= most:
        piece, more = await request.caller.piece()
        pieces.append(piece)
        size += len(piece)
    request.reading = False
    if size > most:
        raise _too_large(most)
    return b"".join(pieces)


async def read_pieces(request: Request, tick: Callable[[], int]) -> AsyncIterator[bytes]:
    """The body as it comes. Each piece may take as long as a whole request may; ``tick`` is the watchdog's now.

    Raises:
        GoneError: the client left.
    """
    more = True
    while more:
        request.came_in = tick()
        request.reading = True
        piece, more = await request.caller.piece()
        request.reading = False
        yield piece


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
