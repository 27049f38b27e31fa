"""Devices that proved themselves: the value of the cookie that a hosted page leaves behind a right code.

Format: docs/spec/passcode.md, section 11. An entry is of one recipient at one app, and opens that one's own lane.

Not handled here: what a lane is (``core/limit.py``, ``core/verification.py``), the cookie around the value
(``web/device_cookie.py``).

Rules:

* a value names nobody: an entry is a time and a MAC, and says whose it is to nobody who does not ask about that one;
* what is altered, late, of another or of a key that is gone is no entry, and never an error;
* the key is the keyring's, looked up without reading the key file again: a number that somebody made up must not.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from watchword.core import binary
from watchword.core.guard import TRUST
from watchword.core.instant import SECOND, Instant
from watchword.core.keyring import Keyring

LIFETIME = TRUST
MOST = 5  # recipients that one browser is remembered for

_TAG = 16
_SIZE = 1 + 4 + _TAG  # key number, end in seconds, tag
_TEXT = 28  # characters of an entry
MOST_TEXT = MOST * (_TEXT + 1) - 1


def is_known(ring: Keyring, value: str, app: bytes, recipient: bytes, now: Instant) -> bool:
    """Whether a right code was typed for this recipient at this app, in the browser that has this value."""
    return any(_is_of(ring, entry, app, recipient, now) for entry in _entries(value))


def remember(ring: Keyring, value: str, app: bytes, recipient: bytes, now: Instant) -> str:
    """The value after a right code: a new entry, and those that were there and are not too old or too many."""
    head = bytes((ring.current,)) + ((now + LIFETIME) // SECOND).to_bytes(4, "big")
    kept = [each for each in _entries(value) if now < _end(each) and not _is_of(ring, each, app, recipient, now)]
    return ".".join(map(binary.encode, [head + _tag(ring, head, app, recipient), *kept][:MOST]))


def _entries(value: str) -> Iterator[bytes]:
    if len(value) > MOST_TEXT:
        return
    for text in value.split("."):
        try:
            yield binary.decode_exactly(text, _SIZE)
        except ValueError:
            continue


def _is_of(ring: Keyring, entry: bytes, app: bytes, recipient: bytes, now: Instant) -> bool:
    head, tag = entry[:-_TAG], entry[-_TAG:]
    if head[0] not in ring.numbers or now >= _end(entry):
        return False
    return hmac.compare_digest(_tag(ring, head, app, recipient), tag)


def _end(entry: bytes) -> Instant:
    return int.from_bytes(entry[1:5], "big") * SECOND


def _tag(ring: Keyring, head: bytes, app: bytes, recipient: bytes) -> bytes:
    return ring.root(head[0]).device.digest(head + app + recipient)[:_TAG]
