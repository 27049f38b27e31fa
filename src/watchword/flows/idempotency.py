"""Idempotency keys: a name that an app gives to a request, so that repeating it does nothing twice.

Not handled here: what stands under one (the store, in the step that adds).

Rule: of key and request keyed hashes are kept, and the request's own bytes are compared through them.
"""

from __future__ import annotations

from watchword.core.app import App
from watchword.core.instant import DAY
from watchword.core.keyring import INDEX_IDEMPOTENCY, Keyring
from watchword.errors import InvalidInputError
from watchword.ports import Idempotency

LIFETIME = DAY
MAX_KEY = 255


def read_idempotency(ring: Keyring, app: App, key: str | None, fingerprint: bytes) -> Idempotency | None:
    """Read the key of a request, if it has one; ``fingerprint`` is the request's own bytes.

    Raises:
        InvalidInputError: it cannot be one.
    """
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        detail = f"An idempotency key has 1 to {MAX_KEY} printable ASCII characters."
        raise InvalidInputError(detail, field="Idempotency-Key")
    return Idempotency(
        ring.lookup(INDEX_IDEMPOTENCY, app.id + b"key" + key.encode()),
        ring.lookup(INDEX_IDEMPOTENCY, app.id + b"request" + fingerprint),
        LIFETIME,
    )
