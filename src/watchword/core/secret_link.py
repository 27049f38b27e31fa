"""The address of a secret: how it is written, and how it is read out of whatever a mail program made of it.

Format: docs/spec/secret-link.md, section 5. ``static/link.js`` does the same in the browser.

Not handled here: what the link key opens (``core/envelope.py``).

Rules: the key is in the fragment and nowhere else; a damaged link is repaired where there is exactly one way to
read it, and refused before anybody is asked where there is not; no exception repeats any of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from watchword.core import binary, ids
from watchword.errors import InvalidInputError, UnknownError

PREFIX = "sc_"
KEY_SIZE = 32

MISSING = "The link is incomplete: what follows # is missing."
DAMAGED = "The link is damaged. Copy it once more, as a whole."

_TEXT = 43  # characters of a link key
_ESCAPE = re.compile("%([0-7][0-9a-f])", re.IGNORECASE | re.ASCII)
_ESCAPED = 3  # times over that a link is known to be escaped
_START = re.compile("https?://", re.IGNORECASE | re.ASCII)
_BARE = re.compile("[A-Za-z0-9_-]*")
_RUN = re.compile("#([A-Za-z0-9_-]+)")
_ADDRESS = re.compile(r"(https?://[^\s#<>\"]*?)/s/(sc_[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])[^\s#]*#", re.IGNORECASE)
_BLANKS = " \t\r\n\f\v"


@dataclass(frozen=True)
class SharedLink:
    """A link taken apart: the service it belongs to, the secret's id, and the key that opens it."""

    public_url: str
    id: bytes
    key: bytes = field(repr=False)


def share_url(public_url: str, secret_id: bytes, link_key: bytes) -> str:
    """The link to a secret. It is a secret itself."""
    return f"{public_url.rstrip('/')}/s/{ids.to_text(PREFIX, secret_id)}#{binary.encode(link_key)}"


def read_link(text: str) -> SharedLink:
    """Find the one link in a text.

    Raises:
        InvalidInputError: there is none, its key is missing or damaged, or there are two.
    """
    plain = _unescape(text)
    key = _read_key(plain)
    found = {(match[1], match[2]) for match in _ADDRESS.finditer(plain)}
    if len(found) != 1:
        raise InvalidInputError(DAMAGED, field="link")
    ((public_url, secret_id),) = found
    try:
        return SharedLink(public_url, ids.from_text(PREFIX, secret_id), key)
    except UnknownError:
        raise InvalidInputError(DAMAGED, field="link") from None


def read_fragment(text: str) -> bytes:
    """The link key in a fragment, or in any text that holds a link.

    Raises:
        InvalidInputError: it is missing (``MISSING``) or damaged (``DAMAGED``).
    """
    return _read_key(_unescape(text))


def _read_key(plain: str) -> bytes:
    bare = plain.strip(_BLANKS)
    runs = _RUN.findall(f"#{bare}" if _BARE.fullmatch(bare) else plain)
    if not runs:
        raise InvalidInputError(MISSING, field="link")
    keys = {key for run in runs if (key := _key_of(run)) is not None}
    if len(keys) != 1:
        raise InvalidInputError(DAMAGED, field="link")
    return keys.pop()


def _unescape(text: str) -> str:
    for _ in range(_ESCAPED):
        text = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    return _START.sub(lambda start: " " + start[0], text)


def _key_of(run: str) -> bytes | None:
    first, rest = run[:_TEXT], run[_TEXT:]
    # What ends a sentence in some hands is a dash or an underscore, which a key may hold too, but not past its end.
    if rest.strip("-_") and rest != first:
        return None
    try:
        return binary.decode_exactly(first, KEY_SIZE)
    except ValueError:
        return None
