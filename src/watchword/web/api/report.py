"""Reports of providers over HTTP. Addresses for machines that the operator named, and no part of the API.

Not handled here: whether a report counts (``flows/report.py``).

Rule: Kannel fetches its report addresses by GET, so that one GET of this service changes something: the record of a
delivery, under a reference that nobody else holds. It is in no page and no mail.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from watchword.errors import TooLargeError
from watchword.flows.report import Reports
from watchword.web import wire
from watchword.web.exchange import Answer, Request
from watchword.web.problems import MalformedError

MOST = 16_384  # bytes of a callback
_FIELDS = 200


class ReportApi:
    """The endpoints of reports."""

    def __init__(self, reports: Reports) -> None:
        self._flow = reports

    async def twilio(self, request: Request) -> Answer:
        """Take a status callback of Twilio's."""
        signature = request.headers.get(b"x-twilio-signature", b"").decode("latin-1")
        await self._flow.by_twilio(request.key, _fields(await _body(request)), signature)
        return Answer(200, wire.encode(wire.Health()))

    async def gateway(self, request: Request) -> Answer:
        """Take a gateway's report."""
        status = dict(_fields(request.query)).get("status", "")
        await self._flow.by_gateway(request.key, status)
        return Answer(200, wire.encode(wire.Health()))


async def _body(request: Request) -> bytes:
    body = b""
    if request.pieces is not None:
        async for piece in request.pieces:
            body += piece
            if len(body) > MOST:
                raise TooLargeError
    return body


def _fields(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise MalformedError(field="body") from None
