"""The files of secrets over HTTP: upload, how far it got, download, all of it streamed.

Not handled here: the secret itself (``secret.py``), every rule about files (``flows/secret_file.py``).

Uploads are resumed with ``Content-Range: bytes 100-199/200``; ``bytes */200`` and no body asks how much has arrived.
Downloads are resumed with ``Range: bytes=100-``. The claim comes in the header ``Watchword-Claim``.
"""

from __future__ import annotations

import re

from watchword.core import ids
from watchword.core.secret import CLAIM_SIZE
from watchword.errors import InvalidInputError, UnauthenticatedError, UnknownError
from watchword.flows.secret_file import SecretFiles
from watchword.web import wire, wire_secret
from watchword.web.api.secret import UNKNOWN, UNMANAGED, managed
from watchword.web.exchange import OCTETS, Answer, Request
from watchword.web.problems import MalformedError, RangeError
from watchword.web.wire_secret import read_binary

CLAIM_HEADER = b"watchword-claim"
_CONTENT_RANGE = re.compile(rb"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15})")
_RANGE = re.compile(rb"bytes=([0-9]{1,15})?-([0-9]{1,15})?")
_NUMBER = re.compile(r"0|[1-9][0-9]?")


class SecretFileApi:
    """The endpoints of files."""

    def __init__(self, files: SecretFiles) -> None:
        self._flow = files

    async def upload(self, request: Request) -> Answer:
        """Take a sealed file, or the rest of one. The secret is visible once all its files are whole.

        After a connection broke: ask with `Content-Range: bytes */SIZE` and no body how much has arrived, and send the
        rest with `Content-Range: bytes FIRST-LAST/SIZE`.
        """
        raw, token = managed(request)
        number = _number(request)
        offset, asks = _offset(request.headers.get(b"content-range"))
        try:
            if asks or request.pieces is None:
                arrived = await self._flow.received(raw, token, number)
            else:
                arrived = await self._flow.upload(raw, token, number, offset=offset, pieces=request.pieces)
        except UnauthenticatedError:
            raise UnauthenticatedError(UNMANAGED) from None
        shown = wire_secret.BlobArrived(arrived.received, arrived.size, arrived.received == arrived.size)
        return Answer(200, wire.encode(shown))

    async def download(self, request: Request) -> Answer:
        """Hand out a sealed file, or a range of it, under a live claim."""
        try:
            claim = read_binary(request.headers.get(CLAIM_HEADER, b"").decode("latin-1"), CLAIM_SIZE, "Watchword-Claim")
            raw, number = ids.from_text(ids.SECRET, request.key), _number(request)
            size = await self._flow.size(raw, claim, number)
        except (InvalidInputError, UnknownError):
            raise UnknownError(UNKNOWN) from None
        start, stop, partial = _range(request.headers.get(b"range"), size)
        headers = [(b"accept-ranges", b"bytes"), (b"content-disposition", b"attachment")]
        if partial:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
        answer = Answer(206 if partial else 200, b"", OCTETS, headers)
        answer.stream, answer.length = self._flow.download(raw, claim, number, start, stop), stop - start
        return answer


def _number(request: Request) -> int:
    if not _NUMBER.fullmatch(request.item):
        raise UnknownError(UNKNOWN)
    return int(request.item)


def _offset(given: bytes | None) -> tuple[int, bool]:
    """Where an upload goes on, and whether it only asks how far it got."""
    if given is None:
        return 0, False
    found = _CONTENT_RANGE.fullmatch(given)
    if found is None:
        raise MalformedError("This is not a range of bytes.", field="Content-Range")
    return (0, True) if found[1] is None else (int(found[1]), False)


def _range(given: bytes | None, size: int) -> tuple[int, int, bool]:
    """First byte, byte after the last, and whether that is a part. Whatever is not one plain range is not heeded."""
    found = _RANGE.fullmatch(given) if given else None
    if found is None or (found[1] is None and found[2] is None):
        return 0, size, False
    if found[1] is None:
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), size if found[2] is None else min(size, int(found[2]) + 1)
    if start >= stop:
        raise RangeError(size=size)
    return start, stop, True
