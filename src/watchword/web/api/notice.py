"""Confirmed addresses over HTTP, for an app's backend: who is told when a subject's ways in change.

Not handled here: keys, sizes, shapes (``gate.py``, ``wire_notice.py``), every rule about notices (``core/notice.py``).

Rule: an address leaves masked and comes in a body, never in an address line.
"""

from __future__ import annotations

from watchword.core.instant import rfc3339
from watchword.flows.notice import Addresses
from watchword.web import wire, wire_notice
from watchword.web.api.authenticator import app_of, subject_of
from watchword.web.exchange import Answer, Request


class AddressApi:
    """The endpoints of confirmed addresses."""

    def __init__(self, addresses: Addresses) -> None:
        self._flow = addresses

    async def of_subject(self, request: Request) -> Answer:
        """Show the confirmed addresses of a subject, masked.

        An address is tied to a subject by an approved verification that named the subject, and by nothing else.
        """
        listed = await self._flow.of_subject(app_of(request), subject_of(request.query))
        shown = [wire_notice.AddressShown(each.to, rfc3339(each.confirmed_at)) for each in listed]
        return Answer(200, wire.encode(wire_notice.AddressList(shown)))

    async def remove(self, request: Request) -> Answer:
        """Untie an address from a subject, or all of them where an account goes.

        Every address of the subject, those that go included, is told once more.
        """
        asked: wire_notice.AddressNamed = request.payload
        removed = await self._flow.forget(app_of(request), asked.subject, asked.to)
        return Answer(200, wire.encode(wire_notice.AddressesRemoved(removed)))
