"""The shapes of confirmed addresses in JSON. How bodies are read and written: ``wire.py``."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from watchword.web.wire import Time
from watchword.web.wire_authenticator import Subject


class AddressShown(Struct, frozen=True):
    """A confirmed address that notices go to."""

    to: Annotated[str, Meta(description="The address, masked.")]
    confirmed_at: Time


class AddressList(Struct, frozen=True):
    """All of a subject."""

    addresses: list[AddressShown]


class AddressNamed(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which address of whom. Without ``to``: all of them."""

    subject: Subject
    to: Annotated[str, Meta(min_length=1, description="The address; without it, all of the subject go.")] | None = None


class AddressesRemoved(Struct, frozen=True):
    """How many were untied."""

    removed: int


EXAMPLES: dict[str, dict[str, Any]] = {
    "AddressShown": {"to": "a***@example.com", "confirmed_at": "2026-11-23T14:02:40.000Z"},
    "AddressList": {"addresses": [{"to": "a***@example.com", "confirmed_at": "2026-11-23T14:02:40.000Z"}]},
    "AddressNamed": {"subject": "user-4711", "to": "ann@example.com"},
    "AddressesRemoved": {"removed": 1},
}
