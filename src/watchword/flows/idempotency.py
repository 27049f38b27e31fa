"""Idempotency keys: what an app sends with a request, so that sending it again makes nothing new.

Not handled here: what was made under one (the stores).
"""

from __future__ import annotations

from watchword.core.app import App
from watchword.core.instant import DAY
from watchword.core.keyring import INDEX_IDEMPOTENCY, Keyring
from watchword.errors import InvalidInputError
from watchword.ports import Idempotency

IDEMPOTENCY_LIFETIME = DAY
MAX_IDEMPOTENCY_KEY = 255


def read_idempotency(ring: Keyring, app: App, key: str | None, fingerprint: bytes) -> Idempotency | None:
    """Read a key, as the store knows it; None where none came. ``fingerprint`` is the request's own bytes.

    Raises:
        InvalidInputError: it is no key.
    """
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInputError(
            f"An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters.", field="Idempotency-Key"
        )
    return Idempotency(
        ring.lookup(INDEX_IDEMPOTENCY, app.id + b"key" + key.encode()),
        ring.lookup(INDEX_IDEMPOTENCY, app.id + b"request" + fingerprint),
        IDEMPOTENCY_LIFETIME,
    )
