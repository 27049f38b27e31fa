"""A typed code, compared with a subject's authenticators where a store has read them: inside its step.

So a check is one round trip to the store, and nothing can come between what was read and what is decided.

Not handled here: what a match is worth (``core/authenticator.py``), seals (``flows/authenticator_seal.py``).

Rules:

* every active seed is opened and compared, whichever matches; where there is none the same work is done;
* nothing is raised: a step that fails would fail the batch it travels in. A row that does not open is kept in
  ``shut``, nothing is accepted beside it, and the flow says why;
* a store may run a step again, so nothing of an earlier run stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchword.core.authenticator import SEED_SIZE, Authenticator, Matches, Origin
from watchword.core.instant import Instant
from watchword.core.keyring import Keyring
from watchword.core.otpauth import AuthenticatorKey
from watchword.errors import KeyringError, TamperedError
from watchword.flows import authenticator_seal as seal

_NOBODYS = AuthenticatorKey(bytes(SEED_SIZE))
_NOBODY = Authenticator(b"", b"", b"", b"", b"", b"", 0, Origin.ENROLLED.value, 0, None)


class Typed:
    """The code, for one check. ``against`` is what a store calls (``core.authenticator.Compare``)."""

    __slots__ = ("_digits", "_now", "_ring", "_skew", "shut")

    def __init__(self, ring: Keyring, digits: str, now: Instant, skew: int) -> None:
        self._ring = ring
        self._digits = digits
        self._now = now
        self._skew = skew
        self.shut: Authenticator | None = None

    def __repr__(self) -> str:
        return "Typed()"

    def against(self, active: Sequence[Authenticator]) -> Matches | None:
        """The step that each row's code belongs to, or None where a row does not open."""
        self.shut = None
        matches = {}
        for row in active:
            try:
                key = seal.open_key(self._ring, row)
            except (TamperedError, KeyringError):
                self.shut = row
                return None
            matches[row.id] = seal.match(key, row, self._digits, self._now, self._skew)
        if not active:
            seal.match(_NOBODYS, _NOBODY, self._digits, self._now, self._skew)
        return matches
