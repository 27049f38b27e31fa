"""The cookie of a browser that typed a right code at a hosted page of ours: ``__Host-watchword-device``.

Not handled here: what it holds and opens (``core/known_device.py``).

Rules:

* it is set for and read from our own pages alone: a request that comes from another origin, or says nothing of one, has
  no cookie for us, whatever its browser sent along;
* over plain http there is none, because ``__Host-`` demands ``Secure``: development does without.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from watchword.core.instant import SECOND
from watchword.core.known_device import LIFETIME
from watchword.web.exchange import Headers, Request

NAME = "__Host-watchword-device"

_ATTRIBUTES = f"; Max-Age={LIFETIME // SECOND}; Path=/; Secure; HttpOnly; SameSite=Strict"
_PREFIX = f"{NAME}=".encode()


class DeviceCookie:
    """Reads and writes it."""

    def __init__(self, public_url: str) -> None:
        url = urlsplit(public_url)
        self._origin = f"https://{url.netloc.lower().removesuffix(':443')}".encode() if url.scheme == "https" else None

    def read(self, request: Request) -> str | None:
        """Its value, '' where there is none; None where this request may neither bring nor get one."""
        if self._origin is None or request.headers.get(b"origin") != self._origin:
            return None
        for cookie in request.headers.get(b"cookie", b"").split(b";"):
            text = cookie.strip(b" ")
            if text.startswith(_PREFIX):
                return text.removeprefix(_PREFIX).decode("latin-1")
        return ""

    @staticmethod
    def write(value: str) -> Headers:
        """The header that sets it."""
        return [(b"set-cookie", f"{NAME}={value}{_ATTRIBUTES}".encode())]
